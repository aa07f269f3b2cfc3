//! [`Recorder`] and [`Timeline`]: a run as one self-contained HTML file.
//!
//! The recorder is told what happens (a listener of the system), and looks at how all stand now and then
//! (a thread of its own). What it makes of that are pure functions: notices and looks to a
//! [`Recording`], the recording and the report to [rows](rows), rows to a [page](page).

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use exeunt::{Notice, Report, System, SystemHandle};

use self::recording::Recording;
use self::rows::Picture;

mod recording;
mod track;
mod rows;
mod scale;
mod page;
mod text;
mod file;
#[cfg(test)]
mod props;

/// How often a recorder looks, unless it is told otherwise.
const EVERY: Duration = Duration::from_millis(20);

/// Records a run, so that a [`Timeline`] can be drawn of it.
///
/// It is attached to a system before anybody is spawned, and [finished](Recorder::finish) with the report.
/// What has a moment of its own (a start, a restart, a turn, an end) is told by the system; how an actor
/// spends its time and how full its mailbox is, is looked at every 20 milliseconds. A look reads what the
/// actors have written anyway; it costs them nothing.
///
/// Its memory is bounded, however long the run is: it looks half as often whenever there is too much, and
/// as often as at first again when the drain begins. Of thousands of actors, one after the other, it
/// forgets those that ended first.
///
/// It neither keeps the system alive nor delays its end. Dropped, it records nothing more.
///
/// # Examples
///
/// ```
/// use exeunt::System;
/// use exeunt_view::Recorder;
///
/// let mut system = System::new("recorded");
/// let recorder = Recorder::attach(&mut system);
/// system.spawn_task("reader", |cx| {
///     cx.stopping().wait();
///     Ok(())
/// });
/// let report = system.shutdown();
/// let timeline = recorder.finish(&report);
///
/// let html = timeline.to_string();
/// assert!(html.starts_with("<!doctype html>") && html.contains("reader"));
/// # let folder = std::env::temp_dir().join(format!("exeunt-view-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let file = folder.join("timeline.html");
/// timeline.write(&file)?;
/// assert_eq!(std::fs::read_to_string(&file)?, html);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a recorder that is dropped records nothing"]
pub struct Recorder {
    shared: Arc<Shared>,
    tell: SyncSender<Word>,
    looker: Option<JoinHandle<()>>,
}

/// What the listener and the thread write to.
struct Shared {
    began: Instant,
    recording: Mutex<Recording>,
}

/// What the thread is told.
enum Word {
    /// The drain has begun: look now, and often.
    Look,
    /// There is nothing more to see.
    End,
}

/// More than are ever told: a drain begins once, a system ends once, and so does a recorder.
const WORDS: usize = 4;

impl Recorder {
    /// Begins to record. Its clock begins here, so this comes before anybody is spawned.
    ///
    /// If the operating system refuses the thread that looks, the timeline is drawn without what it
    /// would have seen, and says so.
    pub fn attach(system: &mut System) -> Recorder {
        Recorder::attach_every(system, EVERY)
    }

    /// The same, and looks every so often, at first; once a millisecond at the most.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::System;
    /// use exeunt_view::Recorder;
    ///
    /// let mut system = System::new("brief");
    /// let recorder = Recorder::attach_every(&mut system, Duration::from_millis(1));
    /// system.spawn_task("blink", |cx| Ok(cx.sleep(Duration::from_millis(5))?));
    /// let timeline = recorder.finish(&system.wait());
    /// assert_eq!(timeline.rows(), 1);
    /// ```
    pub fn attach_every(system: &mut System, interval: Duration) -> Recorder {
        let interval = interval.max(Duration::from_millis(1));
        let recording = Mutex::new(Recording::new(interval));
        let shared = Arc::new(Shared { began: Instant::now(), recording });
        let (tell, told) = mpsc::sync_channel(WORDS);
        listen(system, Arc::downgrade(&shared), tell.clone());

        let name = format!("{}/timeline", system.handle().name().replace('\0', ""));
        let (handle, weak) = (system.handle(), Arc::downgrade(&shared));
        let thread = thread::Builder::new().name(name);
        let looker = thread.spawn(move || look(&handle, &weak, &told, interval));
        if let Err(error) = &looker {
            shared.lock().is_blind_since(error);
        }
        Recorder { shared, tell, looker: looker.ok() }
    }

    /// Ends the recording, and gives the timeline of what was recorded, with the figures of the report.
    ///
    /// After the system's end: what has not happened yet is not drawn.
    #[must_use]
    pub fn finish(mut self, report: &Report) -> Timeline {
        let now = self.shared.began.elapsed();
        let _ = self.tell.try_send(Word::End);
        if let Some(looker) = self.looker.take() {
            // It sleeps, or looks; neither takes long. A panic of it would be a bug of ours, and costs
            // what it has not seen.
            let _ = looker.join();
        }
        Timeline { picture: Picture::of(&self.shared.lock(), report, now) }
    }
}

/// The thread may be asleep, and is told; nobody waits for it.
impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.tell.try_send(Word::End);
    }
}

/// Writes down whatever is told, as long as there is a recorder.
fn listen(system: &mut System, shared: Weak<Shared>, tell: SyncSender<Word>) {
    system.observe(move |notice| {
        let Some(shared) = shared.upgrade() else { return };
        let now = shared.began.elapsed();
        shared.lock().hear(now, notice);
        let word = match notice {
            Notice::DrainBegan { .. } => Word::Look,
            Notice::Finished { .. } => Word::End,
            _ => return,
        };
        let _ = tell.try_send(word);
    });
}

/// The life of the thread: looks, and sleeps, until there is no system or no recorder any more.
fn look(system: &SystemHandle, shared: &Weak<Shared>, told: &Receiver<Word>, interval: Duration) {
    let mut nap = interval;
    loop {
        let word = told.recv_timeout(nap);
        let Some(shared) = shared.upgrade() else { return };
        let (now, actors) = (shared.began.elapsed(), system.snapshot());
        nap = shared.lock().look(now, &actors);
        let is_over = match word {
            Ok(Word::Look) => false,
            Ok(Word::End) | Err(RecvTimeoutError::Disconnected) => true,
            // Also when nobody was ever spawned, so that there was nobody to tell of an end.
            Err(RecvTimeoutError::Timeout) => system.has_ended(),
        };
        if is_over {
            return;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("since", &self.shared.began.elapsed()).finish()
    }
}

/// A run, drawn: each actor a row, in the order of leaving, with its life, what it did with its time, its
/// restarts, its queue and its drain over time, and the figures of the report below.
///
/// `Display` is the whole HTML file. It fetches nothing: styles, drawings and the few lines of script that
/// show the figures under the cursor are in it, and a policy in its head forbids it to load anything. It
/// reads in dark and in light, on paper, and without the script.
///
/// If the drain is short beside the run it is drawn on a scale of its own. Of more than a thousand
/// actors the last row sums up those of whom there is least to say.
#[derive(Clone, Debug)]
pub struct Timeline {
    picture: Picture,
}

impl Timeline {
    /// How many rows it has: one for each line of the report, and for each thread of a pool.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.picture.rows.len()
    }

    /// Writes it to a file, which is replaced as a whole or not at all. What is no file, a pipe or a
    /// device, is written to.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the name of the file. What was there before is still there.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        file::replace(path.as_ref(), &self.to_string())
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        page::write(f, &self.picture)
    }
}

#[cfg(test)]
mod tests;
