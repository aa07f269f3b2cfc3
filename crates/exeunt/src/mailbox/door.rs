//! proto
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, Thread};

const CLOSED: u8 = 1;
const ASLEEP: u8 = 2;

pub(crate) struct Door { state: AtomicU8, reader: OnceLock<Thread> }

impl Door {
    pub(super) fn new() -> Door { Door { state: AtomicU8::new(0), reader: OnceLock::new() } }
    #[inline]
    pub(super) fn is_closed(&self) -> bool { self.state.load(Ordering::Acquire) & CLOSED != 0 }
    pub(super) fn close(&self) -> bool { self.state.fetch_or(CLOSED, Ordering::SeqCst) & CLOSED == 0 }
    #[inline]
    pub(super) fn is_quiet(&self) -> bool { self.state.load(Ordering::SeqCst) == 0 }
    pub(super) fn is_closed_now(&self) -> bool { self.state.load(Ordering::SeqCst) & CLOSED != 0 }
    pub(super) fn wake(&self) {
        if self.state.load(Ordering::SeqCst) & ASLEEP != 0 && self.state.fetch_and(!ASLEEP, Ordering::SeqCst) & ASLEEP != 0 {
            if let Some(reader) = self.reader.get() { reader.unpark(); }
        }
    }
    pub(crate) fn sleep_unless(&self, any: impl FnOnce() -> bool) {
        self.reader.get_or_init(thread::current);
        self.state.fetch_or(ASLEEP, Ordering::SeqCst);
        if any() { self.state.fetch_and(!ASLEEP, Ordering::SeqCst); return; }
        while self.state.load(Ordering::SeqCst) & ASLEEP != 0 { thread::park(); }
    }
}
