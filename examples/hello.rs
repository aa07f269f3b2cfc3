//! The program of the README: counts the words of standard input.

use std::io::{self, Write};

use exeunt::{Actor, Context, Error, System};

struct Tally {
    words: u64,
}

impl Actor for Tally {
    type Msg = String;

    fn handle(&mut self, line: String, _cx: &mut Context<Self>) -> exeunt::Result {
        self.words += line.split_whitespace().count() as u64;
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        writeln!(io::stdout(), "{} words", self.words)
            .map_err(|error| Error::msg(format_args!("standard output: {error}")))
    }
}

fn main() -> exeunt::Exit {
    env_logger::init();
    let mut system = System::new("words");
    let tally = system.spawn("tally", Tally { words: 0 });
    system.spawn_task("stdin", move |cx| {
        for line in cx.stopping().interrupts(|| io::stdin().lines())? {
            tally.send(line?)?;
        }
        Ok(())
    });
    system.run() // until all is done, a signal, or a failure; then the ordered drain
}
