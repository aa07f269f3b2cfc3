//! The shop, and who sends signals to it.

use std::error::Error;

use exeunt::{Actor, Context, Exit, Signals, System};
use exeunt_chaos::{Chaos, Fault, Ledger, Page, Part, Port};

/// Takes money, and now and then cannot.
struct Till {
    page: Page,
    cents: u64,
}

impl Actor for Till {
    type Msg = u64;

    fn handle(&mut self, cents: u64, _cx: &mut Context<Self>) -> exeunt::Result {
        let entry = self.page.enter(); // has failed, unless it comes to the end
        self.cents += cents;
        entry.handled();
        Ok(())
    }
}

/// Scans goods, and sends what they cost to the till.
struct Scanner {
    page: Page,
    till: Port<u64>,
}

impl Actor for Scanner {
    type Msg = &'static str;

    fn handle(&mut self, goods: &'static str, _cx: &mut Context<Self>) -> exeunt::Result {
        let entry = self.page.enter();
        self.till.send(goods.len() as u64)?;
        entry.handled();
        Ok(())
    }
}

fn shop() -> Result<Exit, Box<dyn Error>> {
    let ledger = Ledger::open()?;
    let drains_at = Part::from_env().drains_at();
    let mut system = System::new("shop");
    ledger.watch(&mut system);
    let signals = Signals::default().install(&system.handle())?;
    ledger.armed();

    let page = ledger.page("till");
    let till = Till { page: page.clone(), cents: 0 };
    let till = page.port(&system.actor("till").returned(page.returned()).spawn(till)?);
    let page = ledger.page("scanner");
    let scanner = Scanner { page: page.clone(), till };
    let scanner = page.port(&system.actor("scanner").returned(page.returned()).spawn(scanner)?);
    system.spawn_task("customer", move |cx| {
        let mut bought = 0;
        while !cx.stopping().is_set() {
            scanner.send(["tea", "bread", "marmalade"][bought % 3])?;
            bought += 1;
            if drains_at == Some(bought as u64) {
                cx.system().shutdown();
            }
        }
        Ok(())
    });
    ledger.started();

    let exit = system.run();
    ledger.close(exit.report())?;
    drop(signals);
    Ok(exit)
}

pub(crate) fn main() -> Result<Exit, Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("child") {
        return shop();
    }
    let tally = Chaos::new(std::env::current_exe()?)
        .args(["child"])
        .faults([Fault::None, Fault::Doubled, Fault::Stopped, Fault::Ignored, Fault::Nohup])
        .moments(exeunt_chaos::Moment::ALL)
        .signals(60)
        .run()?;
    println!("{tally}");
    std::process::exit(i32::from(!tally.is_clean()))
}
