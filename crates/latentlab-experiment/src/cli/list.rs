//! `latentlab list`: what there is to run, the runs that there are, what their figures mean.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use latentlab_core::Registry;
use serde_json::{Value, json};

use super::say;
use crate::{
    Error, Result, RunRecord, Status,
    glossary::{FIGURES, Origin},
    library,
    run_dir::is_locked,
};

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// List the runs in DIR and its folders instead, the oldest first
    #[arg(value_name = "DIR")]
    runs: Option<PathBuf>,
    /// List the figures of runs instead, with their units and meanings
    #[arg(long, conflicts_with = "runs")]
    figures: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    match &arguments.runs {
        _ if arguments.figures => list_figures(arguments.json),
        Some(folder) => list_runs(folder, arguments.json),
        None => list_parts(arguments, registry),
    }
}

fn list_figures(json: bool) -> Result<u8> {
    for entry in &FIGURES {
        let (name, meaning) = (entry.title(), entry.meaning);
        let only = match entry.from {
            Origin::Judge => " [`evaluate` only]",
            _ => "",
        };
        say(match json {
            true => json!({"name": name, "unit": entry.unit, "better": entry.side(),
                           "evaluate_only": entry.from == Origin::Judge, "meaning": meaning})
            .to_string(),
            false => format!("{name} ({}){only}\n    {meaning}", entry.unit_and_side()),
        });
    }
    Ok(0)
}

/// Folders below the one that is named in which runs are looked for: `runs/<experiment>/<id>`.
const DEPTH: usize = 3;

fn list_runs(folder: &Path, json: bool) -> Result<u8> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        let problem = format!("there is no folder {}", folder.display());
        return Err(Error::Argument(problem));
    }
    find_runs(folder, DEPTH, &mut found)?;
    if found.is_empty() {
        let folder = folder.display();
        return Err(Error::Argument(format!(
            "there is no run in {folder}; `experiment NAME` makes one in runs/"
        )));
    }
    let started = |(_, record): &(PathBuf, Result<RunRecord>)| match record {
        Ok(record) => record.started.clone(),
        Err(_) => String::new(),
    };
    found.sort_by_cached_key(|run| (started(run), run.0.clone()));
    for (path, record) in found {
        let status = record.as_ref().ok().map(|record| standing(&path, record));
        let directory = path.display().to_string();
        say(match (record, json) {
            (Ok(record), true) => {
                let (experiment, started) = (record.experiment, record.started);
                json!({"directory": directory, "experiment": experiment,
                       "status": status, "started": started})
                .to_string()
            }
            (Ok(record), false) => format!(
                "{}  {:<11}  {:<16}  {directory}",
                record.started,
                status.unwrap_or_default(),
                record.experiment
            ),
            (Err(error), true) => {
                json!({"directory": directory, "error": error.to_string()}).to_string()
            }
            (Err(error), false) => format!("{:<20}  {error}", "unreadable"),
        });
    }
    Ok(0)
}

/// How a run stands: as its record says, but `killed` where that says that it is being trained and
/// no process does.
fn standing(directory: &Path, record: &RunRecord) -> String {
    match record.status {
        Status::Running if !is_locked(directory) => "killed".to_owned(),
        status => status.to_string(),
    }
}

fn find_runs(
    folder: &Path,
    depth: usize,
    found: &mut Vec<(PathBuf, Result<RunRecord>)>,
) -> Result<()> {
    if folder.join("run.json").is_file() {
        found.push((folder.to_owned(), RunRecord::read(folder)));
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

fn list_parts(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    let mut experiments = Vec::new();
    for (name, _) in library::EMBEDDED {
        let table = library::find(name)?.table;
        let summary = table.get("summary").and_then(|value| value.as_str());
        experiments.push((name.to_owned(), summary.unwrap_or_default().to_owned()));
    }
    let models = registry
        .iter()
        .map(|entry| (entry.name.to_owned(), entry.summary.to_owned()));
    let data = latentlab_data::names_and_summaries()
        .map(|(name, summary)| (name.to_owned(), summary.to_owned()));
    let sections = [
        ("experiments", experiments),
        ("models", models.collect()),
        ("data", data.collect()),
    ];
    if arguments.json {
        let object: serde_json::Map<String, Value> = sections
            .iter()
            .map(|(title, entries)| {
                let entries = entries
                    .iter()
                    .map(|(name, summary)| json!({ "name": name, "summary": summary }));
                ((*title).to_owned(), entries.collect())
            })
            .collect();
        say(Value::Object(object).to_string());
        return Ok(0);
    }
    let names = sections.iter().flat_map(|(_, entries)| entries);
    let width = names.map(|(name, _)| name.len()).max().unwrap_or(0);
    for (title, entries) in sections {
        say(format!("{title}:"));
        for (name, summary) in entries {
            say(format!("  {name:<width$}  {summary}"));
        }
    }
    say("\nrun one with `experiment NAME`, see its keys with `describe NAME`");
    Ok(0)
}
