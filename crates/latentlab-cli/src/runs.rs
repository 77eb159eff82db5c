//! The runs in a directory as a table: how they stand, chosen figures and keys, what differs.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use latentlab_core::numbers;
use latentlab_train::observers::{Goal, read_metrics};
use serde_json::{Map, Value, json};

use super::say;
use latentlab_evaluate::catalogue::look_up;
use latentlab_run::{
    Error, Result, RunRecord,
    figures::{differently_judged, last_values, number},
    overrides::{differing_keys, flatten},
    run_dir::{read_toml, standing},
};

/// Folders below the one that is named in which runs are looked for: `runs/<experiment>/<id>`.
const DEPTH: usize = 3;
/// What stands where a run has no value.
const NOTHING: &str = "-";
/// Keys that differ without making a difference.
const ASIDE: [&str; 3] = ["summary", "threads", "data.workers"];

/// Which columns, in which order.
pub(super) struct Columns<'a> {
    /// Figures, such as `test/elbo`, and keys, such as `model.config.latent`.
    pub show: &'a [String],
    /// The keys that have not the same value in all runs as well.
    pub differing: bool,
    /// The figure or key whose better, or lower, values come first; the start of the run without it.
    pub sort: Option<&'a str>,
}

/// A run, as far as it was looked at.
struct Run {
    directory: PathBuf,
    record: Result<RunRecord>,
    figures: BTreeMap<String, f64>,
    keys: BTreeMap<String, toml::Value>,
}

/// What stands in one column of one run.
enum Cell {
    Number(f64),
    Text(String),
}

impl Run {
    /// Looks at the figures and keys of a run, where it can be read.
    fn look(&mut self) -> Result<()> {
        if self.record.is_err() {
            return Ok(());
        }
        let table = read_toml(&self.directory.join("config.toml"))?;
        self.keys = flatten(&table).into_iter().collect();
        let metrics = self.directory.join("metrics.jsonl");
        if metrics.is_file() {
            self.figures = last_values(&read_metrics(&metrics)?);
        }
        Ok(())
    }

    fn cell(&self, column: &str) -> Option<Cell> {
        if let Some(value) = self.figures.get(column) {
            return Some(Cell::Number(*value));
        }
        Some(match self.keys.get(column)? {
            toml::Value::Integer(value) => Cell::Number(*value as f64),
            toml::Value::Float(value) => Cell::Number(*value),
            toml::Value::String(value) => Cell::Text(value.clone()),
            value => Cell::Text(value.to_string()),
        })
    }

    fn started(&self) -> &str {
        self.record.as_ref().map_or("", |record| &record.started)
    }
}

impl Cell {
    fn words(&self) -> String {
        match self {
            Self::Number(value) => number(*value),
            Self::Text(text) => text.clone(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Number(value) => numbers::to_json(*value + 0.0),
            Self::Text(text) => json!(text),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

/// Prints the runs in `folder` and its folders, the oldest first unless sorted.
///
/// # Errors
/// If there are none, or no run has a column that is asked for.
pub(super) fn list_runs(folder: &Path, columns: &Columns, json: bool) -> Result<u8> {
    if !folder.is_dir() {
        let problem = format!("there is no folder {}", folder.display());
        return Err(Error::Argument(problem));
    }
    let mut runs = Vec::new();
    find_runs(folder, DEPTH, &mut runs)?;
    if runs.is_empty() {
        let folder = folder.display();
        return Err(Error::Argument(format!(
            "there is no run in {folder}; `experiment NAME` makes one in runs/"
        )));
    }
    runs.sort_by_cached_key(|run: &Run| (run.started().to_owned(), run.directory.clone()));
    let mut shown: Vec<String> = columns.show.to_vec();
    if columns.differing || columns.sort.is_some() || !shown.is_empty() {
        runs.iter_mut().try_for_each(Run::look)?;
    }
    if columns.differing {
        shown.extend(differing(&runs));
    }
    if let Some(key) = columns.sort {
        sort(&mut runs, key);
        if !shown.iter().any(|column| column == key) {
            shown.insert(0, key.to_owned());
        }
    }
    check(&shown, &runs)?;
    match json {
        true => runs
            .iter()
            .for_each(|run| say(in_json(run, &shown).to_string())),
        false => {
            in_words(&runs, &shown).into_iter().for_each(say);
            if let Some(note) = note(&runs, &shown) {
                say(format!("note: {note}"));
            }
        }
    }
    Ok(0)
}

/// What to know before the figures that are shown are compared.
fn note(runs: &[Run], columns: &[String]) -> Option<&'static str> {
    let measured = |column: &&String| column.starts_with("samples/") || column.starts_with("test/");
    let measured: Vec<&String> = columns.iter().filter(measured).collect();
    let is_of_samples = measured.iter().any(|column| column.starts_with("samples/"));
    let compared = runs.iter().filter(|run| {
        measured
            .iter()
            .any(|column| run.figures.contains_key(*column))
    });
    differently_judged(compared.filter_map(|run| {
        let record = run.record.as_ref().ok()?;
        let features = run
            .keys
            .get("evaluate.features")
            .and_then(toml::Value::as_str);
        Some((&record.data[..], features.filter(|_| is_of_samples)))
    }))
}

/// The keys in which runs differ.
fn differing(runs: &[Run]) -> Vec<String> {
    let read = runs.iter().filter(|run| !run.keys.is_empty());
    let configs: Vec<_> = read.map(|run| run.keys.clone()).collect();
    let mut keys = differing_keys(&configs);
    keys.retain(|key| !ASIDE.contains(&key.as_str()));
    keys
}

/// Better values first where one side of a figure is, lower ones otherwise; runs without one last.
fn sort(runs: &mut [Run], column: &str) {
    let high = look_up(column).is_some_and(|entry| matches!(entry.better, Some(Goal::Max)));
    runs.sort_by(|a, b| match (a.cell(column), b.cell(column)) {
        (Some(a), Some(b)) if high => b.compare(&a),
        (Some(a), Some(b)) => a.compare(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
}

/// Refuses a column that no run has.
fn check(columns: &[String], runs: &[Run]) -> Result<()> {
    for column in columns {
        if runs.iter().all(|run| run.cell(column).is_none()) {
            let known = runs
                .iter()
                .flat_map(|run| run.figures.keys().chain(run.keys.keys()));
            let known: BTreeSet<&str> = known.map(String::as_str).collect();
            let unknown = latentlab_core::Error::unknown("figure or key", column, known);
            return Err(unknown.into());
        }
    }
    Ok(())
}

fn in_json(run: &Run, columns: &[String]) -> Value {
    let directory = run.directory.display().to_string();
    let record = match &run.record {
        Ok(record) => record,
        Err(error) => return json!({"directory": directory, "error": error.to_string()}),
    };
    let mut object = json!({"directory": directory, "experiment": record.experiment,
                            "name": record.name, "status": standing(&run.directory, record),
                            "started": record.started});
    if !columns.is_empty() {
        let cells = columns.iter().map(|column| {
            let value = run.cell(column).map_or(Value::Null, |cell| cell.json());
            (column.clone(), value)
        });
        object["columns"] = Value::Object(cells.collect::<Map<_, _>>());
    }
    object
}

/// The lines of the table; with columns of one's own it has a head.
fn in_words(runs: &[Run], columns: &[String]) -> Vec<String> {
    let cells = |run: &Run| -> Vec<String> {
        let cells = columns.iter().map(|column| run.cell(column));
        cells
            .map(|cell| cell.map_or(NOTHING.to_owned(), |cell| cell.words()))
            .collect()
    };
    let rows: Vec<Vec<String>> = runs.iter().map(cells).collect();
    let width = |(place, column): (usize, &String)| {
        let widest = rows.iter().map(|row| row[place].chars().count()).max();
        widest.unwrap_or(0).max(column.chars().count())
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(width).collect();
    let line = |start: String, cells: &[String], directory: &str| {
        let cells = cells.iter().zip(&widths);
        let cells: String = cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        format!("{start}  {cells}{directory}")
    };
    let start = |started: &str, status: &str, experiment: &str| {
        format!("{started:<20}  {status:<11}  {experiment:<16}")
    };
    let head = line(
        start("started", "status", "experiment"),
        columns,
        "directory",
    );
    let head = (!columns.is_empty()).then_some(head);
    let body = runs.iter().zip(&rows).map(|(run, row)| match &run.record {
        Ok(record) => line(
            start(
                &record.started,
                &standing(&run.directory, record),
                &record.experiment,
            ),
            row,
            &run.directory.display().to_string(),
        ),
        Err(error) => format!("{:<20}  {error}", "unreadable"),
    });
    head.into_iter().chain(body).collect()
}

fn find_runs(folder: &Path, depth: usize, found: &mut Vec<Run>) -> Result<()> {
    if folder.join("run.json").is_file() {
        found.push(Run {
            directory: folder.to_owned(),
            record: RunRecord::read(folder),
            figures: BTreeMap::new(),
            keys: BTreeMap::new(),
        });
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let entry = entry.map_err(Error::file(folder))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find_runs(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}
