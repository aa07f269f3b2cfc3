//! Tests of this program once more, while threads are held up at random (`crates/exeunt-jitter`).

use std::env;
use std::path::Path;
use std::process::Command;

/// Runs those whose names begin so once more. The one that calls it is not to be one of them.
#[track_caller]
pub(crate) fn while_held_up(tests: &str) {
    let me = env::current_exe().unwrap();
    // It is built along with what depends on it.
    let library = me.parent().unwrap().join("libexeunt_jitter.so");
    assert!(gets_in(&library), "{} does not get into other programs", library.display());
    let run = Command::new(&me).arg(tests).env("LD_PRELOAD", &library).output().unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    let has_run = !told.contains(" 0 passed") && told.contains(tests);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && has_run, "{told}\n{complained}");
}

fn gets_in(library: &Path) -> bool {
    let maps = Command::new("cat").arg("/proc/self/maps").env("LD_PRELOAD", library).output();
    String::from_utf8_lossy(&maps.unwrap().stdout).contains("libexeunt_jitter.so")
}
