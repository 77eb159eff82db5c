//! Checks what no compiler checks: the rules that keep the code as docs/ARCHITECTURE.md describes it.

mod arrows;
mod features;
mod layout;
mod links;
mod registration;
mod rust_code;
mod words;

pub use features::ACCELERATORS;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;

/// A rule: everything in the workspace that breaks it.
type Rule = fn(&Workspace) -> Vec<Violation>;

/// All rules, in the order of their reports.
const RULES: [Rule; 9] = [
    arrows::between_crates,
    arrows::to_outside_crates,
    features::are_forwarded,
    layout::top_level_is_known,
    layout::file_names_say_something,
    layout::files_say_what_they_are,
    words::stay_where_they_belong,
    registration::is_complete,
    links::lead_somewhere,
];

/// Something that breaks a rule.
#[derive(Debug)]
struct Violation {
    /// `file:line`, the file relative to the root.
    place: String,
    /// What is wrong, and how to mend it.
    problem: String,
}

/// Prints every violation of every rule, or one line if there is none.
///
/// # Errors
/// If there is a violation, or the workspace cannot be read.
pub fn run() -> Result<()> {
    let workspace = Workspace::read()?;
    let violations: Vec<Violation> = RULES.iter().flat_map(|rule| rule(&workspace)).collect();
    for Violation { place, problem } in &violations {
        println!("{place}: {problem}");
    }
    ensure!(
        violations.is_empty(),
        "tidy found {} violation(s)",
        violations.len()
    );
    println!(
        "tidy: {} files, {} rules, clean",
        workspace.files.len(),
        RULES.len()
    );
    Ok(())
}

impl Violation {
    /// A violation in the first line of `path` that contains `word`, else in its first line.
    fn at_word(workspace: &Workspace, path: &str, word: &str, problem: String) -> Self {
        let text = workspace.text(path).unwrap_or_default();
        let line = text
            .lines()
            .position(|line| line.contains(word))
            .unwrap_or(0);
        Self::at_line(path, line + 1, problem)
    }

    /// A violation in a line, counted from 1.
    fn at_line(path: &str, line: usize, problem: String) -> Self {
        let place = format!("{path}:{line}");
        Self { place, problem }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_is_tidy() {
        if let Err(error) = super::run() {
            panic!("{error}, see above");
        }
    }
}
