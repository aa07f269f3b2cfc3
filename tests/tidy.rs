//! Habits are tests: what lies in the folders of examples and tests is listed in the manifests, or part of a program
//! that is, since cargo does not build a file that is neither, and does not say so.

use std::fs;
use std::path::{Path, PathBuf};

/// What begins in a folder: its Rust files, and the `main.rs` or `mod.rs` of its folders.
fn beginnings(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| {
            let within = ["main.rs", "mod.rs"].map(|file| format!("{name}/{file}"));
            let within = within.into_iter().find(|path| folder.join(path).exists());
            within.or(name.ends_with(".rs").then_some(name))
        })
        .collect()
}

#[test]
fn every_file_of_examples_and_tests_is_built() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (package, folder) in [
        ("examples", ""),
        ("tests", ""),
        ("crates/exeunt-pipeline", "tests/"),
        ("crates/exeunt-testkit", "tests/"),
    ] {
        let manifest = fs::read_to_string(root.join(package).join("Cargo.toml")).unwrap();
        let is_listed = |file: &String| manifest.contains(&format!("path = \"{folder}{file}\""));
        let folder = root.join(package).join(folder);
        let (listed, others): (Vec<_>, Vec<_>) =
            beginnings(&folder).into_iter().partition(is_listed);
        assert!(!listed.is_empty(), "{} is empty", folder.display());
        let roots: Vec<String> =
            listed.iter().map(|root| fs::read_to_string(folder.join(root)).unwrap()).collect();
        for file in others {
            let line = format!("mod {};", file.trim_end_matches(".rs").trim_end_matches("/mod"));
            let is_line = |root: &String| root.lines().any(|of_root| of_root == line);
            assert!(
                roots.iter().any(is_line),
                "{}: {file} is neither in the manifest nor part of a program that is",
                folder.display(),
            );
        }
    }
}

/// The Rust files under a folder, however deep.
fn all_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files.into_iter().filter(|path| path.extension().is_some_and(|it| it == "rs"));
    here.chain(folders.iter().flat_map(|folder| all_under(folder))).collect()
}

#[test]
fn every_file_of_a_crate_is_a_module_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let sources = entry.unwrap().path().join("src");
        let files = all_under(&sources);
        assert!(!files.is_empty(), "{} is empty", sources.display());
        let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        for file in files.iter().filter(|file| file.parent() != Some(&sources.join("bin"))) {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let name = match name {
                "lib" | "main" => continue,
                "mod" => file.parent().unwrap().file_name().unwrap().to_str().unwrap(),
                name => name,
            };
            // By its name, or by its path.
            let lines = [format!("mod {name};"), format!("/{name}.rs\"")];
            let is_declared = lines.iter().any(|line| code.contains(line));
            assert!(is_declared, "{} is part of nothing", file.display());
        }
    }
}

/// The words in backquotes in the first column of the tables of a page.
fn words_of_the_first_column(page: &str) -> Vec<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_page_on_architecture_lists_the_modules_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let list = page.split("\n## ").find(|part| part.starts_with("The modules, ")).unwrap();
    let listed = words_of_the_first_column(list);
    let files = all_under(&root.join("crates/exeunt/src"));
    let modules: Vec<&str> = files
        .iter()
        .filter(|file| file.parent().unwrap().file_name().unwrap() != "tests")
        .map(|file| file.file_stem().unwrap().to_str().unwrap())
        .filter(|name| !["lib", "tests", "guide"].contains(name))
        .collect();
    for module in &modules {
        assert!(listed.contains(module), "`{module}` is not in ARCHITECTURE.md");
    }
    // A feature, and a macro of crossbeam's.
    let others = ["async", "select"];
    for word in listed.iter().filter(|word| !others.contains(word)) {
        assert!(modules.contains(word), "`{word}` of ARCHITECTURE.md is no module");
    }
}

#[test]
fn every_clause_of_the_contract_has_a_test_named_after_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let contract = fs::read_to_string(root.join("crates/exeunt/src/contract.md")).unwrap();
    let mut sources = String::new();
    for folder in ["tests", "crates/exeunt/src"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "rs") {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let clauses: Vec<&str> = contract
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.get(..2))
        .filter(|clause| clause.ends_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert_eq!(clauses.len(), 27, "{clauses:?}");
    for clause in clauses {
        let test = format!("fn {}_", clause.to_lowercase());
        assert!(sources.contains(&test), "no test is named after {clause}");
    }
}

/// The rows of a table in Markdown that begin with a clause, and the files to which each links.
fn proofs(page: &str) -> Vec<(&str, Vec<&str>)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let is_clause = |word: &str| word.len() == 2 && word.ends_with(|c: char| c.is_ascii_digit());
    rows.filter(|(clause, _)| is_clause(clause))
        .map(|(clause, row)| {
            let links = row.split("](").skip(1).filter_map(|link| link.split(')').next());
            (clause, links.collect())
        })
        .collect()
}

#[test]
fn every_clause_is_proved_where_the_page_on_reliability_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("RELIABILITY.md")).unwrap();
    let proofs = proofs(&page);
    assert_eq!(proofs.len(), 27, "{proofs:?}");
    for (clause, files) in proofs {
        assert!(!files.is_empty(), "{clause} is not proved anywhere");
        for file in files {
            let code = fs::read_to_string(root.join(file)).unwrap_or_default();
            let clause = format!("{}_", clause.to_lowercase());
            let names = code.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
            let is_named = |name: &str| name.split('(').next().unwrap().contains(&clause);
            assert!(names.into_iter().any(is_named), "no test in {file} is named after {clause}");
        }
    }
}

#[test]
fn the_changelog_begins_with_the_version_that_is_built() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    let newest = changelog.lines().find(|line| line.starts_with("## [")).unwrap();
    assert!(newest.contains(env!("CARGO_PKG_VERSION")), "{newest}");
}

#[test]
fn every_example_is_named_in_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let programs = beginnings(&root.join("examples"));
    for program in programs.iter().filter(|file| !file.ends_with("/mod.rs")) {
        let link = format!("examples/{program}");
        assert!(readme.contains(&link), "{link} is not in the README");
    }
}
