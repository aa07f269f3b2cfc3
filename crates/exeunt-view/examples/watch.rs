//! A small factory to watch: `cargo run -p exeunt-view --example watch`, and Ctrl-C.
//!
//! ```text
//! source ──→ cut ──→ paint (2 threads) ──→ pack
//! ```
//!
//! The source is quicker than the painters, so that the mailboxes before them are full, and there is
//! something to drain. What is written on the way:
//!
//! - `--log`: a line of the log now and then, above the live lines;
//! - `--print`: a `println` now and then, past the view;
//! - `--panic`: one of the painters panics now and then, and begins anew;
//! - `--stuck`: `pack` is stuck in its handler when the drain begins, and is given up;
//! - `--extras 200`: so many more actors with nothing to do;
//! - `--items 100`: so many pieces, and then it ends by itself;
//! - `--plain`: plain lines on a terminal too.

use std::env;
use std::io::Write as _;
use std::process;
use std::time::Duration;

use exeunt::{Actor, Addr, Context, Exit, Restart, System, TaskContext};
use exeunt_view::View;

fn main() -> std::io::Result<Exit> {
    let options = Options::parse();
    let mut system = System::new("factory");
    system.set_stall_limit(Duration::from_secs(3));
    let view = View::new();
    let view = if options.is_plain { view.plain() } else { view };
    let view = view.attach(&mut system)?;
    if options.logs {
        let log = env_logger::Target::Pipe(Box::new(view.writer()));
        env_logger::Builder::new().filter_level(log::LevelFilter::Info).target(log).init();
    }
    if let Err(error) = assemble(&mut system, &options) {
        let _ = writeln!(view.writer(), "watch: {error}");
        process::exit(1);
    }
    let exit = system.run();
    view.finish(exit.report());
    Ok(exit.quiet())
}

/// Downstream first, since an actor is given the addresses of those that it sends to.
fn assemble(system: &mut System, options: &Options) -> Result<(), exeunt::SpawnError> {
    for extra in 1..=options.extras {
        let idle = system.task(&format!("extra-{extra}")).daemon().feeds_nothing();
        idle.spawn(|cx| {
            cx.stopping().wait();
            Ok(())
        })?;
    }
    let pack = Pack { is_stuck: options.is_stuck, logs: options.logs, prints: options.prints };
    let pack = system.actor("pack").capacity(8).spawn(pack)?;
    let restart = Restart::on_failure().intensity(1_000, Duration::from_secs(1));
    let panics = options.panics;
    let paint = system.pool("paint", 2).capacity(32).restart(restart);
    let paint = paint.spawn_with(move || Paint { pack: pack.clone(), panics })?;
    let cut = system.actor("cut").capacity(16).spawn(Cut { paint })?;
    let items = options.items;
    system.task("source").spawn(move |cx| produce(cx, &cut, items))
}

fn produce(cx: &TaskContext, cut: &Addr<u64>, items: u64) -> exeunt::Result {
    for piece in 0..items {
        if cx.stopping().is_set() {
            break;
        }
        cut.send(piece)?;
    }
    Ok(())
}

struct Cut {
    paint: Addr<u64>,
}

impl Actor for Cut {
    type Msg = u64;

    fn handle(&mut self, piece: u64, cx: &mut Context<Self>) -> exeunt::Result {
        cx.sleep(Duration::from_millis(1))?;
        Ok(self.paint.send(piece)?)
    }
}

struct Paint {
    pack: Addr<u64>,
    panics: bool,
}

impl Actor for Paint {
    type Msg = u64;

    fn handle(&mut self, piece: u64, cx: &mut Context<Self>) -> exeunt::Result {
        assert!(!self.panics || piece % 100 != 99, "out of paint at {piece}");
        cx.sleep(Duration::from_millis(40))?;
        Ok(self.pack.send(piece)?)
    }
}

struct Pack {
    is_stuck: bool,
    logs: bool,
    prints: bool,
}

impl Actor for Pack {
    type Msg = u64;

    fn handle(&mut self, piece: u64, cx: &mut Context<Self>) -> exeunt::Result {
        let is_tenth = piece % 10 == 0;
        if self.logs && is_tenth {
            log::info!("packed piece {piece}");
        }
        if self.prints && is_tenth {
            println!("piece {piece} is ready");
        }
        if self.is_stuck && cx.system().is_draining() {
            std::thread::sleep(Duration::from_secs(3_600));
        }
        Ok(())
    }
}

struct Options {
    logs: bool,
    prints: bool,
    panics: bool,
    is_stuck: bool,
    is_plain: bool,
    extras: usize,
    items: u64,
}

impl Options {
    fn parse() -> Options {
        let words: Vec<String> = env::args().skip(1).collect();
        let has = |word: &str| words.iter().any(|other| other == word);
        let number = |word: &str| {
            let at = words.iter().position(|other| other == word)?;
            words.get(at + 1)?.parse().ok()
        };
        Options {
            logs: has("--log"),
            prints: has("--print"),
            panics: has("--panic"),
            is_stuck: has("--stuck"),
            is_plain: has("--plain"),
            extras: number("--extras").unwrap_or(0) as usize,
            items: number("--items").unwrap_or(u64::MAX),
        }
    }
}
