//! [`example`]: the program that an example is, built.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Builds an example of a package of this workspace, and says where its program is: for tests that run it as its
/// users do.
///
/// Cargo builds the examples of a package with its tests, but not those of another package, and none when it is asked
/// for one test alone (`cargo test --test pipeline`); and it tells no test where they are. So this asks cargo for the
/// example, in the folder and with the profile that this test was built with, as its own place
/// (`target/debug/deps`) tells. What is built already costs that question, once for each example in each program of
/// tests.
///
/// # Panics
///
/// If it does not build: a package or an example that there is not, or one that does not compile. What cargo has to
/// say of it is in the panic.
///
/// # Examples
///
/// ```no_run
/// # #[cfg(all(unix, not(target_os = "openbsd")))] {
/// use exeunt_testkit::{Process, SIGINT, example};
///
/// let mut pipeline = Process::new(example("my-package", "pipeline")).start();
/// pipeline.wait_for("READY");
/// pipeline.signal(SIGINT);
/// pipeline.wait().assert_signal(SIGINT);
/// # }
/// ```
#[must_use]
#[track_caller]
pub fn example(package: &str, name: &str) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<(String, String), PathBuf>>> = Mutex::new(None);
    // Held while it is built: others who ask for it wait for that here, and not each in a cargo of its own.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default();
    if let Some(program) = built.get(&(package.to_owned(), name.to_owned())) {
        return program.clone();
    }
    match build(package, name) {
        Ok(program) => {
            built.insert((package.to_owned(), name.to_owned()), program.clone());
            program
        }
        Err(why) => panic!("the example `{name}` of `{package}` cannot be had: {why}"),
    }
}

fn build(package: &str, name: &str) -> Result<PathBuf, String> {
    let test = env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let folder =
        folder_of_profile(&test).ok_or_else(|| format!("{} is no test", test.display()))?;
    let (target, profile) = folder;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(&cargo)
        .args(["build", "--quiet", "--package", package, "--example", name])
        .args(["--profile", if profile == "debug" { "dev" } else { profile }, "--target-dir"])
        .arg(target)
        .output()
        .map_err(|error| format!("{}: {error}", cargo.to_string_lossy()))?;
    let program =
        target.join(profile).join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    match output.status.success() && program.exists() {
        true => Ok(program),
        false => Err(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}

/// The target folder, and the folder of the profile in it, from the place of a test: `target/debug/deps/test`.
fn folder_of_profile(test: &Path) -> Option<(&Path, &str)> {
    let folder = test.ancestors().nth(2)?;
    Some((folder.parent()?, folder.file_name()?.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_and_the_target_folder_are_those_of_the_test() {
        let release = Path::new("/home/ann/target/release/deps/pipeline-0123");
        assert_eq!(folder_of_profile(release), Some((Path::new("/home/ann/target"), "release")));
        assert_eq!(folder_of_profile(Path::new("pipeline")), None);
    }
}
