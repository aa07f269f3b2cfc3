//! The live view as somebody in front of a terminal sees it: the example `watch` in a pseudo-terminal, whose
//! output is read by a terminal emulator (`vt100`), and whose keys are pressed by the test.
//!
//! Everybody works three times as fast as for a human spectator. Each test waits until the screen shows something, and presses the next key then.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use support::{Play, Seen, read_all, untouched, wait, watch};

const CTRL_C: &str = "\x03";
const SIGINT: Option<i32> = Some(2);
const SIGKILL: Option<i32> = Some(9);
const SIGTERM: Option<i32> = Some(15);

/// All three mailboxes are full: there is something to drain.
fn is_busy(seen: &Seen) -> bool {
    ["cut", "paint x2", "pack"].iter().all(|name| seen.has(name)) && seen.has("48/48")
}

fn row_of(seen: &Seen, name: &str) -> String {
    let rows = seen.rows();
    let is_its = |row: &&String| row.trim_start_matches(['▸', '✓', '!', ' ']).starts_with(name);
    rows.iter().find(is_its).unwrap_or_else(|| panic!("no {name} in\n{}", seen.text())).clone()
}

/// Whether somebody has this mark: it is its turn, say. Not between two drawings.
fn is_marked(seen: &Seen, name: &str, mark: char) -> bool {
    seen.rows()
        .iter()
        .any(|row| row.starts_with(mark) && row[mark.len_utf8()..].trim_start().starts_with(name))
}

fn count_of(seen: &Seen, text: &str) -> usize {
    seen.text().matches(text).count()
}

/// Plays again what was over before it was drawn.
#[track_caller]
fn until_it_is_drawn(scene: impl Fn() -> Option<()>) {
    assert!((0..5).any(|_| scene().is_some()), "it is never drawn in time");
}

#[test]
fn the_run_then_the_drain_then_the_report() {
    until_it_is_drawn(run_drain_and_report);
}

fn run_drain_and_report() -> Option<()> {
    let play = Play::begin(24, 80, &[]);
    let run = play.until("full mailboxes", is_busy);
    assert!(run.has("factory  4 actors, for"), "{}", run.text());
    assert!(row_of(&run, "paint x2").contains("━━━━━━━━━━ 48/48"), "{}", run.text());
    // Upstream first.
    let names: Vec<String> = run.rows().iter().filter_map(|row| first_word(row)).collect();
    let order = ["source", "cut", "paint", "pack"];
    assert_eq!(names.iter().filter(|name| order.contains(&name.as_str())).count(), 4);
    assert!(names.ends_with(&order.map(String::from)), "{names:?}");

    play.press(CTRL_C);
    let drain = play.until_unless_over("the turn of paint", |seen| {
        seen.has("draining (SIGINT) for") && is_marked(seen, "paint x2", '▸')
    })?;
    assert!(drain.has(" to go; again to end at once"), "{}", drain.text());
    assert!(is_marked(&drain, "cut", '✓'), "{}", drain.text());
    assert!(row_of(&drain, "paint x2").contains('s'), "no deadline in\n{}", drain.text());
    assert!(drain.has("deadline"), "{}", drain.text());

    let (status, end) = play.end();
    assert_eq!(status.signal(), SIGINT);
    assert!(end.has("factory: complete (SIGINT), drained in"), "{}", end.text());
    // Of the live lines nothing is left.
    for line in ["4 actors", "to go", "have left", "━"] {
        assert!(!end.has(line), "{}", end.text());
    }
    assert_eq!(count_of(&end, "paint/1"), 1, "{}", end.text());
    assert_eq!(end.modes(), untouched().modes());
    Some(())
}

fn first_word(row: &str) -> Option<String> {
    row.split_whitespace().next().map(str::to_owned)
}

#[test]
fn a_system_that_ends_by_itself_leaves_its_report() {
    let play = Play::begin(24, 80, &["--items", "30"]);
    let (status, end) = play.end();
    assert!(status.success());
    assert!(end.has("factory: complete (all ended by themselves)"), "{}", end.text());
    assert!(!end.has("4 actors"), "{}", end.text());
    assert_eq!(end.modes(), untouched().modes());
}

#[test]
fn every_size_is_filled_and_never_overflown() {
    for (rows, columns, shown) in [
        (40, 200, "━━━━━━━━━━━━━━━━━━━━━━━━ 48/48"),
        (24, 30, "48/48"),
        (8, 44, "48/48"),
        (3, 10, "4 actors"),
        (2, 10, "4 actors"),
        (1, 1, ""),
    ] {
        let play = Play::begin(rows, columns, &["--extras", "0"]);
        let seen = match shown {
            "" => play.until("anything", |seen| seen.bytes.len() > 100),
            shown => play.until_shown(shown),
        };
        assert!((0..rows).all(|row| !seen.screen.row_wrapped(row)), "{}", seen.text());
        // The first row is the cursor's, which is the program's.
        assert_eq!(seen.screen.cursor_position(), (0, 0), "{rows} x {columns}");
        play.signal(Signal::KILL);
        assert_eq!(play.end().0.signal(), SIGKILL);
    }
}

#[test]
fn of_many_those_are_shown_that_need_attention() {
    until_it_is_drawn(|| {
        let play = Play::begin(16, 60, &["--extras", "60"]);
        play.until("how many more there are", |seen| seen.has("more:") && is_busy(seen));
        play.press(CTRL_C);
        let turn = |seen: &Seen| is_marked(seen, "pack", '▸');
        let drain = play.until_unless_over("the turn of pack", turn)?;
        assert!(drain.has("3 of 64 have left"), "{}", drain.text());
        let (status, end) = play.end();
        assert_eq!(status.signal(), SIGINT);
        assert!(!end.has("more:"), "{}", end.text());
        Some(())
    });
}

#[test]
fn a_resize_is_followed_and_leaves_nothing_behind() {
    let play = Play::begin(24, 100, &[]);
    play.until("full mailboxes", is_busy);
    play.resize(20, 40);
    play.until("fewer columns", |seen| {
        is_busy(seen) && !seen.has("━") && count_of(seen, "4 actors") == 1
    });
    play.resize(30, 120);
    play.until("longer bars", |seen| {
        let is_once = |text| count_of(seen, text) == 1;
        seen.has(&"━".repeat(24)) && is_once("4 actors") && is_once("paint x2")
    });
    play.press(CTRL_C);
    let (status, end) = play.end();
    assert_eq!(status.signal(), SIGINT);
    assert!(!end.has("━"), "{}", end.text());
}

/// On a terminal that is high enough for all of it, so that nothing scrolls away.
#[test]
fn what_the_program_writes_through_the_writer_is_there_line_by_line() {
    let play = Play::begin(120, 100, &["--log", "--items", "200"]);
    let (status, end) = play.end();
    assert!(status.success());
    let packed = end.rows().into_iter().filter(|row| row.contains("packed piece"));
    let packed: Vec<String> = packed.collect();
    let expected = (0..200).step_by(10).map(|piece| format!("packed piece {piece}"));
    let expected: Vec<String> = expected.collect();
    assert_eq!(packed.len(), expected.len(), "{}", end.text());
    for (row, expected) in packed.iter().zip(&expected) {
        assert!(row.ends_with(expected) && row.starts_with('['), "{row}");
    }
}

#[test]
fn what_the_program_writes_past_the_view_is_never_erased() {
    let play = Play::begin(120, 100, &["--print", "--items", "200"]);
    let (status, end) = play.end();
    assert!(status.success());
    let rows = end.rows();
    let printed: Vec<&String> = rows.iter().filter(|row| row.starts_with("piece ")).collect();
    let expected: Vec<String> =
        (0..200).step_by(10).map(|piece| format!("piece {piece} is ready")).collect();
    assert_eq!(printed.len(), expected.len(), "{}", end.text());
    for (row, expected) in printed.iter().zip(&expected) {
        // To the right of it something of the live lines may remain, if it came before they were drawn anew.
        let rest = row.strip_prefix(expected.as_str());
        assert!(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')), "{row}");
    }
}

#[test]
fn a_panic_is_said_above_and_its_restart_is_seen() {
    let play = Play::begin(30, 100, &["--panic"]);
    let seen = play.until("the restart", |seen| {
        seen.has("out of paint at 99") && seen.has("1 failed, 1 restart")
    });
    let rows = seen.rows();
    let row = rows.iter().position(|row| row.contains("out of paint at 99")).unwrap();
    assert!(rows[row + 1..].iter().any(|row| row.contains("4 actors")), "{}", seen.text());
    // Nothing of the live lines is left beside it.
    assert_eq!(rows[row], "out of paint at 99");
    let place = &rows[row - 1];
    assert!(place.starts_with("thread 'paint/") && place.ends_with(':'), "{place}");
    play.signal(Signal::TERM);
    let (status, end) = play.end();
    assert_eq!(status.signal(), SIGTERM);
    assert!(end.has("factory: complete (SIGTERM)"), "{}", end.text());
    assert_eq!(end.modes(), untouched().modes());
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_terminal_is_as_it_was() {
    let play = Play::begin(24, 100, &["--stuck"]);
    play.until("full mailboxes", is_busy);
    play.press(CTRL_C);
    // By then the second is no echo of the first.
    let drain = play.until("a moment of the drain", |seen| {
        let is_first = seen.has(" for 0.0s") || seen.has(" for 0.1s");
        seen.has("draining (SIGINT) for ") && !is_first
    });
    assert!(drain.has("; again to end at once"), "{}", drain.text());
    play.press(CTRL_C);
    let (status, end) = play.end();
    assert_eq!(status.signal(), SIGINT);
    assert!(!end.has("complete"), "{}", end.text());
    assert_eq!(end.modes(), untouched().modes());
}

#[test]
fn killed_it_leaves_the_terminal_as_it_was() {
    let play = Play::begin(24, 80, &[]);
    play.until("full mailboxes", is_busy);
    play.signal(Signal::KILL);
    let (status, end) = play.end();
    assert_eq!(status.signal(), SIGKILL);
    assert_eq!(end.modes(), untouched().modes());
}

#[test]
fn who_is_stuck_is_alarming_and_given_up() {
    let play = Play::begin(24, 110, &["--stuck"]);
    play.until("full mailboxes", is_busy);
    play.press(CTRL_C);
    let overdue = play.until("the deadline of pack", |seen| is_marked(seen, "pack", '!'));
    assert!(row_of(&overdue, "pack").contains("overdue"), "{}", overdue.text());
    let (status, end) = play.end();
    assert_eq!(status.code(), Some(i32::from(exeunt::INCOMPLETE)));
    assert!(end.has("given up, in its handler"), "{}", end.text());
    assert_eq!(end.modes(), untouched().modes());
}

#[test]
fn stopped_and_gone_on_it_is_drawn_anew() {
    let play = Play::begin(24, 80, &[]);
    play.until("full mailboxes", is_busy);
    play.signal(Signal::STOP);
    let before = play.until("full mailboxes", is_busy).bytes.len();
    play.signal(Signal::CONT);
    play.until("more", |seen| seen.bytes.len() > before + 200 && count_of(seen, "4 actors") == 1);
    play.press(CTRL_C);
    assert_eq!(play.end().0.signal(), SIGINT);
}

#[test]
fn a_terminal_that_nobody_reads_keeps_nothing_alive() {
    // More in one picture than a terminal takes in advance.
    let play = Play::unread(200, 200, &["--extras", "190"], &[]);
    play.read_one_byte();
    play.signal(Signal::TERM);
    assert_eq!(play.end().0.signal(), SIGTERM);
}

#[test]
fn without_colours_it_is_drawn_without_colours() {
    let play = Play::begin_with(24, 80, &[], &[("NO_COLOR", "1")]);
    let seen = play.until("full mailboxes", is_busy);
    assert!(seen.has("━━━━━━━━━━ 48/48"), "{}", seen.text());
    assert!(!colours(&seen.bytes), "{}", seen.text());
    play.signal(Signal::KILL);
    play.end();

    let play = Play::begin(24, 80, &[]);
    assert!(colours(&play.until("full mailboxes", is_busy).bytes));
}

/// Whether there is a sequence that changes how characters look: CSI, figures, and an `m`.
fn colours(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut sequences = text.split("\x1b[").skip(1);
    sequences.any(|rest| {
        rest.find(|c: char| c.is_ascii_alphabetic()).is_some_and(|end| &rest[end..=end] == "m")
    })
}

#[test]
fn a_terminal_without_strokes_is_drawn_with_what_it_has() {
    let play = Play::begin_with(24, 80, &[], &[("LC_ALL", "C")]);
    let seen = play.until("full mailboxes", is_busy);
    assert!(row_of(&seen, "paint x2").contains("########## 48/48"), "{}", seen.text());
    assert!(!seen.text().contains(['━', '▸', '✓']), "{}", seen.text());
}

#[test]
fn a_terminal_that_can_nothing_gets_plain_lines() {
    for env in [("TERM", "dumb"), ("TERM", "")] {
        let play = Play::begin_with(40, 100, &["--items", "50"], &[env]);
        let (status, end) = play.end();
        assert!(status.success());
        assert!(end.has("factory: `pack` completed after"), "{}", end.text());
        assert!(!end.bytes.contains(&0x1b), "{}", end.text());
    }
}

#[test]
fn what_is_no_terminal_gets_plain_lines() {
    let watch = Command::new(watch()).args(["--items", "100"]).stderr(Stdio::piped()).spawn();
    let mut watch = watch.unwrap();
    let said = read_all(watch.stderr.take().unwrap());
    assert!(wait(&mut watch).success());
    assert!(!said.contains('\x1b'), "{said}");
    assert!(said.contains("factory: cut ") && said.contains(" handled"), "{said}");
    assert!(said.contains("factory: complete (all ended by themselves)"), "{said}");
}

#[test]
fn a_standard_error_that_is_closed_is_no_trouble() {
    let script = format!("exec '{}' --items 10 --log --print 2>&-", watch().display());
    let closed = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn();
    let mut closed = closed.unwrap();
    assert_eq!(read_all(closed.stdout.take().unwrap()), "piece 0 is ready\n");
    assert!(wait(&mut closed).success());

    // And one that nobody reads any more, and one that is full.
    let mut nobody = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let unread = nobody.stdin.take().unwrap();
    wait(&mut nobody);
    let full = File::options().write(true).open("/dev/full").map(Stdio::from);
    for stderr in [Some(Stdio::from(unread)), full.ok()].into_iter().flatten() {
        let args = ["--items", "10", "--log"];
        let mut watch = Command::new(watch()).args(args).stderr(stderr).spawn().unwrap();
        assert!(wait(&mut watch).success());
    }
}
