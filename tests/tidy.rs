//! Habits are tests: what lies in the folders of examples and tests is listed in their manifests,
//! since cargo does not build a file that is not, and does not say so.

use std::fs;
use std::path::Path;

/// The names of the Rust files of a folder, without their ending.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    names
}

#[test]
fn every_file_of_examples_and_tests_is_listed_in_its_manifest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for folder in ["examples", "tests"] {
        let folder = root.join(folder);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let names = files(&folder);
        assert!(!names.is_empty(), "{} is empty", folder.display());
        for name in names {
            let path = format!("path = \"{name}.rs\"");
            assert!(manifest.contains(&path), "{}: {path} is not listed", folder.display());
        }
    }
}
