//! The table of the ordeals in `docs/reliability.md`.

use std::{fs, path::Path};

use crate::{Error, ORDEALS, Ordeal, Report, Result};

const BEGIN: &str = "<!-- torture: written by `cargo xtask torture` -->";
const END: &str = "<!-- end of torture -->";

/// Writes the row of `ordeal` into the table between two marks of `file`; the others' rows and the
/// rest of the file stay as they are. A file without the marks gets them at its end.
///
/// # Errors
/// If the file cannot be written.
pub fn page(ordeal: &Ordeal, report: &Report, file: &Path) -> Result<()> {
    let before = fs::read_to_string(file).unwrap_or_default();
    let text = with_row(&before, ordeal, report);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    fs::write(file, text).map_err(Error::file(file))
}

fn with_row(before: &str, ordeal: &Ordeal, report: &Report) -> String {
    let parts = before.split_once(BEGIN).and_then(|(head, rest)| {
        let (table, tail) = rest.split_once(END)?;
        Some((head, table, tail))
    });
    let (head, known, tail) = parts.unwrap_or((before, "", "\n"));
    let mut table =
        "| ordeal | what is done | tried | lost |\n| --- | --- | --- | --- |\n".to_owned();
    for other in &ORDEALS {
        let start = format!("| `{}` |", other.name);
        let row = known.lines().find(|line| line.starts_with(&start));
        if other.name == ordeal.name {
            table.push_str(&self::row(ordeal, report));
        } else if let Some(row) = row {
            table.push_str(&format!("{row}\n"));
        }
    }
    format!("{head}{BEGIN}\n\n{table}\n{END}{tail}")
}

fn row(ordeal: &Ordeal, report: &Report) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let tried: Vec<_> = report.tried.iter().map(|text| cell(text)).collect();
    let lost = match report.lost.len() {
        0 => "nothing".to_owned(),
        count => format!("{count}, first: {}", cell(&report.lost[0])),
    };
    let (name, what, tried) = (ordeal.name, ordeal.what, tried.join("; "));
    format!("| `{name}` | {what} | {tried} | {lost} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_anew_and_all_else_stays() {
        let tried = |text: &str| Report {
            tried: vec![text.to_owned()],
            ..Report::default()
        };
        let first = with_row("# Title\n\nWords.\n\n", &ORDEALS[1], &tried("7 faults"));
        let second = with_row(&format!("{first}\nMore.\n"), &ORDEALS[0], &tried("3 kills"));
        let third = with_row(&second, &ORDEALS[1], &tried("9 a|b"));
        assert!(third.starts_with("# Title\n\nWords.\n\n"), "{third}");
        assert!(third.ends_with("\nMore.\n"), "{third}");
        assert!(!third.contains("7 faults") && third.contains("9 a\\|b | nothing"));
        let place = |text| third.find(text).unwrap();
        assert!(place("3 kills") < place("9 a"), "{third}");
    }

    #[test]
    fn what_was_lost_is_told() {
        let report = Report {
            lost: vec!["params differ".to_owned(), "more".to_owned()],
            ..Report::default()
        };
        assert!(with_row("", &ORDEALS[0], &report).contains("2, first: params differ"));
    }
}
