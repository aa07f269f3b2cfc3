use std::sync::mpsc;

use super::*;
use crate::scratch::Scratch;
use crate::{Pipeline, Source};

/// All of it, with positions; and what went wrong.
fn read<S: Source<Position = u64>>(mut lines: S) -> Vec<Result<(S::Item, u64), String>> {
    std::iter::from_fn(|| lines.next_item(&Event::new()))
        .map(|next| next.map_err(|error| error.to_string()))
        .collect()
}

fn of(text: &'static [u8]) -> Lines {
    Lines::read("text", text)
}

fn line(text: &str, position: u64) -> Result<(String, u64), String> {
    Ok((text.to_owned(), position))
}

#[test]
fn lines_end_as_the_standard_library_ends_them() {
    for text in ["", "\n", "a", "a\n", "a\nb", "a\r\nb\r\n", "\r\n\n\r", "a\r\r\nb\n\n"] {
        let lines: Vec<_> =
            read(of(text.as_bytes())).into_iter().map(|line| line.unwrap().0).collect();
        let expected: Vec<_> = text.as_bytes().lines().map(Result::unwrap).collect();
        assert_eq!(lines, expected, "{text:?}");
    }
}

#[test]
fn a_line_that_is_being_written_is_left_for_the_next_run() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "one\ntw");
    let open = || Lines::open(&path).unwrap().only_whole();
    assert_eq!(read(open()), [line("one", 4)]);
    scratch.write("log", "one\ntwo\n");
    assert_eq!(read(open().after(4).unwrap()), [line("two", 8)]);
    assert_eq!(read(open().after(8).unwrap()), []);
}

/// Comes to its end, and then grows.
struct Grows(std::vec::IntoIter<&'static [u8]>);

impl Read for Grows {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut part = self.0.next().unwrap_or_default();
        part.read(to)
    }
}

#[test]
fn who_is_at_the_end_stays_there_though_more_is_written() {
    let grows = || {
        let parts: Vec<&[u8]> = vec![b"one\ntw", b"", b"o\n"];
        Lines::read("log", BufReader::new(Grows(parts.into_iter())))
    };
    let mut lines = grows().only_whole();
    assert_eq!(lines.next_item(&Event::new()).unwrap().unwrap(), ("one".to_owned(), 4));
    // The rest of a line is none.
    assert!((0..3).all(|_| lines.next_item(&Event::new()).is_none()));
    // Nor is what comes later counted to what was given.
    let mut lines = grows();
    let given: Vec<_> = (0..2).map(|_| lines.next_item(&Event::new()).unwrap().unwrap()).collect();
    assert_eq!(given, [("one".to_owned(), 4), ("tw".to_owned(), 6)]);
}

#[test]
fn in_a_drain_only_what_is_read_aside_is_cut_off() {
    let stopping = Event::new();
    stopping.set();
    assert_eq!(of(b"half").next_item(&stopping).unwrap().unwrap(), ("half".to_owned(), 4));
    assert!(Lines::read_aside("text", &b"half"[..]).next_item(&stopping).is_none());
}

#[test]
fn the_next_line_is_at_hand_unless_it_may_have_to_be_waited_for() {
    let scratch = Scratch::new();
    let path = scratch.write("text", "one\n");
    assert!(of(b"one\n").is_next_at_hand() && Lines::open(&path).unwrap().is_next_at_hand());
    let mut aside = Lines::read_aside("text", &b"one\ntwo\nthr"[..]);
    assert!(!aside.is_next_at_hand(), "it has not been opened");
    let mut next = || {
        let (line, _) = aside.next_item(&Event::new()).unwrap().unwrap();
        (line, aside.is_next_at_hand())
    };
    assert_eq!(next(), ("one".to_owned(), true));
    assert_eq!(next(), ("two".to_owned(), false)); // who knows how it goes on
    assert_eq!(next(), ("thr".to_owned(), false));
}

#[test]
fn it_begins_after_every_position_of_a_file_and_of_a_reader() {
    const TEXT: &[u8] = b"one\n\nthree\r\nfour";
    let scratch = Scratch::new();
    let path = scratch.write("text", TEXT);
    let all = read(of(TEXT));
    let positions: Vec<u64> = all.iter().map(|line| line.as_ref().unwrap().1).collect();
    assert_eq!(positions, [4, 5, 12, 16]);
    assert_eq!(read(Lines::open(&path).unwrap().after(None).unwrap()), all);
    assert_eq!(read(Lines::open(&path).unwrap().after(0).unwrap()), all);
    for (at, &position) in positions.iter().enumerate() {
        let file = Lines::open(&path).unwrap().after(position).unwrap();
        assert_eq!(read(file), all[at + 1..], "after {position}");
        assert_eq!(read(of(TEXT).after(position).unwrap()), all[at + 1..]);
        let aside = Lines::read_aside("text", TEXT).after(position).unwrap();
        assert_eq!(read(aside), all[at + 1..]);
    }
    for position in [1, 11, 15, 17, 99] {
        let error = Lines::open(&path).unwrap().after(position).unwrap_err();
        let expected = format!("{}: no line begins at byte {position}", path.display());
        assert_eq!(error.to_string(), expected);
        let expected = format!("text: no line begins at byte {position}");
        assert_eq!(of(TEXT).after(position).unwrap_err().to_string(), expected);
        let errors = read(Lines::read_aside("text", TEXT).after(position).unwrap());
        assert_eq!(errors, [Err(expected)]);
    }
}

#[test]
fn a_line_that_is_too_long_is_named_and_the_next_one_follows() {
    let lines = of(b"12345\n123456\n1234567\n12345678901\r\n12345\r\n123456").line_limit(5);
    let too_long = |at| Err(format!("text: the line at byte {at} is longer than 5 bytes"));
    let expected = [
        line("12345", 6),
        too_long(6),
        too_long(13),
        too_long(21),
        line("12345", 41),
        too_long(41),
    ];
    assert_eq!(read(lines), expected);
}

#[test]
fn what_is_not_utf_8_is_an_error_or_replaced_or_taken_as_it_is() {
    const TEXT: &[u8] = b"caf\xE9\nok\n";
    let error = Err("text: byte 3 is not UTF-8".to_owned());
    assert_eq!(read(of(TEXT)), [error, line("ok", 8)]);
    assert_eq!(read(of(TEXT).lossy()), [line("caf\u{FFFD}", 5), line("ok", 8)]);
    assert_eq!(read(of(TEXT).bytes()), [Ok((b"caf\xE9".to_vec(), 5)), Ok((b"ok".to_vec(), 8))]);
}

#[test]
fn what_cannot_be_read_is_named_and_is_the_end() {
    let scratch = Scratch::new();
    let error = Lines::open(scratch.path()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}: ", scratch.path().display())), "{error}");

    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("torn"))
        }
    }
    let torn = || b"one\ntw".chain(Broken);
    let expected = [line("one", 4), Err("tape: torn".to_owned())];
    assert_eq!(read(Lines::read("tape", BufReader::new(torn()))), expected);
    assert_eq!(read(Lines::read_aside("tape", torn())), expected);
}

#[test]
fn a_read_that_was_interrupted_is_done_again() {
    struct Interrupted(u32);
    impl Read for Interrupted {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 < 3 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(0) }
        }
    }
    let text = || b"one\ntw".chain(Interrupted(0)).chain(&b"o\n"[..]);
    let expected = [line("one", 4), line("two", 8)];
    assert_eq!(read(Lines::read("text", BufReader::new(text()))), expected);
    assert_eq!(read(Lines::read_aside("text", text())), expected);
}

/// A reader of which nothing comes until somebody sends it, as from a keyboard.
struct Keyboard(mpsc::Receiver<&'static [u8]>, &'static [u8]);

impl Read for Keyboard {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.recv().unwrap_or_default();
        }
        self.1.read(to)
    }
}

#[test]
fn a_drain_does_not_wait_for_who_types_nothing() {
    let (typed, keys) = mpsc::channel();
    let (seen, lines) = mpsc::channel();
    let mut system = exeunt::System::new("typing");
    let running = Pipeline::new("typing")
        .source("keyboard", Lines::read_aside("keyboard", Keyboard(keys, b"")))
        .sink("seen", move |line: String| Ok(seen.send(line)?))
        .spawn(&mut system)
        .unwrap();
    typed.send(b"one\ntwo\nhal").unwrap();
    assert_eq!([lines.recv().unwrap(), lines.recv().unwrap()], ["one", "two"]);
    // Half a line was typed, and the keyboard is still there.
    let report = system.shutdown();
    assert!(report.is_complete(), "{report}");
    assert!(running.ledger().balances(), "{}", running.ledger());
    assert_eq!(lines.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    drop(typed);
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_opened_aside_since_that_waits_for_its_writer() {
    use std::io::Write as _;

    let scratch = Scratch::new();
    let path = scratch.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let lines = Lines::open(&path).unwrap();
    let writer = std::thread::spawn(move || {
        File::options().write(true).open(path).unwrap().write_all(b"through\na pipe").unwrap();
    });
    assert_eq!(read(lines), [line("through", 8), line("a pipe", 14)]);
    writer.join().unwrap();
}
