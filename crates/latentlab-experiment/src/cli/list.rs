//! `latentlab list`: what there is.

use clap::Args;
use latentlab_core::Registry;
use serde_json::{Value, json};

use super::say;
use crate::{Result, library};

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
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
    for (title, entries) in sections {
        say(format!("{title}:"));
        for (name, summary) in entries {
            say(format!("  {name:<14} {summary}"));
        }
    }
    say("\nrun one with `experiment NAME`, see its keys with `describe NAME`");
    Ok(0)
}
