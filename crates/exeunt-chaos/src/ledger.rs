//! [`Ledger`]: what a child's own code keeps of its messages, where it outlives the child.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fmt, thread};

use exeunt::{Addr, Notice, Report, SendError, System, TrySendError};
use serde_json::json;

mod figures;
mod witness;

pub(crate) use figures::Figures;
pub(crate) use witness::senders;

/// The variable of the environment that names the folder of a child's ledger and report.
pub(crate) const FOLDER: &str = "EXEUNT_CHAOS_FOLDER";
/// The names of the two files in it.
pub(crate) const LEDGER: &str = "ledger";
pub(crate) const REPORT: &str = "report";
/// With what a line begins that tells the parent something.
pub(crate) const FACT: &str = "chaos: ";
/// The facts that the drain has begun, that it is over, and that not all could be spawned.
const DRAINING: &str = "draining";
const FINISHED: &str = "finished";
const CALLED_OFF: &str = "called off";

/// Whether the system was at its end, by what a child has said. One that is called off because there are no threads for
/// those who serve it ends without a drain, and without anybody who could tell of it.
pub(crate) fn has_finished(said: &str) -> bool {
    let says = |fact| said.lines().any(|line| line.strip_prefix(FACT) == Some(fact));
    says(FINISHED) || says(CALLED_OFF) && !says(DRAINING)
}

/// What a child's own code keeps of its messages: a page for each actor, held by the parent
/// against the [`Report`] of the library.
///
/// Every figure is written to a file as it changes, so that the ledger outlives a child that is
/// killed, however suddenly. That costs a system call for each; a ledger in a program that no
/// [`Chaos`](crate::Chaos) has started is kept in memory alone.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, System};
/// use exeunt_chaos::{Ledger, Page};
///
/// struct Sink(Page);
///
/// impl Actor for Sink {
///     type Msg = u32;
///
///     fn handle(&mut self, _n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         let entry = self.0.enter(); // failed, unless ...
///         entry.handled();
///         Ok(())
///     }
/// }
///
/// let ledger = Ledger::open()?;
/// let mut system = System::new("test");
/// let page = ledger.page("sink"); // called as the actor is
/// let sink = system.actor("sink").returned(page.returned()).spawn(Sink(page.clone()))?;
/// let port = page.port(&sink);
/// port.send(1)?;
/// let report = system.shutdown();
/// ledger.close(&report)?;
/// assert_eq!(page.to_string(), "offered=1 accepted=1 refused=0 entered=1 handled=1 failed=0 \
///                               returned=0 disordered=0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Book>);

#[derive(Debug)]
struct Book {
    files: Option<Files>,
    pages: Mutex<Vec<Page>>,
    timing: Mutex<Timing>,
}

/// All opened at the beginning: later there may be no descriptors left.
#[derive(Debug)]
struct Files {
    ledger: File,
    report: File,
    /// Not the standard library's, which a thread that is stuck may have locked.
    stderr: File,
}

#[derive(Debug, Default)]
struct Timing {
    limits: Option<Limits>,
    drain_began: Option<Instant>,
    /// How much longer than it wanted the [metronome](metronome) has slept since.
    overslept: Duration,
}

/// The deadlines of a drain, in one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "to be written down")]
pub struct Limits {
    /// See [`System::set_drain_budget`].
    pub budget: Duration,
    /// See [`System::set_stall_limit`].
    pub stall: Duration,
    /// See [`System::set_grace`].
    pub grace: Duration,
}

impl Ledger {
    /// Opens the ledger, before anything else is done.
    ///
    /// # Errors
    ///
    /// If the files of a child cannot be opened.
    pub fn open() -> io::Result<Ledger> {
        let files = match env::var_os(FOLDER) {
            Some(folder) => Some(Files::open(Path::new(&folder))?),
            None => None,
        };
        Ok(Ledger(Arc::new(Book { files, pages: Mutex::default(), timing: Mutex::default() })))
    }

    /// The page of an actor, which is found by its name in the report. Several of one name share
    /// one.
    ///
    /// # Panics
    ///
    /// If the name does not fit a line of the ledger.
    #[must_use]
    pub fn page(&self, name: &str) -> Page {
        assert!(figures::is_fit(name), "`{name}` does not fit a line of the ledger");
        let mut pages = lock(&self.0.pages);
        if let Some(page) = pages.iter().find(|page| page.0.name == name) {
            return page.clone();
        }
        let page = Page(Arc::new(Sheet {
            name: name.to_owned(),
            number: pages.len() as u64,
            book: Arc::clone(&self.0),
            figures: Mutex::default(),
        }));
        page.change(|_| {}); // so that an untouched page is there too
        pages.push(page.clone());
        page
    }

    // What the parent waits for.

    /// Says that the child has taken the signals: to be called right after
    /// [`install`](exeunt::Signals::install), before anybody is spawned.
    ///
    /// From here on the parent is also told who has sent a signal: on a machine on which numbers of processes are soon
    /// given to others, it may be somebody who meant another.
    pub fn armed(&self) {
        if self.0.files.is_some() {
            // Without a descriptor or a thread for it, a stranger is not known by name.
            let _ = witness::listen(self);
        }
        self.say("armed");
    }

    /// Says that all have been spawned.
    pub fn started(&self) {
        self.say("started");
    }

    /// Says that not all could be spawned: to be called before the system is told to end for that. If the threads that
    /// [`watch`](Ledger::watch) would hear from were refused as well, nothing else tells that it has ended, after which
    /// a signal has its default effect.
    pub fn called_off(&self) {
        self.say(CALLED_OFF);
    }

    /// Says anything else, to whoever reads the output.
    pub fn say(&self, fact: &str) {
        if let Some(files) = &self.0.files {
            // A parent that has gone away needs no facts.
            let _ = (&files.stderr).write_all(format!("{FACT}{fact}\n").as_bytes());
        }
    }

    /// Says when the drain begins and when it is over, and measures it; and measures by a thread that only sleeps for how long the
    /// machine had no processor for this process, or the process was stopped: nobody can be held to what it does in
    /// that time.
    pub fn watch(&self, system: &mut System) {
        let ledger = self.clone();
        system.observe(move |notice| match notice {
            Notice::DrainBegan { .. } => {
                lock(&ledger.0.timing).drain_began = Some(Instant::now());
                ledger.say(DRAINING);
                let book = Arc::clone(&ledger.0);
                // Refused, as a thread may be, there is nothing to be excused.
                let thread = thread::Builder::new().name("metronome".to_owned());
                let _ = thread.spawn(move || metronome(&book));
            }
            // As long as somebody listens to this, the system has not ended, and has the signals.
            Notice::Finished { .. } => ledger.say(FINISHED),
            _ => {}
        });
    }

    /// Sets the deadlines of the system, and lets the parent hold the drain to them.
    pub fn limit(&self, system: &mut System, limits: Limits) {
        let Limits { budget, stall, grace } = limits;
        system.set_drain_budget(budget).set_stall_limit(stall).set_grace(grace);
        lock(&self.0.timing).limits = Some(limits);
    }

    // The end.

    /// Hands in the report, as soon as there is one, before the process ends.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn close(&self, report: &Report) -> io::Result<()> {
        let claims: Vec<Claim> = report.actors.iter().map(Claim::of).collect();
        self.close_with(report, &claims)
    }

    /// Hands in the report, with what the library says of those that have no line of their own in
    /// it: the stages of a pipeline.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn close_with(&self, report: &Report, claims: &[Claim]) -> io::Result<()> {
        let Timing { limits, drain_began, overslept } = *lock(&self.0.timing);
        let Some(files) = &self.0.files else { return Ok(()) };
        let text = json!({
            "report": report,
            "claims": claims.iter().map(Claim::to_json).collect::<Vec<_>>(),
            "drain_ms": drain_began.map(|began| millis(began.elapsed())),
            "overslept_ms": millis(overslept),
            "limit_ms": limits.map(|limits| millis(limits.budget + limits.grace)),
        });
        files.report.write_all_at(text.to_string().as_bytes(), 0)
    }
}

/// Sleeps, and adds up by how much too long. Who is kept waiting for a processor each time it wakes, is kept waiting
/// as those are that it shares the process with.
fn metronome(book: &Book) {
    const BEAT: Duration = Duration::from_millis(5);
    loop {
        let began = Instant::now();
        thread::sleep(BEAT);
        lock(&book.timing).overslept += began.elapsed().saturating_sub(BEAT);
    }
}

impl Files {
    fn open(folder: &Path) -> io::Result<Files> {
        let create = |name| {
            let path = folder.join(name);
            File::create(&path).map_err(|error| io::Error::new(error.kind(), named(&path, &error)))
        };
        Ok(Files {
            ledger: create(LEDGER)?,
            report: create(REPORT)?,
            stderr: File::from(io::stderr().as_fd().try_clone_to_owned()?),
        })
    }
}

fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// What the library says became of the messages, or items, of one actor, or stage.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "to be written down")]
pub struct Claim {
    /// Whose.
    pub name: String,
    /// Those that its handler returned from.
    pub handled: u64,
    /// Those that failed, and those that it never came back from.
    pub failed: u64,
    /// Those that it never saw.
    pub returned: u64,
    /// Whether its threads are handed many at a time, so that one that is given up has some in its hands that it has
    /// not seen yet; they have failed.
    pub in_chunks: bool,
}

impl Claim {
    /// What the report says of an actor.
    #[must_use]
    pub fn of(actor: &exeunt::ActorReport) -> Claim {
        Claim {
            name: actor.name.clone(),
            handled: actor.handled,
            failed: actor.failed,
            returned: actor.returned,
            in_chunks: false,
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let Claim { name, handled, failed, returned, in_chunks } = self;
        json!({
            "name": name,
            "handled": handled,
            "failed": failed,
            "returned": returned,
            "in_chunks": in_chunks,
        })
    }
}

/// An actor's page of a [`Ledger`]. All clones are the same page.
#[derive(Clone)]
pub struct Page(Arc<Sheet>);

struct Sheet {
    name: String,
    number: u64,
    book: Arc<Book>,
    /// Counted and written under one lock, so that the last that is written is the last that was
    /// counted.
    figures: Mutex<Figures>,
}

impl Page {
    /// An address that keeps the page of what is sent through it.
    #[must_use]
    pub fn port<M: Send + 'static>(&self, addr: &Addr<M>) -> Port<M> {
        Port { addr: addr.clone(), page: self.clone() }
    }

    /// Counts a message that has entered the handler. It has failed, unless it is said to have been
    /// [handled](Entry::handled).
    #[must_use = "dropped at once, it has failed"]
    pub fn enter(&self) -> Entry {
        let number = self.change(|figures| figures.entered += 1).entered;
        Entry { page: self.clone(), number }
    }

    /// The hook for [`returned`](exeunt::ActorBuilder::returned).
    pub fn returned<M>(&self) -> impl FnMut(M) + Send + 'static + use<M> {
        let page = self.clone();
        move |_message| {
            page.change(|figures| figures.returned += 1);
        }
    }

    /// Counts a send that is made in another way than by a [`Port`].
    ///
    /// # Errors
    ///
    /// That of the send.
    pub fn offer<T, E>(&self, send: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.change(|figures| figures.offered += 1);
        let sent = send();
        self.change(|figures| match sent {
            Ok(_) => figures.accepted += 1,
            Err(_) => figures.refused += 1,
        });
        sent
    }

    /// Says that a message came before one that was sent before it by the same sender.
    pub fn disordered(&self) {
        self.change(|figures| figures.disordered += 1);
    }

    fn change(&self, change: impl FnOnce(&mut Figures)) -> Figures {
        let sheet = &*self.0;
        let mut figures = lock(&sheet.figures);
        change(&mut figures);
        if let Some(files) = &sheet.book.files {
            let line = figures.to_line(&sheet.name);
            let at = sheet.number * line.len() as u64;
            if let Err(error) = files.ledger.write_all_at(line.as_bytes(), at) {
                // Without a ledger there is nothing to hold anybody to. An abort is seen.
                let _ = writeln!(&files.stderr, "the ledger cannot be written: {error}");
                process::abort();
            }
        }
        *figures
    }
}

/// Its figures.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lock(&self.0.figures).fmt(f)
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({} {self})", self.0.name)
    }
}

/// A message in its handler; see [`Page::enter`].
#[derive(Debug)]
#[must_use = "dropped, it has failed"]
pub struct Entry {
    page: Page,
    number: u64,
}

impl Entry {
    /// Which one of its page this is, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Counts it as handled.
    pub fn handled(self) {
        self.page.change(|figures| figures.handled += 1);
        std::mem::forget(self);
    }
}

/// By an error or a panic.
impl Drop for Entry {
    fn drop(&mut self) {
        self.page.change(|figures| figures.failed += 1);
    }
}

/// An address that keeps the page of what is sent through it; see [`Page::port`].
#[derive(Debug)]
pub struct Port<M: Send + 'static> {
    addr: Addr<M>,
    page: Page,
}

impl<M: Send + 'static> Port<M> {
    /// Sends, as [`Addr::send`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Addr::send`].
    pub fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.page.offer(|| self.addr.send(message))
    }

    /// Sends, as [`Addr::try_send`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Addr::try_send`].
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.page.offer(|| self.addr.try_send(message))
    }

    /// The page that it keeps.
    #[must_use]
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// The address.
    #[must_use]
    pub fn addr(&self) -> &Addr<M> {
        &self.addr
    }
}

impl<M: Send + 'static> Clone for Port<M> {
    fn clone(&self) -> Port<M> {
        Port { addr: self.addr.clone(), page: self.page.clone() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing of the user's runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_whether_the_drain_was_over_is_read_from_what_was_said() {
        assert!(has_finished(&format!("{FACT}draining\n{FACT}{FINISHED}\n")));
        assert!(!has_finished(&format!("{FACT}draining\nfinished\n{FACT}unfinished\n")));
    }

    #[test]
    fn s5_what_is_called_off_ends_at_once_unless_there_is_somebody_to_drain() {
        assert!(has_finished(&format!("{FACT}armed\n{FACT}{CALLED_OFF}\n{FACT}started\n")));
        assert!(!has_finished(&format!("{FACT}{CALLED_OFF}\n{FACT}{DRAINING}\n")));
    }
}
