//! A small factory to watch: `cargo run -p exeunt-view --example watch`, and Ctrl-C.
//!
//! ```text
//! source ──→ cut ──→ paint (2 threads) ──→ pack
//! ```
//!
//! Each is slower than the one before it, so that the mailboxes are full, and there is something to drain.

use std::env;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process;
use std::str::FromStr;
use std::time::Duration;

use exeunt::{Actor, Addr, Context, Exit, Restart, Status, System, TaskContext};
use exeunt_view::{Recorder, View, Writer};

const HELP: &str = "\
A small factory to watch; Ctrl-C ends it in order, a second one at once.

Usage: watch [OPTIONS]

  --timeline FILE  draw the run there, as an HTML file
  --items N        so many pieces, and then it ends by itself
  --speed N        so many times as fast
  --log            a line of the log now and then, above the live lines
  --print          a `println` now and then, past the view
  --panic          one of the painters panics now and then, and begins anew
  --stuck          `pack` is stuck in its handler when the drain begins, and is given up
  --guests         guests come and go, children of `door`
  --extras N       so many more, with nothing to do
  --plain          plain lines on a terminal too
  --help           print this
";

fn main() -> Exit {
    let options = Options::parse(env::args().skip(1)).unwrap_or_else(|error| refuse(&error));
    let mut system = System::new("factory");
    system.set_stall_limit(Duration::from_secs(3) / options.speed);

    // Both before anybody is spawned, so that they miss nothing.
    let view = if options.is_plain { View::new().plain() } else { View::new() };
    let view = view.attach(&mut system).unwrap_or_else(|error| refuse(&error));
    let timeline = options.timeline.clone();
    let timeline = timeline.map(|file| (Recorder::attach(&mut system), file));
    if options.logs {
        let log = env_logger::Target::Pipe(Box::new(view.writer()));
        env_logger::Builder::new().filter_level(log::LevelFilter::Info).target(log).init();
    }
    if let Err(error) = assemble(&mut system, &options) {
        refuse(&error);
    }

    let exit = system.run(); // and the view shows the drain
    view.finish(exit.report());
    let drawn = timeline.map(|(recorder, file)| recorder.finish(exit.report()).write(file));
    match drawn {
        Some(Err(error)) => {
            let _ = writeln!(Writer::new(), "watch: {error}");
            exit.quiet().with_status(Status::Failure)
        }
        _ => exit.quiet(),
    }
}

fn refuse(error: &dyn Display) -> ! {
    let _ = writeln!(Writer::new(), "watch: {error}");
    process::exit(2)
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
    if options.has_guests {
        system.actor("door").feeds_nothing().spawn(Door { guests: 0 })?;
    }
    let speed = options.speed;
    let Options { is_stuck, logs, prints, panics, .. } = *options;
    let pack = Pack { speed, is_stuck, logs, prints };
    let pack = system.actor("pack").capacity(24).spawn(pack)?;
    let restart = Restart::on_failure().intensity(1_000, Duration::from_secs(1));
    let paint = system.pool("paint", 2).capacity(48).restart(restart).feeds(&pack);
    let paint = paint.spawn_with(move || Paint { speed, pack: pack.clone(), panics })?;
    let cut = system.actor("cut").capacity(24).feeds(&paint).spawn(Cut { speed, paint })?;
    let items = options.items;
    system.task("source").feeds(&cut).spawn(move |cx| produce(cx, &cut, items))?;
    Ok(())
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
    speed: u32,
    paint: Addr<u64>,
}

impl Actor for Cut {
    type Msg = u64;

    fn handle(&mut self, piece: u64, cx: &mut Context<Self>) -> exeunt::Result {
        cx.sleep(Duration::from_millis(10) / self.speed)?;
        Ok(self.paint.send(piece)?)
    }
}

struct Paint {
    speed: u32,
    pack: Addr<u64>,
    panics: bool,
}

impl Actor for Paint {
    type Msg = u64;

    fn handle(&mut self, piece: u64, cx: &mut Context<Self>) -> exeunt::Result {
        assert!(!self.panics || piece % 100 != 99, "out of paint at {piece}");
        cx.sleep(Duration::from_millis(40) / self.speed)?;
        Ok(self.pack.send(piece)?)
    }
}

struct Pack {
    speed: u32,
    is_stuck: bool,
    logs: bool,
    prints: bool,
}

impl Actor for Pack {
    type Msg = u64;

    fn handle(&mut self, piece: u64, cx: &mut Context<Self>) -> exeunt::Result {
        cx.sleep(Duration::from_millis(25) / self.speed)?;
        let is_tenth = piece % 10 == 0;
        if self.logs && is_tenth {
            log::info!("packed piece {piece}");
        }
        if self.prints && is_tenth {
            // Not `println`, which panics if nobody reads it.
            let _ = writeln!(io::stdout(), "piece {piece} is ready");
        }
        if self.is_stuck && cx.system().is_draining() {
            std::thread::sleep(Duration::from_secs(3_600));
        }
        Ok(())
    }
}

/// Lets guests in, who stay for a while.
struct Door {
    guests: u64,
}

struct Knock;

impl Actor for Door {
    type Msg = Knock;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.send_every(Duration::from_millis(300), || Knock);
        Ok(())
    }

    fn handle(&mut self, _: Knock, cx: &mut Context<Self>) -> exeunt::Result {
        self.guests += 1;
        let stay = Duration::from_millis(500 + self.guests * 377 % 900);
        let guest = cx.task(&format!("guest-{}", self.guests));
        guest.spawn(move |cx| {
            let _ = cx.sleep(stay); // or until it is told to leave
            Ok(())
        })?;
        Ok(())
    }
}

#[derive(Default)]
struct Options {
    timeline: Option<PathBuf>,
    items: u64,
    speed: u32,
    extras: u32,
    logs: bool,
    prints: bool,
    panics: bool,
    is_stuck: bool,
    has_guests: bool,
    is_plain: bool,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options { items: u64::MAX, speed: 1, ..Options::default() };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--timeline" => options.timeline = Some(value()?.into()),
                "--items" => options.items = number(&arg, &value()?)?,
                "--speed" => options.speed = number::<NonZeroU32>(&arg, &value()?)?.get(),
                "--extras" => options.extras = number(&arg, &value()?)?,
                "--log" => options.logs = true,
                "--print" => options.prints = true,
                "--panic" => options.panics = true,
                "--stuck" => options.is_stuck = true,
                "--guests" => options.has_guests = true,
                "--plain" => options.is_plain = true,
                "--help" => {
                    let _ = io::stdout().write_all(HELP.as_bytes());
                    process::exit(0);
                }
                other => return Err(format!("unknown option {other} (see --help)")),
            }
        }
        Ok(options)
    }
}

fn number<N: FromStr>(option: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{option} {value}: no number that it can be"))
}
