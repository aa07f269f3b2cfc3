//! Signals at random moments, with faults, against real processes.
//!
//! A program of [`exeunt`] promises that what was accepted is handled, failed or returned; that it ends, in
//! time, and says truthfully how. This holds it to that from outside: a child process is started, something goes
//! wrong, SIGINT or SIGTERM comes at a uniformly random moment of its start-up, its work, or its drain, and the
//! parent compares three witnesses: how the process ended, what its own code has counted, and what the
//! [report](exeunt::Report) of the library says.
//!
//! - offered = accepted + refused; accepted = handled + failed + returned; for each actor, by the counts of the
//!   child's own code, which are in a file and outlive it (M1);
//! - the report says the same (R1), and names whoever was given up (D3);
//! - the exit status follows from the report and the signal (S3);
//! - the drain took no longer than budget + grace + 100 ms, by the child's own clock; it is not judged if the machine
//!   had no processor for the child for more than 50 ms of it (D1, D3);
//! - no message overtook another of the same sender (M3);
//! - it ended at all.
//!
//! # Your own actors
//!
//! Two programs are needed, or one that is both. The **child** is the program under test. It keeps a
//! [`Ledger`], with a [`Page`] for each actor, sends through [`Port`]s, and hands in its report:
//!
//! ```no_run
//! use exeunt::{Actor, Context, Exit, Signals, System};
//! use exeunt_chaos::{Ledger, Page};
//!
//! struct Till { page: Page, cents: u64 }
//!
//! impl Actor for Till {
//!     type Msg = u64;
//!
//!     fn handle(&mut self, cents: u64, _cx: &mut Context<Self>) -> exeunt::Result {
//!         let entry = self.page.enter(); // counts as failed, if an error or a panic comes
//!         self.cents += cents;
//!         entry.handled();
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> Result<Exit, Box<dyn std::error::Error>> {
//!     let ledger = Ledger::open()?;
//!     let mut system = System::new("shop");
//!     let signals = Signals::default().install(&system.handle())?;
//!     ledger.watch(&mut system);
//!     ledger.armed(); // from here on a signal may come
//!
//!     let page = ledger.page("till"); // by the name of the actor
//!     let till = Till { page: page.clone(), cents: 0 };
//!     let till = system.actor("till").returned(page.returned()).spawn(till)?;
//!     let port = page.port(&till);
//!     system.spawn_task("customers", move |cx| {
//!         while !cx.stopping().is_set() {
//!             port.send(5)?;
//!         }
//!         Ok(())
//!     });
//!     drop(till);
//!     ledger.started();
//!
//!     let exit = system.run();
//!     ledger.close(exit.report())?;
//!     drop(signals);
//!     Ok(exit)
//! }
//! ```
//!
//! The **parent** is a test, or a program:
//!
//! ```no_run
//! use exeunt_chaos::{Chaos, Fault};
//!
//! let tally = Chaos::new("target/debug/shop")
//!     .faults([Fault::None, Fault::Doubled, Fault::Stopped, Fault::Process1])
//!     .signals(300)
//!     .run()?;
//! assert!(tally.is_clean(), "{tally}");
//! # Ok::<(), exeunt_chaos::ChaosError>(())
//! ```
//!
//! A failure is told with the seed that repeats its choices. `examples/own_actors` is both in one program.
//!
//! # The program
//!
//! `cargo run --release -p exeunt-chaos -- --signals 300` plays six topologies of its own under the whole menu of
//! [faults](Fault); `--help` says what else there is. It closes with a line such as
//!
//! ```text
//! signals=300 unaccounted=0 hangs=0 wrong_status=0 missing_reports=0 late=0 disordered=0
//! ```
//!
//! On Unix (but OpenBSD). Elsewhere the crate is empty.
#![cfg(all(unix, not(target_os = "openbsd")))]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod campaign;
mod part;
mod dice;
mod ledger;

mod run;
mod wrap;
mod judge;
mod tally;
mod second;

pub use campaign::{Chaos, ChaosError};
pub use dice::Dice;
pub use judge::Wrong;
pub use ledger::{Claim, Entry, Ledger, Limits, Page, Port};
pub use part::{Fault, Moment, Part};
pub use second::Second;
pub use tally::{Failure, Overdue, Tally};
