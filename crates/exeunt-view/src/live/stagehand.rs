//! The stagehand: looks at a system now and then, and has what it sees shown.

use std::time::{Duration, Instant};

use exeunt::{Event, Reason, SystemHandle};

use super::cast::{Cast, Entry};
use super::scene::Scene;
use super::screen::Screen;
use super::terminal::Terminal;
use super::{Drain, PROGRESS_EVERY, TICK, lock};
use crate::plain;

/// Who looks at the system, on a thread of its own.
pub(super) struct Stagehand {
    pub(super) system: SystemHandle,
    pub(super) screen: &'static Screen,
    pub(super) over: Event,
    pub(super) drain: Drain,
    pub(super) cast: Cast,
    pub(super) began: Instant,
}

impl Stagehand {
    /// Draws until the end.
    pub(super) fn draw(mut self, terminal: &Terminal) {
        while !self.is_over(TICK) {
            if !terminal.is_ours() {
                self.screen.forget();
                continue;
            }
            let scene = self.look();
            let size = terminal.size();
            let lines = scene.lines(size, terminal.ink).into_iter();
            let columns = size.columns.saturating_sub(1);
            self.screen
                .show(lines.map(|line| line.render(columns, terminal.has_colours)).collect());
        }
        self.screen.clear();
    }

    /// Writes lines of progress until the drain begins.
    pub(super) fn write_lines(mut self, every: Duration) {
        let mut last = None;
        let mut last_word = Instant::now();
        while !self.is_over(every.min(PROGRESS_EVERY)) {
            if last_word.elapsed() < every {
                continue;
            }
            last_word = Instant::now();
            let entries = self.entries();
            let line = plain::progress(self.system.name(), &entries);
            // During the drain the system itself says whom it waits for.
            if line != last && !self.system.is_draining() {
                let _ = self.screen.write(line.as_deref().unwrap_or_default().as_bytes());
                last = line;
            }
        }
    }

    fn is_over(&self, after: Duration) -> bool {
        self.over.wait_timeout(after) || self.system.has_ended()
    }

    fn entries(&mut self) -> Vec<Entry> {
        let sights = self.system.snapshot().into_iter().map(Into::into).collect();
        self.cast.look(Instant::now(), sights)
    }

    fn look(&mut self) -> Scene {
        let drain = lock(&self.drain).clone();
        let ends_at_signal = matches!(drain, Some((Reason::Signal(_), _)));
        Scene {
            system: self.system.name().to_owned(),
            running_for: self.began.elapsed(),
            drain: drain.map(|(reason, began)| (reason.to_string(), began.elapsed())),
            ends_at_signal,
            entries: self.entries(),
        }
    }
}
