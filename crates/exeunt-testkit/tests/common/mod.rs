//! What the tests share: the text of a panic, and where it came from.
#![allow(dead_code)] // each test file takes its own part of it

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Once;

thread_local! {
    static LAST: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Runs what has to panic, and gives its text.
#[track_caller]
pub(crate) fn panic_of<T>(body: impl FnOnce() -> T) -> String {
    match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => panic!("it did not panic"),
        Err(panic) => text(&*panic),
    }
}

/// Runs what has to panic, and gives the line that is blamed.
#[track_caller]
pub(crate) fn line_of_panic<T>(body: impl FnOnce() -> T) -> u32 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            LAST.set(info.location().map(Location::line));
            before(info);
        }));
    });
    panic_of(body);
    LAST.get().expect("a place")
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .expect("a panic with a text")
}
