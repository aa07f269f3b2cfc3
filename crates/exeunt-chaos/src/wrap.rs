//! What stands before the child's command line so that a fault is done to it.
//!
//! Each is a program that becomes the child, or that waits for it and ends as it did: a limit or an
//! ignored signal is inherited, and nothing unsafe has to run between a fork and an exec.

use std::path::Path;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::dice::Dice;
use crate::part::Fault;

/// The words before the command line.
pub(crate) fn words(fault: Fault, dice: &Dice) -> Vec<String> {
    match fault {
        Fault::Ignored => shell("sh", "trap '' INT; exec \"$@\""),
        Fault::Nohup => vec!["nohup".to_owned()],
        Fault::Process1 => namespace(),
        Fault::Threads => few_threads(2 + dice.about("threads").below(14)),
        Fault::Descriptors => shell("sh", "ulimit -n 32; exec \"$@\""),
        // A pipe whose reader has gone. A closed descriptor would be no such thing: the standard
        // library opens /dev/null in its place.
        Fault::ClosedOutput => shell("bash", "exec \"$@\" > >(:)"),
        _ => Vec::new(),
    }
}

fn shell(shell: &str, script: &str) -> Vec<String> {
    [shell, "-c", script, shell].map(str::to_owned).to_vec()
}

fn namespace() -> Vec<String> {
    let options = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let own_user: &[&str] = if is_root() { &[] } else { &["--user", "--map-root-user"] };
    [&["unshare"], own_user, &options].concat().into_iter().map(str::to_owned).collect()
}

/// So many threads, of a user that nobody else is: the limit counts all threads of a user, and does not hold for
/// root.
fn few_threads(threads: u64) -> Vec<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let user = 100_000 + (process::id() % 10_000) * 100_000 + number % 100_000;
    vec![
        "prlimit".to_owned(),
        format!("--nproc={threads}"),
        "setpriv".to_owned(),
        format!("--reuid={user}"),
        format!("--regid={user}"),
        "--clear-groups".to_owned(),
    ]
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a fault can be had on this machine, for this program.
///
/// # Errors
///
/// What is missing.
pub(crate) fn probe(fault: Fault, program: &Path) -> Result<(), String> {
    let mut words = words(fault, &Dice::new(0));
    if fault == Fault::Threads {
        if !is_root() {
            return Err(
                "threads can only be counted for a user of their own, which needs root".to_owned()
            );
        }
        words.extend(["test".to_owned(), "-x".to_owned(), program.display().to_string()]);
    } else {
        words.push("true".to_owned());
    }
    let output = Command::new(&words[0]).args(&words[1..]).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let ended = output.status;
            Err(format!("`{}`: {ended}: {said}", words.join(" ")))
        }
        Err(error) => Err(format!("`{}`: {error}", words[0])),
    }
}
