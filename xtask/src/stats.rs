//! How much code there is, and how much of its public part is documented.

use anyhow::Result;

use crate::workspace::{File, Workspace};

/// The figures of one package.
#[derive(Debug, PartialEq)]
struct Figures {
    files: usize,
    lines: usize,
    /// Lines of the middle file by length.
    median: usize,
    /// Lines and name of the longest file.
    largest: (usize, String),
    public_items: usize,
    documented_items: usize,
}

/// Prints a table with one row for each package: its Rust files, their lines, the documented share
/// of the public items.
///
/// # Errors
/// If the workspace cannot be read.
pub fn run() -> Result<()> {
    let workspace = Workspace::read()?;
    let files: Vec<&File> = workspace.with_extension("rs").collect();
    println!(
        "{:<22}{:>6}{:>8}{:>8}{:>12}  largest file",
        "package", "files", "lines", "median", "documented"
    );
    for package in &workspace.packages {
        let folder = format!("{}/", package.folder());
        let own: Vec<&File> = files
            .iter()
            .filter(|file| file.path.starts_with(&folder))
            .copied()
            .collect();
        print_row(&package.name, &figures(&own));
    }
    print_row("all", &figures(&files));
    Ok(())
}

fn print_row(name: &str, figures: &Figures) {
    let documented = match figures.public_items {
        0 => "-".to_owned(),
        count => format!(
            "{:.0} %",
            100.0 * figures.documented_items as f64 / count as f64
        ),
    };
    let Figures {
        files,
        lines,
        median,
        largest: (length, path),
        ..
    } = figures;
    println!("{name:<22}{files:>6}{lines:>8}{median:>8}{documented:>12}  {path} ({length})");
}

fn figures(files: &[&File]) -> Figures {
    let mut by_length: Vec<_> = files
        .iter()
        .map(|file| (file.text.lines().count(), file.path.clone()))
        .collect();
    by_length.sort();
    let items: Vec<bool> = files
        .iter()
        .flat_map(|file| public_items(&file.text))
        .collect();
    Figures {
        files: files.len(),
        lines: by_length.iter().map(|(length, _)| length).sum(),
        median: by_length
            .get(files.len() / 2)
            .map_or(0, |(length, _)| *length),
        largest: by_length.pop().unwrap_or_default(),
        public_items: items.len(),
        documented_items: items.iter().filter(|documented| **documented).count(),
    }
}

/// For each `pub` item or field, whether a `///` comment stands above it and its attributes.
///
/// Modules say what they are in their own file, and re-exports where they come from.
fn public_items(text: &str) -> Vec<bool> {
    let mut items = Vec::new();
    let mut documented = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("///") {
            documented = true;
        } else if !line.starts_with("#[") {
            let item = line.strip_prefix("pub ");
            let item = item.filter(|item| !item.starts_with("use ") && !item.starts_with("mod "));
            items.extend(item.map(|_| documented));
            documented = false;
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_count_as_documented_through_their_attributes() {
        let text = "/// A.\n#[derive(Debug)]\npub struct A {\n    pub b: u8,\n    c: u8,\n}\n\
                    pub use d::E;\npub mod f;\npub(crate) fn g() {}\n/// H.\npub fn h() {}\n";
        assert_eq!(public_items(text), [true, false, true]);
    }

    #[test]
    fn the_figures_are_those_of_the_files() {
        let file = |path: &str, lines: usize| File {
            path: path.to_owned(),
            text: "pub fn a() {}\n".repeat(lines),
        };
        let (a, b, c) = (file("a.rs", 10), file("b.rs", 1), file("c.rs", 4));
        let expected = Figures {
            files: 3,
            lines: 15,
            median: 4,
            largest: (10, "a.rs".to_owned()),
            public_items: 15,
            documented_items: 0,
        };
        assert_eq!(figures(&[&a, &b, &c]), expected);
    }

    #[test]
    fn a_package_without_files_has_no_figures() {
        assert_eq!(figures(&[]).lines, 0);
    }
}
