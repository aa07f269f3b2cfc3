//! A drain that one can watch: a live view of the actors of a [`System`] for terminals, and a timeline of a run
//! as one HTML file.
//!
//! # The live view
//!
//! [`View::attach`] begins to show a system, [`Showing::finish`] ends that with the report:
//!
//! ```no_run
//! use exeunt::{Exit, System};
//! use exeunt_view::View;
//!
//! fn main() -> std::io::Result<Exit> {
//!     let mut system = System::new("words");
//!     let view = View::new().attach(&mut system)?;
//!     system.spawn_task("reader", |cx| {
//!         cx.stopping().wait();
//!         Ok(())
//!     });
//!     let exit = system.run(); // until Ctrl-C; then the view shows the drain
//!     view.finish(exit.report());
//!     Ok(exit.quiet()) // since the report has been printed
//! }
//! ```
//!
//! While it runs, each actor has a line at the bottom of the terminal, upstream first. In the drain the same
//! lines show whose turn it is, how many messages are to go, and how long until its deadline:
//!
//! ```text
//! factory  draining (SIGINT) for 0.9s: 2 of 4 have left, 59 messages to go; again to end at once
//!   in order state                 queue   rate handled deadline
//! ✓ source   drained                   -              -
//! ✓ cut      drained                   -            175
//! ▸ paint x2 draining   ━━━━━━━─── 35/48   46/s     137     3.0s  sleeping
//!   pack     working    ━━━━━━━━━━ 24/24   39/s     112
//! ```
//!
//! Where there is no terminal (a file, a pipe, a service manager's log, `TERM=dumb`) there are plain lines
//! instead: one for each notice that the log does not have, and one a second that says how far everybody is.
//!
//! ## What the program writes
//!
//! It goes above the live lines if it goes through a [`Writer`], which is there before the view is, and outlives
//! it. Set up the log with one, and write the program's own lines to another:
//!
//! ```
//! use std::io::Write;
//! use exeunt_view::Writer;
//!
//! env_logger::builder().target(env_logger::Target::Pipe(Box::new(Writer::new()))).init();
//! log::info!("above the live lines, if there are any");
//! writeln!(Writer::new(), "and so is this")?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What panics say is above them by itself. For what has to write to the terminal by its own means there is
//! [`Writer::aside`].
//!
//! # The timeline
//!
//! [`Recorder::attach`] begins to record, [`Recorder::finish`] makes a [`Timeline`] of it:
//!
//! ```
//! use exeunt::System;
//! use exeunt_view::Recorder;
//!
//! let mut system = System::new("words");
//! let recorder = Recorder::attach(&mut system); // before anybody is spawned
//! system.spawn_task("reader", |_| Ok(()));
//! let report = system.wait();
//! let timeline = recorder.finish(&report);
//! assert_eq!(timeline.rows(), 1);
//! assert!(timeline.to_string().contains("reader")); // or `timeline.write("run.html")?`
//! ```
//!
//! The page has a row for each actor, with its life, what it did with its time, its restarts, its queue and
//! its drain, the figures under the pointer, and the report as a table. It fetches nothing.
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | show a system on a terminal | [`View`] |
//! | have plain lines, or more of them | [`View::plain`], [`View::progress_every`] |
//! | end the view, and print the report | [`Showing::finish`] |
//! | write above the live lines | [`Writer`], [`Showing::writer`] |
//! | ask the user something meanwhile | [`Writer::aside`] |
//! | record a run | [`Recorder`] |
//! | look more often | [`Recorder::attach_every`] |
//! | have the page, or put it into a file | [`Timeline`], [`Timeline::write`] |
//!
//! # What it costs
//!
//! Both look at [snapshots](exeunt::SystemHandle::snapshot), of what the actors write anyway: ten a second for
//! the view, and at most fifty for a recorder whose memory is bounded. Neither is in the way of a message, keeps the
//! system alive, or holds up its drain.
//!
//! [`System`]: exeunt::System
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod live;
mod plain;
mod timeline;

pub use live::{Showing, View, Writer};
pub use timeline::{Recorder, Timeline};

/// The code of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
