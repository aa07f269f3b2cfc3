//! A victim from the outside: started, listened to, signalled, and held to its word.
//!
//! Every wait is for a fact (a line that the victim says, its end) and has a limit, after which all
//! that the victim has said, and where it stands, is printed and its whole process group killed.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// The program.
pub(crate) const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

/// How long anything may take, on however slow a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The exit status of an incomplete drain.
pub(crate) const INCOMPLETE: i32 = exeunt::INCOMPLETE as i32;

/// A victim at large, or a program around it.
pub(crate) struct Victim {
    /// What was started, and the leader of its process group.
    leader: Pid,
    /// Who is signalled: the leader, until the victim has said who it is.
    pid: Pid,
    folder: PathBuf,
    facts: Receiver<String>,
    /// All that it has said.
    told: Vec<String>,
    unheard: Vec<String>,
    line: Arc<Mutex<Option<UnixStream>>>,
    end: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
    is_over: bool,
    pub(crate) stdin: Option<ChildStdin>,
}

/// What became of it.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) facts: Vec<String>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Victim {
    /// Starts a scenario.
    pub(crate) fn play(words: &[&str]) -> Victim {
        let mut command = Command::new(VICTIM);
        command.args(words);
        Victim::start(command)
    }

    /// Starts a program that starts a victim.
    pub(crate) fn start(mut command: Command) -> Victim {
        let folder = new_folder();
        let socket = folder.join("facts");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let (tell, facts) = mpsc::channel();
        let line = Arc::new(Mutex::new(None));
        thread::spawn({
            let line = Arc::clone(&line);
            move || listen(&listener, &tell, &line)
        });
        let output = |name| File::create(folder.join(name)).expect("a file for the output");
        let mut child = command
            .env("VICTIM_FACTS", &socket)
            .env("RUST_LOG", "exeunt=debug")
            .stdin(Stdio::piped())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let leader = pid_of(child.id());
        let stdin = child.stdin.take();
        let (ended, end) = mpsc::channel();
        thread::spawn(move || {
            if let Ok(status) = child.wait() {
                let _ = ended.send(status);
            }
            // In the queue behind every victim there was, so that all they said is heard first.
            if let Ok(mut line) = UnixStream::connect(&socket) {
                let _ = line.write_all(END_OF_FACTS.as_bytes());
            }
        });
        Victim {
            leader,
            pid: leader,
            folder,
            facts,
            told: Vec::new(),
            unheard: Vec::new(),
            line,
            end,
            status: None,
            is_over: false,
            stdin,
        }
    }

    // Facts.

    /// Waits until it has said something that begins so, and gives the rest. Each fact is heard
    /// once; threads may tell theirs in any order.
    pub(crate) fn hear(&mut self, beginning: &str) -> String {
        let heard = self.hear_unless_it_ends(beginning);
        heard.unwrap_or_else(|| self.give_up(&format!("it never said `{beginning}`")))
    }

    /// The same of one that may end before.
    pub(crate) fn hear_unless_it_ends(&mut self, beginning: &str) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.unheard.iter().position(|f| f.starts_with(beginning)) {
                let fact = self.unheard.remove(at);
                return Some(fact[beginning.len()..].trim().to_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.facts.recv_timeout(left) {
                Ok(fact) => self.note(fact),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.give_up(&format!("it has not said `{beginning}`"))
                }
            }
        }
    }

    /// Waits until it says something that begins so once more.
    pub(crate) fn hear_anew(&mut self, beginning: &str) -> String {
        while let Ok(fact) = self.facts.try_recv() {
            self.note(fact);
        }
        self.unheard.retain(|fact| !fact.starts_with(beginning));
        self.hear(beginning)
    }

    /// Waits until it has written so many lines with this text to standard error.
    pub(crate) fn reads_on_stderr(&mut self, text: &str, times: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stderr = self.output("stderr");
            if stderr.lines().filter(|line| line.contains(text)).count() >= times {
                return stderr;
            }
            if Instant::now() > deadline {
                self.give_up(&format!("it never wrote `{text}`"));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn note(&mut self, fact: String) {
        self.told.push(fact.clone());
        self.unheard.push(fact);
    }

    /// Waits until a signal will begin its drain; from here on signals go to the victim itself.
    pub(crate) fn hear_ready(&mut self) {
        let pid: u32 = self.hear("ready").parse().expect("a process id");
        if pid != 1 {
            self.pid = pid_of(pid);
        }
    }

    /// Answers a victim that waits for a word. What it does not wait for yet, it finds.
    pub(crate) fn say_a_word(&self) {
        let line = self.line.lock().expect("the line");
        // A victim that is gone already needs none.
        let _ = line.as_ref().map(|mut line| line.write_all(b"\n"));
    }

    // Signals.

    pub(crate) fn signal(&self, signal: Signal) {
        assert!(self.signal_if_it_lives(signal), "the victim lives");
    }

    pub(crate) fn signal_if_it_lives(&self, signal: Signal) -> bool {
        kill_process(self.pid, signal).is_ok()
    }

    /// Signals everybody in the group, as a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.leader, signal).expect("somebody of the group lives");
    }

    /// Says who is to be signalled, where the victim does not know itself by which number.
    pub(crate) fn aim_at(&mut self, pid: u32) {
        self.pid = pid_of(pid);
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(crate) fn leader(&self) -> i32 {
        self.leader.as_raw_nonzero().get()
    }

    // The end.

    /// Whether what was started ends within that time.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        self.status = self.status.or_else(|| self.end.recv_timeout(time).ok());
        self.status.is_some()
    }

    /// Waits for the end of what was started, and of everything that the victim says.
    pub(crate) fn end(mut self) -> End {
        self.ends_within(PATIENCE);
        let Some(status) = self.status else { self.give_up("it does not end") };
        self.is_over = true;
        while let Ok(fact) = self.facts.recv_timeout(PATIENCE) {
            self.told.push(fact);
        }
        End {
            status,
            facts: std::mem::take(&mut self.told),
            stdout: self.output("stdout"),
            stderr: self.output("stderr"),
        }
    }

    fn output(&self, name: &str) -> String {
        let bytes = fs::read(self.folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn give_up(&mut self, why: &str) -> ! {
        self.told.extend(self.facts.try_iter());
        let status = self.end.try_recv();
        let stands = status.map_or("alive".to_owned(), |status| status.to_string());
        let mut text = format!("{why} ({stands})\nfacts:\n  {}\n", self.told.join("\n  "));
        for name in ["stdout", "stderr"] {
            let _ = writeln!(text, "{name}:\n{}", self.output(name));
        }
        let _ = writeln!(text, "its threads:\n{}", threads(self.pid()));
        panic!("{text}");
    }
}

/// Nobody outlives its test.
impl Drop for Victim {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = kill_process_group(self.leader, Signal::KILL);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const END_OF_FACTS: &str = "end of facts\n";

/// One victim after the other: in a shell's loop there are several.
fn listen(listener: &UnixListener, tell: &Sender<String>, line: &Mutex<Option<UnixStream>>) {
    for stream in listener.incoming().map_while(Result::ok) {
        *line.lock().expect("the line") = stream.try_clone().ok();
        for fact in BufReader::new(stream).lines().map_while(Result::ok) {
            if fact == END_OF_FACTS.trim_end() {
                return;
            }
            let _ = tell.send(fact);
        }
    }
}

/// What the operating system knows of the threads of a process.
fn threads(pid: i32) -> String {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return "  unknown".to_owned();
    };
    tasks
        .filter_map(Result::ok)
        .map(|task| {
            let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            format!("  {}: {}\n", read("comm").trim(), read("wchan").trim())
        })
        .collect()
}

fn pid_of(pid: u32) -> Pid {
    i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id")
}

/// A folder of the test's own, with a name short enough for a socket.
fn new_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("victim-{}-{number}", std::process::id()));
    fs::create_dir(&folder).expect("a folder of its own");
    folder
}

/// Says visibly that a test was not run, since the machine lacks something.
pub(crate) fn skipped(what: &str) {
    say_visibly(&format!("skipped: {what}"));
}

/// Past the test harness, which hides what a passed test prints.
pub(crate) fn say_visibly(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Whether there is a program of that name.
pub(crate) fn has_program(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|dir| Path::new(&dir).join(name).exists())
    })
}

impl End {
    // How the process ended.

    #[track_caller]
    pub(crate) fn is_death_by(&self, signal: Signal) -> &End {
        assert_eq!(self.status.signal(), Some(signal.as_raw()), "{}\n{self}", self.status);
        self
    }

    #[track_caller]
    pub(crate) fn is_exit(&self, code: i32) -> &End {
        assert_eq!(self.status.code(), Some(code), "{}\n{self}", self.status);
        self
    }

    // What it said.

    pub(crate) fn said(&self, beginning: &str) -> usize {
        self.facts.iter().filter(|fact| fact.starts_with(beginning)).count()
    }

    /// The end came in the middle: nobody had the time to say anything.
    #[track_caller]
    pub(crate) fn is_without_last_words(&self) -> &End {
        assert_eq!(self.said("over") + self.said("report"), 0, "{self}");
        self
    }

    /// The report of the system, of which there is exactly one.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        assert_eq!(self.said("report "), 1, "{self}");
        assert_eq!(self.said("over"), 1, "{self}");
        self.facts
            .iter()
            .find_map(|fact| serde_json::from_str(fact.strip_prefix("report ")?).ok())
            .unwrap_or_else(|| panic!("the report is no JSON\n{self}"))
    }

    /// The line of an actor in the report.
    #[track_caller]
    pub(crate) fn actor(&self, name: &str) -> Value {
        actor_of(&self.report(), name)
            .cloned()
            .unwrap_or_else(|| panic!("no `{name}` in the report\n{self}"))
    }

    /// Holds the report against the ledger that the victim's own code kept, page by page.
    #[track_caller]
    pub(crate) fn balances(&self) -> &End {
        let report = self.report();
        let pages = self.ledger();
        assert!(!pages.is_empty(), "no ledger\n{self}");
        for page in &pages {
            page.balances().unwrap_or_else(|wrong| panic!("{}: {wrong}\n{self}", page.name));
            match actor_of(&report, &page.name) {
                Some(actor) => page.agrees_with(actor),
                None if page.of("accepted") == 0 => Ok(()),
                None => Err("it took messages, and is not in the report".to_owned()),
            }
            .unwrap_or_else(|wrong| panic!("{}: {wrong}\n{self}", page.name));
        }
        assert_eq!(self.said("disorder"), 0, "{self}");
        self
    }

    /// The drain was complete, and the report says by which signal.
    #[track_caller]
    pub(crate) fn is_complete_after(&self, signal: &str) -> &End {
        let report = self.report();
        assert_eq!(report["reason"], "signal", "{self}");
        assert_eq!(report["signal"], signal, "{self}");
        assert_eq!(report["complete"], true, "{self}");
        self
    }

    pub(crate) fn ledger(&self) -> Vec<Page> {
        self.facts.iter().filter_map(|fact| Page::parse(fact)).collect()
    }

    #[track_caller]
    pub(crate) fn page(&self, name: &str) -> Page {
        self.ledger()
            .into_iter()
            .find(|page| page.name == name)
            .unwrap_or_else(|| panic!("no page of `{name}`\n{self}"))
    }

    /// The names in the order in which they left.
    #[track_caller]
    pub(crate) fn order(&self) -> Vec<String> {
        let report = self.report();
        let actors = report["actors"].as_array().cloned().unwrap_or_default();
        actors.iter().filter_map(|actor| actor["name"].as_str().map(str::to_owned)).collect()
    }
}

fn actor_of<'a>(report: &'a Value, name: &str) -> Option<&'a Value> {
    report["actors"].as_array()?.iter().find(|actor| actor["name"] == name)
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\nfacts:\n  {}", self.status, self.facts.join("\n  "))?;
        writeln!(f, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr)
    }
}

/// What the victim's own code has counted of one actor.
pub(crate) struct Page {
    pub(crate) name: String,
    numbers: Vec<(String, u64)>,
}

impl Page {
    /// Reads `ledger NAME key=number..`, where the name may have spaces.
    fn parse(fact: &str) -> Option<Page> {
        let words: Vec<&str> = fact.strip_prefix("ledger ")?.split(' ').collect();
        let name: Vec<&str> =
            words.iter().copied().take_while(|word| !word.contains('=')).collect();
        let numbers = words
            .iter()
            .filter_map(|word| word.split_once('='))
            .filter_map(|(key, number)| Some((key.to_owned(), number.parse().ok()?)))
            .collect();
        Some(Page { name: name.join(" "), numbers })
    }

    pub(crate) fn of(&self, key: &str) -> u64 {
        self.numbers
            .iter()
            .find(|(name, _)| name == key)
            .map_or_else(|| panic!("no `{key}` in the ledger"), |(_, number)| *number)
    }

    /// M1: what was offered was accepted or refused, and what was accepted was handled, failed, or
    /// returned.
    fn balances(&self) -> Result<(), String> {
        let [offered, accepted, refused] = ["offered", "accepted", "refused"].map(|k| self.of(k));
        let ends = ["handled", "failed", "in_hand", "returned"].map(|k| self.of(k));
        if offered != accepted + refused {
            return Err(format!("offered {offered} is not {accepted} + {refused}"));
        }
        if accepted != ends.iter().sum::<u64>() {
            return Err(format!("accepted {accepted} is not the sum of {ends:?}"));
        }
        Ok(())
    }

    /// R1: the report says the same.
    fn agrees_with(&self, actor: &Value) -> Result<(), String> {
        let mine =
            [self.of("handled"), self.of("failed") + self.of("in_hand"), self.of("returned")];
        let theirs =
            ["handled", "failed", "returned"].map(|key| actor[key].as_u64().unwrap_or(u64::MAX));
        if mine == theirs {
            Ok(())
        } else {
            Err(format!("the ledger has {mine:?}, the report {theirs:?}"))
        }
    }
}
