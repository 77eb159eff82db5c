//! `latentlab list`: what there is to run, the runs that there are, what their figures mean.

use std::path::PathBuf;

use clap::Args;
use latentlab_core::Registry;
use serde_json::{Value, json};

use super::{
    runs::{Columns, list_runs},
    say,
};
use latentlab_evaluate::catalogue::{FIGURES, Origin};
use latentlab_run::{Result, library};

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// List the runs in DIR and its folders instead, the oldest first
    #[arg(value_name = "DIR")]
    runs: Option<PathBuf>,
    /// List the figures of runs instead, with their units and meanings
    #[arg(long, conflicts_with = "runs")]
    figures: bool,
    /// Show these figures (test/elbo) or keys (model.config.latent) of each run as well
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "runs")]
    show: Vec<String>,
    /// Show the keys in which the runs differ
    #[arg(long, requires = "runs")]
    differing: bool,
    /// Sort by a figure, the best first, or by a key
    #[arg(long, value_name = "NAME", requires = "runs")]
    sort: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    match &arguments.runs {
        _ if arguments.figures => list_figures(arguments.json),
        Some(folder) => {
            let columns = Columns {
                show: &arguments.show,
                differing: arguments.differing,
                sort: arguments.sort.as_deref(),
            };
            list_runs(folder, &columns, arguments.json)
        }
        None => list_parts(arguments, registry),
    }
}

fn list_figures(json: bool) -> Result<u8> {
    for entry in &FIGURES {
        let (name, meaning) = (entry.title(), entry.meaning);
        let only = match entry.from {
            Origin::EvaluateOnly => " [`evaluate` only]",
            _ => "",
        };
        say(match json {
            true => json!({"name": name, "unit": entry.unit, "better": entry.side(),
                           "evaluate_only": entry.from == Origin::EvaluateOnly, "meaning": meaning})
            .to_string(),
            false => format!("{name} ({}){only}\n    {meaning}", entry.unit_and_side()),
        });
    }
    Ok(0)
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
