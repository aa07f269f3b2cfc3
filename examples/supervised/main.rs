//! A flaky device: it fails, backs off, comes back, and escalates when it does not.
//!
//! ```text
//! cargo run --example supervised -- [--broken] [--fail-every N] [--for SECONDS] [--timeline FILE] ...
//! ```
//!
//! A thermometer at the end of a cable is read ten times a second:
//!
//! ```text
//!              ┌ group `line` ────────┐
//! device ──────┼─► reader ──► parser ─┼──► recorder
//!   calls,     │  a timer     state   │    knows nothing
//!   chunks     └──────────────────────┘    of all this
//! ```
//!
//! What the device's figures mean it says only when it is called. So a reader that has failed has to
//! call again, and a parser that has failed needs somebody to call: neither can go on without the
//! other, and the group restarts them together. It waits before it does, twice as long each time.
//! Press Ctrl-C in such a wait, and it is cut short. With `--broken` the device stays away; the group
//! gives up, and what follows is the ordered drain of all, with the status 1. With `--hang` it does
//! what no policy helps against.
//!
//! With `--timeline FILE` one can see all that afterwards, in a browser.
//!
//! The policy is in [`assemble`]; the device is in `device.rs`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/random.rs"]
mod random;

mod device;
mod options;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use exeunt::{
    Actor, Addr, Backoff, Context, Exit, Report, Restart, SpawnError, Status, Strategy, System,
};

use crate::common::{help, log_to_stderr, refuse};
use crate::device::Device;
use crate::options::Options;

fn main() -> Exit {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => help(options::HELP),
        Err(error) => refuse(&error),
    };
    log_to_stderr();
    let (tell, summary) = mpsc::channel();
    let mut system = System::new("supervised");
    // Before anybody is spawned, so that it misses nothing.
    let timeline = options.timeline.as_ref();
    let timeline = timeline.map(|path| (exeunt_view::Recorder::attach(&mut system), path));
    if let Err(error) = assemble(&mut system, &options, tell) {
        refuse(&error);
    }
    let exit = system.run();
    let said = common::print(&in_words(summary.try_recv().ok(), exit.report()));
    let drawn = timeline.map_or(Ok(()), |(recorder, path)| {
        recorder.finish(exit.report()).write(path).map_err(|error| error.to_string())
    });
    match said.and(drawn) {
        Ok(()) => exit,
        Err(error) => {
            log::error!("{error}");
            exit.with_status(Status::Failure)
        }
    }
}

/// Who there is, and who is restarted with whom. Downstream first; the order in which they leave, and
/// in which they begin anew, follows from that.
fn assemble(
    system: &mut System,
    options: &Options,
    summary: mpsc::Sender<Summary>,
) -> Result<(), SpawnError> {
    let (pace, backoff) = (options.pace, options.backoff);

    // Outside of the group: what it has recorded outlives every failure of those upstream.
    let patience = pace.saturating_mul(8).max(Duration::from_millis(500));
    let recorder = system.actor("recorder").spawn(Recorder::new(patience, summary))?;

    // Ten restarts within a hundred times the first wait: a row of waits that never ends (1, 2, 4, 8,
    // 8, ... of it) exceeds that, and so the system comes to know of a device that stays away.
    let line = system
        .group("line")
        .strategy(Strategy::OneForAll)
        .intensity(10, backoff.saturating_mul(100))
        .build()?;
    let restart =
        Restart::on_failure().backoff(Backoff::exponential(backoff, backoff.saturating_mul(8)));

    // What is restarted is made anew by the closure, and begins with nothing.
    let parser = system.actor("parser").within(&line).restart(restart);
    let parser = parser.spawn_with(move || Parser::new(recorder.clone()))?;

    let device = Device::new(options.seed, options.fail_every, options.temper);
    let device = Arc::new(Mutex::new(device));
    let reader = system.actor("reader").within(&line).restart(restart);
    reader.spawn_with(move || Reader {
        device: Arc::clone(&device),
        parser: parser.clone(),
        pace,
    })?;

    if let Some(after) = options.ends_after {
        system.spawn_task("clock", move |cx| {
            cx.sleep(after)?;
            cx.system().shutdown();
            Ok(())
        });
    }
    Ok(())
}

// reader

/// Calls the device, and reads it at every tick of a timer. The device outlives it, as a cable
/// outlives who holds it.
struct Reader {
    device: Arc<Mutex<Device>>,
    parser: Addr<Line>,
    pace: Duration,
}

/// It is time to read.
struct Tick;

impl Actor for Reader {
    type Msg = Tick;

    /// A device that does not answer is a failure like any other, so that there is one way to wait and
    /// to try again, and it is not in here.
    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        let greeting = self.device().open()?;
        match greeting.refused {
            0 => log::info!("the device answers"),
            n => log::info!("the device answers again, at call number {}", n + 1),
        }
        self.parser.send(Line::Opened { scale: greeting.scale })?;
        // The timer ends with this incarnation.
        cx.send_every(self.pace, || Tick);
        Ok(())
    }

    fn handle(&mut self, _: Tick, _cx: &mut Context<Self>) -> exeunt::Result {
        let chunk = self.device().read()?;
        Ok(self.parser.send(Line::Chunk(chunk))?)
    }
}

impl Reader {
    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// parser

/// What comes from the reader.
enum Line {
    /// The device was called, and said what its figures are to be divided by.
    Opened { scale: i32 },
    /// Some text, not always whole lines.
    Chunk(String),
}

/// Makes readings of text.
struct Parser {
    recorder: Addr<f64>,
    /// Unknown until the device has been called.
    scale: Option<i32>,
    /// The beginning of a line whose end is still to come.
    half: String,
}

impl Parser {
    fn new(recorder: Addr<f64>) -> Parser {
        Parser { recorder, scale: None, half: String::new() }
    }
}

impl Actor for Parser {
    type Msg = Line;

    fn handle(&mut self, line: Line, _cx: &mut Context<Self>) -> exeunt::Result {
        let chunk = match line {
            Line::Opened { scale } => {
                self.scale = Some(scale);
                return Ok(());
            }
            Line::Chunk(chunk) => chunk,
        };
        // The mailbox outlives a restart, so that what comes before the greeting is of a call before
        // it, and begins in the middle of a line.
        let Some(scale) = self.scale else { return Ok(()) };
        self.half += &chunk;
        while let Some(end) = self.half.find('\n') {
            let line: String = self.half.drain(..=end).collect();
            self.recorder.send(f64::from(parse(line.trim_end())?) / f64::from(scale))?;
        }
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        if !self.half.is_empty() {
            log::info!("half a reading is dropped: {:?}", self.half);
        }
        Ok(())
    }
}

fn parse(line: &str) -> Result<i32, exeunt::Error> {
    let figure = line.strip_prefix("T ").and_then(|figure| figure.parse().ok());
    figure.ok_or_else(|| exeunt::Error::msg(format!("{line:?} is not a reading")))
}

// recorder

/// Says how warm it is, once for so many readings, and that there are none if there are none.
struct Recorder {
    patience: Duration,
    last: Instant,
    readings: u64,
    sum: f64,
    /// Of those that it has not spoken of.
    recent: Vec<f64>,
    summary: mpsc::Sender<Summary>,
}

/// What was recorded in all.
struct Summary {
    readings: u64,
    mean: f64,
}

impl Recorder {
    const SAY_EVERY: usize = 10;

    fn new(patience: Duration, summary: mpsc::Sender<Summary>) -> Recorder {
        let recent = Vec::with_capacity(Recorder::SAY_EVERY);
        Recorder { patience, last: Instant::now(), readings: 0, sum: 0.0, recent, summary }
    }
}

impl Actor for Recorder {
    type Msg = f64;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.set_idle_timeout(self.patience);
        Ok(())
    }

    fn handle(&mut self, degrees: f64, _cx: &mut Context<Self>) -> exeunt::Result {
        log::debug!("{degrees:.1} °C");
        self.last = Instant::now();
        self.readings += 1;
        self.sum += degrees;
        self.recent.push(degrees);
        if self.recent.len() == Recorder::SAY_EVERY {
            let mean = self.recent.drain(..).sum::<f64>() / Recorder::SAY_EVERY as f64;
            log::info!("{mean:.1} °C; {} readings", self.readings);
        }
        Ok(())
    }

    fn idle(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        log::info!("no reading for {:.1?}", self.last.elapsed());
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        let mean = self.sum / self.readings as f64;
        let _ = self.summary.send(Summary { readings: self.readings, mean });
        Ok(())
    }
}

// What is said in the end.

fn in_words(summary: Option<Summary>, report: &Report) -> String {
    let restarts = |name| report.actor(name).map_or(0, |actor| actor.restarts);
    let text = match summary {
        Some(Summary { readings: 0, .. }) => "no readings".to_owned(),
        Some(Summary { readings, mean }) => format!("{readings} readings, {mean:.1} °C on average"),
        None => "the readings are lost".to_owned(),
    };
    format!("{text}; restarts of the line: {}\n", restarts("reader"))
}
