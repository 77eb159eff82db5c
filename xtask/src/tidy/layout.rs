//! What lies where, what it is called, and that each Rust file begins by saying what it is.

use std::collections::BTreeSet;

use super::Violation;
use crate::workspace::Workspace;

/// Everything at the top of the repository; more there is less to find.
const TOP_LEVEL: [&str; 18] = [
    ".cargo",
    ".ci",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "benches",
    "clippy.toml",
    "crates",
    "docs",
    "rustfmt.toml",
    "xtask",
];

/// Names that say nothing about what is in the file.
const EMPTY_NAMES: [&str; 5] = [
    "common.rs",
    "helpers.rs",
    "manager.rs",
    "misc.rs",
    "utils.rs",
];

/// Nothing lies at the top of the repository but what belongs there.
pub fn top_level_is_known(workspace: &Workspace) -> Vec<Violation> {
    let entries: BTreeSet<&str> = workspace
        .files
        .iter()
        .map(|file| file.path.split('/').next().unwrap_or(&file.path))
        .collect();
    let unknown = entries
        .into_iter()
        .filter(|entry| !TOP_LEVEL.contains(entry));
    let problem =
        "nothing more at the top: move it into a folder, or list it in xtask/src/tidy/layout.rs";
    unknown
        .map(|entry| Violation::at_line(entry, 1, problem.to_owned()))
        .collect()
}

/// No Rust file is named after having no name.
pub fn file_names_say_something(workspace: &Workspace) -> Vec<Violation> {
    let name = |path: &str| {
        path.rsplit('/')
            .next()
            .map(str::to_owned)
            .unwrap_or_default()
    };
    workspace
        .with_extension("rs")
        .filter(|file| EMPTY_NAMES.contains(&name(&file.path).as_str()))
        .map(|file| {
            let problem = "the name says nothing: name the file after the one idea in it";
            Violation::at_line(&file.path, 1, problem.to_owned())
        })
        .collect()
}

/// Every Rust file begins with `//!` and a sentence.
pub fn files_say_what_they_are(workspace: &Workspace) -> Vec<Violation> {
    workspace
        .with_extension("rs")
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| {
            let problem = "begin the file with `//!` and one sentence that says what it is";
            Violation::at_line(&file.path, 1, problem.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(rule: fn(&Workspace) -> Vec<Violation>, files: &[(&str, &str)]) -> Vec<String> {
        let violations = rule(&Workspace::of_files(files));
        violations
            .into_iter()
            .map(|violation| violation.place)
            .collect()
    }

    #[test]
    fn an_unknown_folder_at_the_top_is_reported_once() {
        let files = [
            ("README.md", ""),
            ("scripts/a.sh", ""),
            ("scripts/b.sh", ""),
            ("xtask/Cargo.toml", ""),
        ];
        assert_eq!(places(top_level_is_known, &files), ["scripts:1"]);
    }

    #[test]
    fn a_name_that_says_nothing_is_refused() {
        let files = [
            ("crates/a/src/utils.rs", ""),
            ("crates/a/src/misc.md", ""),
            ("crates/a/src/kl.rs", ""),
        ];
        assert_eq!(
            places(file_names_say_something, &files),
            ["crates/a/src/utils.rs:1"]
        );
    }

    #[test]
    fn a_file_without_a_first_sentence_is_refused() {
        let files = [
            ("a.rs", "//! What this is.\n"),
            ("b.rs", "use c;\n"),
            ("d.toml", ""),
            ("e.rs", "//!\n"),
        ];
        assert_eq!(
            places(files_say_what_they_are, &files),
            ["b.rs:1", "e.rs:1"]
        );
    }
}
