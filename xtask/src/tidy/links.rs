//! Links between the project's Markdown files lead to files that exist.

use std::collections::BTreeSet;

use super::Violation;
use crate::workspace::{File, Workspace};

/// Every `[text](path)` of every Markdown file leads to a file or folder of the project.
pub fn lead_somewhere(workspace: &Workspace) -> Vec<Violation> {
    let mut known = BTreeSet::from([""]);
    for file in &workspace.files {
        let ends = file.path.match_indices('/').map(|(end, _)| end);
        known.extend(ends.chain([file.path.len()]).map(|end| &file.path[..end]));
    }
    workspace
        .with_extension("md")
        .flat_map(|file| {
            targets(file)
                .into_iter()
                .map(move |(line, target)| (file, line, target))
        })
        .filter(|(file, _, target)| {
            resolve(&file.path, target).is_none_or(|path| !known.contains(path.as_str()))
        })
        .map(|(file, line, target)| {
            let problem = format!("the link to `{target}` leads nowhere: correct or remove it");
            Violation::at_line(&file.path, line, problem)
        })
        .collect()
}

/// The local targets of the links of a file, without `#section`, and their lines.
fn targets(file: &File) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            let line = without_code(line);
            for link in line.split("](").skip(1) {
                let target = link.split([')', '#', ' ']).next().unwrap_or_default();
                let is_local =
                    !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
                targets.extend(is_local.then(|| (index + 1, target.to_owned())));
            }
        }
    }
    targets
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The path that `target` in the file `from` stands for, unless it leaves the project.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()?),
            step => path.push(step),
        }
    }
    Some(path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let workspace = Workspace::of_files(&[
            ("README.md", ""),
            ("docs/guide.md", text),
            ("docs/images/ring.png", ""),
        ]);
        lead_somewhere(&workspace)
            .into_iter()
            .map(|violation| violation.place)
            .collect()
    }

    #[test]
    fn links_to_files_and_folders_are_fine() {
        let text = "[a](images/ring.png) ![b](./images) [c](../README.md#start)\n[d](images/ring.png \"e\")\n";
        assert_eq!(problems(text), [""; 0]);
    }

    #[test]
    fn links_to_elsewhere_are_not_followed() {
        assert_eq!(
            problems("[a](https://x.org/y) [b](#section) [c](mailto:d@x.org)"),
            [""; 0]
        );
    }

    #[test]
    fn a_link_to_nothing_is_found_with_its_line() {
        assert_eq!(
            problems("# Guide\n\nSee [a](missing.md).\n"),
            ["docs/guide.md:3"]
        );
        assert_eq!(problems("[a](../../outside.md)"), ["docs/guide.md:1"]);
    }

    #[test]
    fn code_is_no_link() {
        assert_eq!(problems("`v[0](x)`\n```\n[a](missing.md)\n```\n"), [""; 0]);
    }
}
