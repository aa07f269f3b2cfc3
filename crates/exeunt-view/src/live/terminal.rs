//! The terminal: standard error, if one can draw on it, and who may.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};
use std::thread;

use super::scene::{Ink, Size};
use super::screen::Screen;

/// For a terminal that does not know its own.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// Standard error, for all views of the process: the lines of each must know of those of the others.
pub(super) fn screen_of_the_process() -> &'static Screen {
    static SCREEN: OnceLock<Screen> = OnceLock::new();
    SCREEN.get_or_init(|| Screen::new(standard_error()))
}

/// A way to standard error that waits for nobody who has locked it.
fn standard_error() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    {
        use std::fs::File;
        use std::os::fd::AsFd as _;
        if let Ok(own) = io::stderr().as_fd().try_clone_to_owned() {
            return Box::new(File::from(own));
        }
    }
    Box::new(io::stderr())
}

/// The terminal, for the one that draws on it.
pub(super) struct Terminal {
    pub(super) has_colours: bool,
    pub(super) ink: Ink,
}

static IS_CLAIMED: AtomicBool = AtomicBool::new(false);

impl Terminal {
    /// The terminal, if standard error is one that can be drawn on, and nobody else does.
    pub(super) fn claim() -> Option<Terminal> {
        let is_able = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        if !cfg!(unix) || !is_able || !io::stderr().is_terminal() {
            return None;
        }
        if IS_CLAIMED.swap(true, Ordering::SeqCst) {
            return None;
        }
        step_aside_for_panics();
        let has_colours = env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Some(Terminal { has_colours, ink: ink_of(&locale()) })
    }

    pub(super) fn size(&self) -> Size {
        let size = terminal_size::terminal_size_of(io::stderr());
        size.map_or(USUAL_SIZE, |(columns, rows)| Size {
            columns: columns.0.into(),
            rows: rows.0.into(),
        })
    }

    /// Whether the process is in the foreground. In the background it is for the shell, and for others, to
    /// write there.
    pub(super) fn is_ours(&self) -> bool {
        #[cfg(unix)]
        {
            let foreground = rustix::termios::tcgetpgrp(io::stderr());
            // One that is not the terminal of its session has no foreground.
            foreground.map_or(true, |group| group == rustix::process::getpgrp())
        }
        #[cfg(not(unix))]
        true
    }
}

/// The locale of the characters, if the environment names one.
fn locale() -> String {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    names.filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty()).unwrap_or_default()
}

/// Strokes, unless the locale speaks against it: another character set than Unicode, or a language in
/// which terminals may make strokes two columns wide. Where none is set, terminals nowadays can.
fn ink_of(locale: &str) -> Ink {
    let name = locale.to_ascii_lowercase();
    let is_unicode = name.is_empty() || name.contains("utf-8") || name.contains("utf8");
    let is_wide = ["ja", "ko", "zh"].iter().any(|language| name.starts_with(language));
    if is_unicode && !is_wide { Ink::Strokes } else { Ink::Ascii }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        IS_CLAIMED.store(false, Ordering::SeqCst);
    }
}

/// What a panic says goes to standard error by itself. Done once, and not undone: others may have set hooks
/// on top of it.
fn step_aside_for_panics() {
    static ONCE: Once = Once::new();
    if thread::panicking() {
        return; // a hook cannot be set now
    }
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let _loan = screen_of_the_process().try_lend();
            others(info);
        }));
    });
}
