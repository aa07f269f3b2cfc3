//! What a message costs in instructions, counted by callgrind: for `exeunt`, as a multiple of what it
//! costs through plain crossbeam, which may not grow.
//!
//! Times move by a tenth and more between two runs; these counts by less than a hundredth. So this is
//! where it shows when something is put in a message's way. Counted is a whole process, twice, with few
//! messages and with more: what the additional ones cost is what a message costs, and all that happens
//! once cancels out. It says nothing about waiting, caches and wake-ups; the benchmarks do.
//!
//! ```text
//! cargo test --release -p exeunt-instructions -- --nocapture
//! ```
//!
//! It needs valgrind and a release build, and says so where it has not; with `EXEUNT_VALGRIND=require`
//! in the environment it fails then.
//!
//! The limits are what rustc 1.95 makes of it, and six in a hundred at most: another compiler may need others.
//! Seen to fail, by what has once been or nearly been so:
//!
//! | | handled, bounded | unbounded | of 256 bytes |
//! |---|---:|---:|---:|
//! | as it was then | 0.82 | 0.84 | 1.17 |
//! | a second call of `Cell::handle` in the runner's loop | 0.84 | 0.86 | **1.33** |
//! | `unwind::catch` is not inlined | **1.02** | **1.01** | **1.79** |
//! | messages and all else there is to do in one enum, handled apart | **0.93** | **0.94** | **2.04** |
//! | as it was with a channel | 0.73 | 0.64 | 1.02 |
//! | a `select` over that channel, wherever it is | **0.90** | **0.87** | **1.18** |
//! | as it was with a queue at first | 0.54 | 0.45 | 0.86 |
//! | `Queue::take` is not inlined | **0.68** | **0.57** | **0.98** |
//! | as it is now: what unwinds has no message to drop | 0.55 | 0.46 | 0.38 |
//!
//! | | sent, bounded | unbounded | of 256 bytes |
//! |---|---:|---:|---:|
//! | as it was with a channel | 1.00 | 1.17 | 1.24 |
//! | a `select` in which a sender waits for room in it | **1.27** | **1.41** | 1.18 |
//! | as it was with a queue at first | 0.64 | 0.61 | 0.22 |
//! | `Queue::put` is not inlined | **0.85** | **0.82** | **0.36** |
//! | as it is now: what unwinds has no message to drop | 0.56 | 0.57 | 0.22 |

use std::process::Command;

/// The most that `exeunt` may cost, as multiples of plain crossbeam.
struct Limits {
    /// To send a message that finds room.
    sent: f64,
    /// To take a queued message and handle it.
    handled: f64,
    /// To take it, handle it, and send it on from within the handler. In one, since whether it is copied when it is
    /// taken or when it is sent on is for the compiler to say.
    sent_on: f64,
}

#[test]
fn messages_to_a_bounded_mailbox() {
    hold("bounded", &Limits { sent: 0.60, handled: 0.57, sent_on: 0.69 });
}

#[test]
fn messages_to_a_mailbox_without_limit() {
    hold("unbounded", &Limits { sent: 0.61, handled: 0.48, sent_on: 0.62 });
}

#[test]
fn messages_of_256_bytes() {
    hold("large", &Limits { sent: 0.24, handled: 0.40, sent_on: 0.92 });
}

fn hold(kind: &str, limits: &Limits) {
    if let Some(why) = cannot_count() {
        assert!(std::env::var_os("EXEUNT_VALGRIND").is_none_or(|it| it != "require"), "{why}");
        println!("skipped: {why}");
        return;
    }
    let (exeunt, plain) = (Cost::of("exeunt", kind), Cost::of("plain", kind));
    let rows = [
        Row { what: "sent", exeunt: exeunt.sent, plain: plain.sent, limit: limits.sent },
        Row {
            what: "handled",
            exeunt: exeunt.handled,
            plain: plain.handled,
            limit: limits.handled,
        },
        Row {
            what: "handled and sent on",
            exeunt: exeunt.sent_on,
            plain: plain.sent_on,
            limit: limits.sent_on,
        },
    ];
    // In one piece, since the tests of the other kinds print beside this one.
    print!("{}", rows.iter().map(|row| format!("{kind:<10} {row}\n")).collect::<String>());
    assert!(rows.iter().all(Row::is_within), "more instructions a message than allowed");
}

/// Why there is nothing to be counted here.
fn cannot_count() -> Option<&'static str> {
    if cfg!(debug_assertions) {
        return Some("what is not optimised says nothing: this needs `--release`");
    }
    let found = Command::new("valgrind").arg("--version").output();
    found.is_err().then_some("there is no valgrind")
}

/// Instructions a message.
struct Cost {
    sent: f64,
    handled: f64,
    sent_on: f64,
}

impl Cost {
    fn of(side: &str, kind: &str) -> Cost {
        let cost = |case| per_message(|n| instructions(&[case, kind, side, &n.to_string()]));
        // Each does what the one before does, and more.
        let [fill, drain, forward] = ["fill", "drain", "forward"].map(cost);
        Cost { sent: fill, handled: drain - fill, sent_on: forward - fill }
    }
}

const FEW: u64 = 10_000;
const MORE: u64 = 40_000;

fn per_message(count: impl Fn(u64) -> u64) -> f64 {
    let more = count(MORE).checked_sub(count(FEW)).expect("more messages cost more");
    more as f64 / (MORE - FEW) as f64
}

/// All those that the program takes from its start to its end, in all its threads.
fn instructions(arguments: &[&str]) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env!("CARGO_BIN_EXE_exeunt-instructions"))
        .args(arguments)
        .output()
        .expect("valgrind starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}");
    let collected = text.lines().find_map(|line| line.split("Collected : ").nth(1));
    collected.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

struct Row {
    what: &'static str,
    exeunt: f64,
    plain: f64,
    limit: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.exeunt / self.plain
    }

    fn is_within(&self) -> bool {
        self.ratio() <= self.limit
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Row { what, exeunt, plain, limit } = self;
        let ratio = self.ratio();
        write!(
            f,
            "{what:<19} exeunt {exeunt:6.1}  plain {plain:6.1}  ratio {ratio:.2}, at most {limit:.2}"
        )
    }
}
