//! The tables of the page: a column for each run.

use std::collections::BTreeMap;

use super::{name, side::Side};
use crate::{markup::escape, page::fold};
use latentlab_run::{
    Verdict,
    figures::{differently_judged, grouped, number},
    overrides::differing_keys,
};

/// What stands where a run has no value.
const NOTHING: &str = "–";

/// How far each run has come.
pub(super) fn runs(sides: &[Side]) -> String {
    let rows = sides.iter().enumerate().map(|(place, side)| {
        let status = side.record.status;
        let experiment = escape(&side.record.experiment);
        let seed = side
            .config
            .get("seed")
            .map_or(String::new(), |seed| seed.to_string());
        format!(
            "<tr><th scope=\"row\">{}</th><td>{experiment}</td><td>{}</td>\
             <td><span class=\"status {status}\">{status}</span></td>\
             <td>{} of {}</td><td>{}</td></tr>\n",
            name(place, side),
            escape(&seed),
            side.step(),
            side.steps(),
            escape(&side.path)
        )
    });
    let columns = ["run", "experiment", "seed", "status", "step", "directory"];
    table(&columns.map(str::to_owned), &rows.collect::<String>())
}

/// The last value of every figure in every run. Which is best is not said, only whether a run's
/// own expectation is met; parts of one quantity are folded away.
pub(super) fn figures(sides: &[Side]) -> String {
    let mut cells: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for key in sides.iter().flat_map(|side| side.figures.keys()) {
        cells
            .entry(key)
            .or_insert_with(|| sides.iter().map(|side| cell(side, key)).collect());
    }
    let (mut all, mut folded) = (String::new(), String::new());
    for group in grouped(cells) {
        let rows = group.figures.iter().map(|(name, cells)| row(name, cells));
        let rows: String = rows.collect();
        let name = escape(group.name);
        if group.is_one_quantity() {
            let table = table(&columns("figure", sides), &rows);
            folded.push_str(&fold(&format!("{name}/..."), &table));
        } else {
            let width = sides.len() + 1;
            all.push_str(&format!(
                "<tr class=\"group\"><th scope=\"colgroup\" colspan=\"{width}\">{name}</th></tr>\n{rows}"
            ));
        }
    }
    let judged = sides.iter().map(|side| {
        let evaluate = side.config.get("evaluate");
        let features = evaluate.and_then(|evaluate| evaluate.get("features")?.as_str());
        (&side.record.data[..], features)
    });
    let note =
        differently_judged(judged).map_or(String::new(), |note| format!("<p>Note: {note}.</p>\n"));
    match all.is_empty() {
        true => folded,
        false => note + &table(&columns("figure", sides), &all) + &folded,
    }
}

fn cell(side: &Side, key: &str) -> String {
    let value = side
        .figures
        .get(key)
        .map_or(NOTHING.to_owned(), |value| number(*value));
    match side.verdict(key) {
        Some(verdict @ (Verdict::Met { .. } | Verdict::Missed { .. })) => {
            format!("{value} <span class=\"verdict {verdict}\">{verdict}</span>")
        }
        _ => value,
    }
}

/// The keys that have not the same value in all experiments.
pub(super) fn configuration(sides: &[Side]) -> String {
    let configs: Vec<BTreeMap<_, _>> = sides.iter().map(Side::keys).collect();
    let rows: String = differing_keys(&configs)
        .iter()
        .map(|key| {
            let values = configs.iter().map(|config| match config.get(key) {
                Some(value) => format!("<code>{}</code>", escape(&value.to_string())),
                None => NOTHING.to_owned(),
            });
            row(key, &values.collect::<Vec<_>>())
        })
        .collect();
    match rows.is_empty() {
        true => "<p>All keys have the same values.</p>\n".to_owned(),
        false => table(&columns("key", sides), &rows),
    }
}

/// The heads of a table with a column for each run.
fn columns(first: &str, sides: &[Side]) -> Vec<String> {
    let names = sides.iter().enumerate();
    let names = names.map(|(place, side)| name(place, side));
    std::iter::once(first.to_owned()).chain(names).collect()
}

fn row(name: &str, cells: &[String]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| format!("<td>{cell}</td>"))
        .collect();
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(name))
}

fn table(columns: &[String], rows: &str) -> String {
    let columns = columns.iter();
    let columns: String = columns
        .map(|column| format!("<th scope=\"col\">{column}</th>"))
        .collect();
    format!(
        "<div class=\"wide\">\n<table>\n<thead><tr>{columns}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}
