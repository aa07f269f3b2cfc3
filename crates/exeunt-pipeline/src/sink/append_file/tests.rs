use super::*;
use crate::scratch::Scratch;
use crate::{Error, Lines, Outcome, Pipeline};

const TEXT: &str = "one\ntwo\nthree\nfour\n";

fn copied(from: &Path, to: AppendFile<Checkpoint<u64>>) -> Result<Outcome, Error> {
    let lines = Lines::open(from).unwrap().after(to.position().copied()).unwrap();
    Pipeline::new("copied").source("lines", lines).sink("copy", to).wait()
}

fn open_with_checkpoint(path: &Path) -> io::Result<AppendFile<Checkpoint<u64>>> {
    AppendFile::open(path)?.checkpoint()
}

#[test]
fn without_a_checkpoint_it_only_grows() {
    let scratch = Scratch::new();
    let path = scratch.join("file");
    for _ in 0..2 {
        let items = Pipeline::new("grows").iter("items", ["a", "b"]);
        items.sink("file", AppendFile::open(&path).unwrap()).wait().unwrap();
    }
    let items = Pipeline::new("grows").iter("items", ["c", "d"]);
    items.sink("file", AppendFile::open(&path).unwrap().verbatim()).wait().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\na\nb\ncd");
}

#[test]
fn what_is_added_to_the_source_is_added_and_nothing_twice() {
    let scratch = Scratch::new();
    let (from, to) = (scratch.join("from"), scratch.write("to", "before\n"));
    for end in [0, 4, 4, 8, TEXT.len()] {
        fs::write(&from, &TEXT[..end]).unwrap();
        copied(&from, open_with_checkpoint(&to).unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), format!("before\n{}", &TEXT[..end]));
    }
}

/// A process that is killed leaves one of these behind: before a commit, what was written in part; in a commit, all of it
/// without the new checkpoint.
#[test]
fn what_was_not_committed_is_cut_off_and_written_again() {
    for torn in ["", "t", "two\n", "two\nthree\nfour\nand much more"] {
        let scratch = Scratch::new();
        let (from, to) = (scratch.write("from", "one\n"), scratch.join("to"));
        copied(&from, open_with_checkpoint(&to).unwrap()).unwrap();
        scratch.write("from", TEXT);
        scratch.write("to", format!("one\n{torn}"));
        copied(&from, open_with_checkpoint(&to).unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), TEXT, "after {torn:?}");
    }
    // Before the first commit too.
    let scratch = Scratch::new();
    let (from, to) = (scratch.write("from", TEXT), scratch.join("to"));
    drop(open_with_checkpoint(&to).unwrap());
    scratch.write("to", "on");
    copied(&from, open_with_checkpoint(&to).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), TEXT);
}

/// A disk that becomes full in the middle of an item. Here it is the largest file that a process may write which is reached,
/// in a process of its own.
#[cfg(unix)]
#[test]
fn an_item_of_which_only_a_part_could_be_written_is_not_there() {
    use std::env;
    use std::process::Command;

    const FOLDER: &str = "EXEUNT_FOLDER_OF_A_TORN_FILE";
    const TEST: &str =
        concat!(module_path!(), "::an_item_of_which_only_a_part_could_be_written_is_not_there");
    if let Some(folder) = env::var_os(FOLDER) {
        let (from, to) = (Path::new(&folder).join("from"), Path::new(&folder).join("to"));
        let (text, mut file) =
            (fs::read_to_string(from).unwrap(), open_with_checkpoint(&to).unwrap());
        let error = text.lines().find_map(|line| file.write(line).err()).unwrap();
        assert!(error.to_string().starts_with(&format!("{}: ", to.display())), "{error}");
        // If what was written before is in the file, it may be said so, and otherwise not.
        let committed = Sink::<&str, u64>::commit(&mut file, Some(&4));
        assert_eq!(committed.is_ok(), text.starts_with("one\n"));
        return;
    }
    let (_, test) = TEST.split_once("::").unwrap();
    let limited = r#"trap "" XFSZ; ulimit -f 1000; exec "$0" --exact "$1""#;
    // In the middle of an item that is written by itself, whose beginning is taken away; and when others are forced.
    let long = format!("one\n{}\nthree\n", "two".repeat(300_000));
    for (text, whole) in [(long, Some("one\n")), ("many\n".repeat(200_000), None)] {
        let scratch = Scratch::new();
        let (from, to) = (scratch.write("from", &text), scratch.join("to"));
        let mut shell = Command::new("sh");
        shell.args(["-c", limited]).arg(env::current_exe().unwrap()).arg(test);
        let output = shell.env(FOLDER, scratch.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
        let left = fs::read_to_string(&to).unwrap();
        assert!(whole.is_none_or(|whole| left == whole), "{} bytes", left.len());
        copied(&from, open_with_checkpoint(&to).unwrap()).unwrap();
        assert!(fs::read_to_string(&to).unwrap() == text);
    }
}

#[test]
fn what_is_committed_is_in_the_file() {
    let scratch = Scratch::new();
    let to = scratch.join("to");
    let mut file = open_with_checkpoint(&to).unwrap();
    file.write("one").unwrap();
    Sink::<&str, u64>::commit(&mut file, Some(&4)).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(scratch.join("to.checkpoint")).unwrap(), "4\n4");
}

#[test]
fn a_checkpoint_that_does_not_fit_is_an_error_that_names_it() {
    let scratch = Scratch::new();
    let to = scratch.join("to");
    let refused = |file: &str, kept: &str| {
        scratch.write("to", file);
        let beside = scratch.write("to.checkpoint", kept);
        let error = open_with_checkpoint(&to).unwrap_err().to_string();
        let named = format!("{}: ", beside.display());
        assert_eq!(fs::read_to_string(&to).unwrap(), file);
        error.strip_prefix(&named).unwrap_or_else(|| panic!("{error}")).to_owned()
    };
    assert_eq!(refused("abc", "no"), "it is no checkpoint");
    let shorter = format!("{} had 4 bytes, and has 3", to.display());
    assert_eq!(refused("abc", "4\n7"), shorter);
    assert!(refused("abc", "3\nx").starts_with("its position cannot be read: "));
}

#[test]
fn what_cannot_be_opened_is_named() {
    let scratch = Scratch::new();
    for path in [scratch.path().to_owned(), scratch.join("missing/file")] {
        let error = AppendFile::open(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure_that_names_the_file() {
    let full = AppendFile::open("/dev/full").unwrap();
    let error =
        Pipeline::new("full").iter("items", ["a"; 9]).sink("file", full).wait().unwrap_err();
    assert!(error.to_string().starts_with("`file` failed: /dev/full: No space"), "{error}");
    let ledger = error.outcome().unwrap().ledger();
    assert!(ledger.balances() && ledger.stage("file").unwrap().passed == 0, "{ledger}");
    let error = AppendFile::open("/dev/full").unwrap().checkpoint::<u64>().unwrap_err().to_string();
    assert_eq!(error, "/dev/full: it is no regular file, and cannot have a checkpoint");
}
