//! The factory of the example `watch`, on a terminal of its own.

use std::io::{self, Read, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use exeunt_testkit::example;
use pty_process::blocking::{self, Pty};
use rustix::process::{Pid, Signal};
use rustix::termios::{Termios, tcgetattr};
use vt100::Parser;

/// However slow the machine is.
const LIMIT: Duration = Duration::from_secs(60);

/// What the terminal showed.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) screen: vt100::Screen,
    /// Every byte that was written to it.
    pub(crate) bytes: Vec<u8>,
}

impl Seen {
    pub(crate) fn rows(&self) -> Vec<String> {
        let columns = self.screen.size().1.get();
        self.screen.rows(0, columns).map(|row| row.trim_end().to_owned()).collect()
    }

    pub(crate) fn text(&self) -> String {
        self.rows().join("\n")
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// Everything that a program can set, and has to leave as it was.
    pub(crate) fn modes(&self) -> String {
        let Seen { screen, .. } = self;
        format!(
            "cursor hidden {}, other screen {}, keypad {}, mouse {:?}, paste {}, {:?} on {:?}, bold {}, dim {}",
            screen.hide_cursor(),
            screen.alternate_screen(),
            screen.application_keypad(),
            screen.mouse_protocol_mode(),
            screen.bracketed_paste(),
            screen.fgcolor(),
            screen.bgcolor(),
            screen.bold(),
            screen.dim(),
        )
    }
}

/// The emulator, and all that it was given.
type Shown = (Parser, Vec<u8>);

/// A program in a terminal of so many rows and columns.
pub(crate) struct Play {
    child: Child,
    pty: Arc<Pty>,
    seen: Arc<(Mutex<Shown>, Condvar)>,
    reader: Option<JoinHandle<()>>,
    before: Termios,
}

impl Play {
    pub(crate) fn begin(rows: u16, columns: u16, args: &[&str]) -> Play {
        Play::begin_with(rows, columns, args, &[])
    }

    pub(crate) fn begin_with(rows: u16, columns: u16, args: &[&str], env: &[(&str, &str)]) -> Play {
        let mut play = Play::unread(rows, columns, args, env);
        let (pty, seen) = (Arc::clone(&play.pty), Arc::clone(&play.seen));
        play.reader = Some(thread::spawn(move || {
            let mut buffer = [0; 4096];
            // It ends with an error when the last has closed the other side.
            while let Ok(read @ 1..) = (&*pty).read(&mut buffer) {
                let mut all = seen.0.lock().unwrap();
                all.0.process(&buffer[..read]);
                all.1.extend_from_slice(&buffer[..read]);
                seen.1.notify_all();
            }
        }));
        play
    }

    /// On a terminal that takes what fits, and of which nobody reads it.
    pub(crate) fn unread(rows: u16, columns: u16, args: &[&str], env: &[(&str, &str)]) -> Play {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let before = tcgetattr(&pty).unwrap();
        let usual = [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")];
        let child = blocking::Command::new(watch())
            .args(["--speed", "3"])
            .args(args)
            .env_remove("NO_COLOR")
            .env("RUST_BACKTRACE", "0")
            .envs(usual)
            .envs(env.iter().copied())
            .spawn(pts)
            .unwrap();
        let parser = (Parser::new(at_least_one(rows), at_least_one(columns), 0), Vec::new());
        let seen = Arc::new((Mutex::new(parser), Condvar::new()));
        Play { child, pty: Arc::new(pty), seen, reader: None, before }
    }

    /// Waits until the terminal shows this.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Seen) -> bool) -> Seen {
        let seen = self.until_unless_over(what, is_so);
        seen.unwrap_or_else(|| panic!("not seen until it was over: {what}"))
    }

    /// The same of what passes: on a slow machine it may not be drawn before all is over.
    pub(crate) fn until_unless_over(
        &self,
        what: &str,
        is_so: impl Fn(&Seen) -> bool,
    ) -> Option<Seen> {
        let deadline = Instant::now() + LIMIT;
        let mut all = self.seen.0.lock().unwrap();
        loop {
            let seen = Seen { screen: all.0.screen().clone(), bytes: all.1.clone() };
            if is_so(&seen) {
                return Some(seen);
            }
            if self.reader.as_ref().is_some_and(JoinHandle::is_finished) {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not seen: {what}, but\n{}", seen.text());
            // Of its end nobody tells.
            let nap = left.min(Duration::from_millis(50));
            all = self.seen.1.wait_timeout(all, nap).unwrap().0;
        }
    }

    pub(crate) fn until_shown(&self, text: &str) -> Seen {
        self.until(text, |seen| seen.has(text))
    }

    /// As a key: "\x03" is Ctrl-C.
    pub(crate) fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let mut all = self.seen.0.lock().unwrap();
        all.0.screen_mut().set_size(at_least_one(rows), at_least_one(columns));
        self.pty.resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The one byte that says that it has begun to write.
    pub(crate) fn read_one_byte(&self) {
        (&*self.pty).read_exact(&mut [0]).unwrap();
    }

    /// Waits for its end: how it ended, and what the terminal shows then. The terminal's own state must be
    /// that from before.
    pub(crate) fn end(mut self) -> (ExitStatus, Seen) {
        let status = wait(&mut self.child);
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        let after = tcgetattr(&*self.pty).unwrap();
        assert_eq!(format!("{after:?}"), format!("{:?}", self.before));
        let all = self.seen.0.lock().unwrap();
        let seen = Seen { screen: all.0.screen().clone(), bytes: all.1.clone() };
        drop(all);
        (status, seen)
    }
}

/// A test that fails leaves no process behind.
impl Drop for Play {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of a process, within the limit.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The state of a terminal to which nobody has ever written.
pub(crate) fn untouched() -> Seen {
    let screen = Parser::new(at_least_one(24), at_least_one(80), 0).screen().clone();
    Seen { screen, bytes: Vec::new() }
}

fn at_least_one(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

/// The program of the example.
pub(crate) fn watch() -> PathBuf {
    example("exeunt-view", "watch")
}

/// What a process without a terminal said.
pub(crate) fn read_all(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).map_err(|error: io::Error| error.to_string()).unwrap();
    text
}
