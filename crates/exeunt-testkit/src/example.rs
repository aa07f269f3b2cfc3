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
/// tests. It is asked as in `cargo build --example` at the root of the workspace, where its features are those of
/// `cargo test` there; and for the package alone, if that one is no default member, or if others have such an example, too.
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
    let (target, profile) =
        folder_of_profile(&test).ok_or_else(|| format!("{} is no test", test.display()))?;
    let build = |selection: &[&str]| {
        let profile = if profile == "debug" { "dev" } else { profile };
        let mut cargo = cargo(&["build", "--quiet", "--message-format=json", "--example", name]);
        cargo.args(["--profile", profile, "--target-dir"]).arg(target).args(selection);
        said_by(cargo)
    };
    // A package alone may have other features, so that much would be built again.
    let is_built = among_the_default_members(package, build).unwrap_or(false);
    if !is_built {
        build(&["--package", package])?;
    }
    let program =
        target.join(profile).join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    match program.exists() {
        true => Ok(program),
        false => Err(format!("{} is not there", program.display())),
    }
}

/// Builds it with all that have an example of this name, and says whether it is the only one: they share a place.
fn among_the_default_members(
    package: &str,
    build: impl Fn(&[&str]) -> Result<String, String>,
) -> Result<bool, String> {
    let root = said_by(cargo(&["locate-project", "--workspace", "--message-format", "plain"]))?;
    let id = said_by(cargo(&["pkgid", "--package", package]))?;
    let built = build(&["--manifest-path", root.trim_end()])?;
    Ok(is_the_only_example(&built, id.trim_end()))
}

/// Whether this package's is the one example among what cargo says, a line of JSON each, that it has built.
fn is_the_only_example(built: &str, package: &str) -> bool {
    let mut examples = built.lines().filter(|line| line.contains(r#""kind":["example"]"#));
    let package = format!(r#""package_id":"{package}""#);
    examples.next().is_some_and(|line| line.contains(&package)) && examples.next().is_none()
}

fn cargo(words: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.args(words);
    cargo
}

/// What a command says on standard output, or, if it fails, on standard error.
fn said_by(mut command: Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
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

    #[test]
    fn an_example_of_another_package_or_of_two_is_not_the_one() {
        let line = |package| {
            format!(
                r#"{{"package_id":"path+file:///w/{package}#0.1.0","target":{{"kind":["example"]}}}}"#
            )
        };
        let library = r#"{"package_id":"path+file:///w/a#0.1.0","target":{"kind":["lib"]}}"#;
        let built =
            |lines: &[&str]| is_the_only_example(&lines.join("\n"), "path+file:///w/a#0.1.0");
        assert!(built(&[library, &line("a")]));
        assert!(!built(&[library, &line("b")]));
        assert!(!built(&[library, &line("a"), &line("b")]));
        assert!(!built(&[library]));
    }
}
