//! Reads sources of exeunt in, with loom's locks and atomics in the place of the standard library's, and
//! writes beside each its mutants: the same with one guard taken out. A guard that is not found there any
//! more, letter for letter, is an error: so no mutant is one of yesterday's code.

use std::path::Path;
use std::{env, fs};

/// A name, what is to be found, and what stands there instead.
type Mutant = (&'static str, &'static str, &'static str);

const EVENT: &[Mutant] = &[
    (
        "flag_after_wake_up",
        "self.set.store(true, Ordering::SeqCst);\n        *sender = None;",
        "*sender = None;\n        self.set.store(true, Ordering::SeqCst);",
    ),
    (
        "flag_relaxed",
        "self.set.store(true, Ordering::SeqCst)",
        "self.set.store(true, Ordering::Relaxed)",
    ),
    ("look_relaxed", "self.set.load(Ordering::Acquire)", "self.set.load(Ordering::Relaxed)"),
    ("no_wake_up", "*sender = None;", ""),
    (
        "child_without_lock",
        "let mut children = self.inner.children();\n        if !self.is_set() {",
        "let is_set = self.is_set();\n        let mut children = self.inner.children();\n        if !is_set {",
    ),
    (
        "channel_without_lock",
        "let mut kept = self.sender();\n        if !self.set.load(Ordering::Relaxed) {",
        "let is_set = self.set.load(Ordering::Relaxed);\n        let mut kept = self.sender();\n        if !is_set {",
    ),
    (
        "children_before_flag",
        "        self.flag.set();\n        std::mem::take(&mut self.children().all)\n",
        "        let children = std::mem::take(&mut self.children().all);\n        self.flag.set();\n        children\n",
    ),
    ("child_of_a_set_one", "            child.set();\n", ""),
    (
        "futures_before_flag",
        "        let mut sender = self.sender();\n        // The flag",
        "        self.waiters.wake_all();\n        let mut sender = self.sender();\n        // The flag",
    ),
    (
        "future_looks_once",
        "seen the waker.\n        if self.event.is_set() {",
        "seen the waker.\n        if false {",
    ),
];

/// What `futures_before_flag` leaves out besides: it wakes the futures before, and not once more after.
const FUTURES_WOKEN_LATE: &str = "        drop(sender);\n        self.waiters.wake_all();\n";

const BELL: &[Mutant] = &[
    (
        "no_fence",
        "atomic::fence(Ordering::SeqCst);\n        self.rung.load(Ordering::Relaxed)",
        "self.rung.load(Ordering::Relaxed)",
    ),
    (
        "no_fence_of_who_rings",
        "atomic::fence(Ordering::SeqCst);\n        if let Some(wire)",
        "if let Some(wire)",
    ),
    ("no_look_before_sleep", "self.rung.load(Ordering::Relaxed)\n    }", "false\n    }"),
    ("flag_after_ring", FLAG, "        atomic::fence(Ordering::SeqCst);\n"),
    (
        "no_wake_up",
        "if let Some(wire) = self.wire.get() {\n            wire.pull();\n        }\n",
        "",
    ),
    (
        "rung_blindly",
        "self.rung.swap(true, Ordering::SeqCst)",
        "self.rung.store(true, Ordering::SeqCst)",
    ),
    (
        "silenced_blindly",
        "self.rung.swap(false, Ordering::SeqCst)",
        "self.rung.store(false, Ordering::SeqCst)",
    ),
];

/// What `flag_after_ring` moves to the end of the ring.
const FLAG: &str = "        self.rung.swap(true, Ordering::SeqCst);\n        // Pairs with that of who is about to sleep: it sees that it was rung, or we see that it waits.\n        atomic::fence(Ordering::SeqCst);\n";
const RING: &str = "            wire.pull();\n        }\n    }\n\n    /// Whether it was rung";
const RUNG_LATE: &str = "            wire.pull();\n        }\n        self.rung.swap(true, Ordering::SeqCst);\n    }\n\n    /// Whether it was rung";

/// What `asleep_before_reader` turns round.
const ASLEEP: &str = "        let reader = self.reader.get_or_init(thread::current);\n        debug_assert_eq!(reader.id(), thread::current().id(), \"another thread would be woken\");\n        self.state.fetch_or(ASLEEP, Ordering::SeqCst);\n";

const PORTER: &[Mutant] = &[
    (
        "look_before_asleep",
        "self.state.fetch_or(ASLEEP, Ordering::SeqCst);\n        if !is_something_to_do() {",
        "let is_something = is_something_to_do();\n        self.state.fetch_or(ASLEEP, Ordering::SeqCst);\n        if !is_something {",
    ),
    ("no_look_before_sleep", "if !is_something_to_do() {", "{"),
    (
        "asleep_before_reader",
        ASLEEP,
        "        self.state.fetch_or(ASLEEP, Ordering::SeqCst);\n        self.reader.get_or_init(thread::current);\n",
    ),
    ("no_wake_up", "self.reader.get().into_iter().for_each(Thread::unpark);", ""),
    (
        "no_wire_pulled",
        "watchers.pop_front().into_iter().for_each(|wire| wire.pull());",
        "watchers.pop_front();",
    ),
    (
        "watched_without_lock",
        WATCH,
        "        self.state.fetch_or(WATCHED, Ordering::SeqCst);\n        self.watchers().push_back(Arc::clone(wire));\n",
    ),
    (
        "unwatched_blindly",
        "if watchers.is_empty() {\n            self.state",
        "{\n            self.state",
    ),
    ("unseen_watch", "self.state.fetch_or(WATCHED, Ordering::SeqCst);", ""),
];

/// What `watched_without_lock` turns round.
const WATCH: &str = "        let mut watchers = self.watchers();\n        watchers.push_back(Arc::clone(wire));\n        self.state.fetch_or(WATCHED, Ordering::SeqCst);\n";

/// A lane, with its queue and its room, which belong together.
const LANE: &[Mutant] = &[
    (
        "door_before_lock",
        "let mut back = self.back();\n        if !back.door.is_open_for(caller) {\n            return Err(Refusal::Closed(open(letter)));\n        }\n",
        "if !self.back().door.is_open_for(caller) {\n            return Err(Refusal::Closed(open(letter)));\n        }\n        let mut back = self.back();\n",
    ),
    (
        "counted_late",
        "self.back.count.store(put.wrapping_add(1), Ordering::Release);",
        "drop(back);\n        self.back.count.store(put.wrapping_add(1), Ordering::Release);",
    ),
    ("opened_again", "self.back.door.max(door)", "door"),
    ("newest_first", "match back.full.pop_front() {", "match None::<Chunk<M>> {"),
    ("empty_at_a_glance", "self.hold().is_empty()", "self.len() == 0"),
    (
        "taken_relaxed",
        "self.front.count.store(taken.wrapping_add(1), Ordering::Release);",
        "self.front.count.store(taken.wrapping_add(1), Ordering::Relaxed);",
    ),
    (
        "len_relaxed",
        "let taken = self.front.count.load(Ordering::Acquire);",
        "let taken = self.front.count.load(Ordering::Relaxed);",
    ),
    (
        "len_turned_round",
        LEN,
        "let put = self.back.count.load(Ordering::Acquire);\n        let len = put.wrapping_sub(self.front.count.load(Ordering::Acquire));\n",
    ),
    ("taken_unseen", "back.taken = self.front.count.load(Ordering::Acquire);", ""),
    ("room_unseen", "drop(unwind::lock(&self.front.holds));", ""),
    ("room_at_a_glance", "self.see_room();\n        self.len()", "self.len()"),
    (
        "come_blindly",
        "self.room.come(ticket, waiter);\n        self.queue.see_room();",
        "self.room.come(ticket, waiter);",
    ),
    (
        "look_before_taking",
        "let letter = ManuallyDrop::new(self.queue.take()?);\n        if self.room.is_awaited() {",
        "let is_awaited = self.room.is_awaited();\n        let letter = ManuallyDrop::new(self.queue.take()?);\n        if is_awaited {",
    ),
    ("nothing_left_by_who_watched", "lane.room.call_if_awaited(|| lane.queue.has_room());", ""),
    (
        "awake_while_it_looks",
        "lane.room.unwatch();\n        if !lane.room.is_anybody_awake() {\n            lane.room.call_if_awaited(|| lane.queue.has_room());\n        }\n",
        "if !lane.room.is_anybody_awake() {\n            lane.room.call_if_awaited(|| lane.queue.has_room());\n        }\n        lane.room.unwatch();\n",
    ),
    (
        "unseen",
        "queue.insert(ticket, waiter);\n        self.note(&queue);",
        "queue.insert(ticket, waiter);",
    ),
    (
        "noted_without_lock",
        "self.note(&queue);\n        drop(queue);\n        next",
        "let is_awaited = !queue.is_empty();\n        drop(queue);\n        self.awaited.swap(is_awaited, Ordering::Release);\n        next",
    ),
    ("not_woken", "next.into_iter().flatten().for_each(wake);", ""),
    ("called_for_good", COME, "        let before"),
    ("gone_for_good", GO, "        let was_called = false;\n        let waiter"),
    (
        "nothing_left_for_others",
        "let _ = unwind::drop_caught(waiter);\n        self.call_if_awaited(has_room);",
        "let _ = unwind::drop_caught(waiter);",
    ),
    ("watched_for_ever", UNWATCH, "    pub(crate) fn unwatch(&self) {}\n"),
];

/// What `len_turned_round` turns round.
const LEN: &str = "let taken = self.front.count.load(Ordering::Acquire);\n        let len = self.back.count.load(Ordering::Acquire).wrapping_sub(taken);\n";

/// What `called_for_good` and `gone_for_good` leave out: that one who was called is on its way no more.
const COME: &str = "        queue.has_looked(ticket);\n        let before";
const GO: &str = "        let was_called = queue.has_looked(ticket);\n        let waiter";
/// What `watched_for_ever` leaves out.
const UNWATCH: &str = "    pub(crate) fn unwatch(&self) {\n        self.patient.fetch_sub(1, Ordering::SeqCst);\n    }\n";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    write("waiters", &read("waiters.rs"));
    write("wire", &read("mailbox/wire.rs"));
    read_in("event", &read("event.rs"), EVENT);
    read_in("bell", &read("mailbox/bell.rs"), BELL);
    read_in("porter", &read("mailbox/porter.rs"), PORTER);
    read_in("lane", &lane(), LANE);
}

/// A lane, its queue and its room: three modules, which see each other as they do in the code.
fn lane() -> String {
    // With chunks of one a few messages go all the ways there are from the back to the front.
    let queue =
        with(&read("mailbox/queue.rs"), "queue", "CHUNK: usize = 128;", "CHUNK: usize = 1;");
    let lane = read("mailbox/lane.rs");
    // All that is done to these two words is sequentially consistent, which loom does not know: a look reads what was
    // written last. In loom it does if all that is done to a word reads and writes it; and orders no more than before.
    let sequential = [
        ("awaited.load(Ordering::SeqCst)", "awaited.fetch_or(false, Ordering::Acquire)"),
        (
            "awaited.store(!queue.is_empty(), Ordering::SeqCst)",
            "awaited.swap(!queue.is_empty(), Ordering::Release)",
        ),
        ("patient.load(Ordering::SeqCst)", "patient.fetch_or(0, Ordering::Acquire)"),
    ];
    let room = sequential
        .iter()
        .fold(read("mailbox/room.rs"), |room, (look, instead)| with(&room, "room", look, instead));
    let modules = [("queue", queue), ("room", room), ("lane", lane)];
    let modules = modules.map(|(name, text)| format!("pub(crate) mod {name} {{\n{text}}}\n"));
    // What `mailbox.rs` has from its modules.
    ["use lane::Letter;\nuse crate::code::Refusal;\n".to_owned(), modules.concat()].concat()
}

/// What is not found there, letter for letter, is an error.
fn with(text: &str, name: &str, guard: &str, instead: &str) -> String {
    let found = text.matches(guard).count();
    assert_eq!(found, 1, "the guard of {name} is found {found} times: {guard}");
    text.replace(guard, instead)
}

/// A source as loom is to see it, without its own tests.
fn read(file: &str) -> String {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo says where we are");
    let path = Path::new(&root).join("../exeunt/src").join(file);
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    // What is included cannot have documentation of its own as a module.
    let lines = text.lines().filter(|line| !line.starts_with("//!"));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    text.replace("use crate::", "use crate::code::")
        .replace("use std::sync::", "use crate::code::sync::")
        .replace("use std::thread::", "use crate::code::thread::")
        .replace("crossbeam_channel::", "crate::code::channel::")
        .replace("#[cfg(feature = \"async\")]\n", "")
        .replace("pub(super)", "pub(crate)")
}

fn read_in(name: &str, source: &str, mutants: &[Mutant]) {
    write(name, source);
    for (mutant, guard, instead) in mutants {
        let mut text = with(source, &format!("{name}_{mutant}"), guard, instead);
        if *mutant == "futures_before_flag" {
            text = text.replace(FUTURES_WOKEN_LATE, "        drop(sender);\n");
        }
        if *mutant == "flag_after_ring" {
            text = text.replace(RING, RUNG_LATE);
        }
        write(&format!("{name}_{mutant}"), &text);
    }
}

fn write(name: &str, text: &str) {
    let out = env::var("OUT_DIR").expect("cargo says where to");
    let path = Path::new(&out).join(format!("{name}.rs"));
    fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
