//! What the log says where there is no system to say it.

use std::sync::{Mutex, mpsc};

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Keeps the lines of mailboxes, for the one test that asks for them: the logger is the whole program's.
struct Lines(Mutex<Vec<(Level, String)>>);

impl Log for Lines {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        of.target().starts_with("exeunt::mailbox")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push((record.level(), record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

#[test]
fn m1_an_inbox_that_is_dropped_unused_says_how_much_was_in_it_unless_it_has_a_hook() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(LevelFilter::Warn);

    let (addr, inbox) = exeunt::mailbox(4);
    (0..3_u8).for_each(|n| addr.send(n).unwrap());
    drop(inbox);
    let (addr, inbox) = exeunt::mailbox(4);
    addr.send("alone").unwrap();
    drop(inbox);
    let (hook, returned) = mpsc::channel();
    let (addr, inbox) = exeunt::mailbox(4);
    let inbox = inbox.returned(move |n| hook.send(n).unwrap());
    addr.send(5_u32).unwrap();
    drop(inbox);
    let (_, empty) = exeunt::mailbox::<u8>(4);
    drop(empty);

    let said = |text: &str| (Level::Warn, format!("an inbox that no actor was given {text}"));
    let three = said("is dropped with 3 messages (u8)");
    let one = said("is dropped with 1 message (&str)");
    assert_eq!(*LINES.0.lock().unwrap(), [three, one]);
    assert_eq!(returned.iter().collect::<Vec<_>>(), [5]);
}
