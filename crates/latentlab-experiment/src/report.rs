//! The report of a run: one HTML page that needs no script, no network and no other file.
//!
//! It shows what came of the run and says nothing of times, places and speeds, so that two runs
//! with one seed leave the same bytes.

mod expectations;
mod pictures;

use std::path::Path;

use latentlab_train::Record;
use toml::Table;

use crate::{
    Environment, Experiment, Result, RunRecord, Status,
    figures::{grouped, number},
    markup::escape,
    plots::charts,
    train::Summary,
};

const STYLE: &str = include_str!("report/style.css");

/// The report of the run in `directory`; `ending` says why it ended.
///
/// # Errors
/// If a picture of the run cannot be read.
pub(crate) fn report(
    directory: &Path,
    record: &RunRecord,
    experiment: &Experiment,
    summary: &Summary,
    ending: &str,
    records: &[Record],
) -> Result<String> {
    let name = escape(&record.experiment);
    let body = [
        heading(&name, experiment, summary, ending),
        expectations::section(experiment, summary),
        figures(summary),
        curves(records),
        pictures::section("Samples", &directory.join("samples"))?,
        pictures::section("Reconstructions", &directory.join("reconstructions"))?,
        configuration(&experiment.to_table()?),
        environment(&record.environment),
    ]
    .concat();
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    ))
}

fn heading(name: &str, experiment: &Experiment, summary: &Summary, ending: &str) -> String {
    let status = match summary.status {
        Status::Running => "running",
        Status::Finished => "finished",
        Status::Interrupted => "interrupted",
        Status::Diverged => "diverged",
        Status::Failed => "failed",
    };
    format!(
        "<header>\n<h1>{name}</h1>\n<p>{}</p>\n\
         <p><strong class=\"{status}\">{status}</strong> at step {} of {}: {}</p>\n</header>\n",
        escape(&experiment.summary),
        summary.step,
        experiment.steps,
        escape(ending)
    )
}

/// The last value of every figure; parts of one quantity are folded away.
fn figures(summary: &Summary) -> String {
    let last = summary.metrics.iter();
    let groups = grouped(last.map(|(key, value)| (key.as_str(), number(*value))));
    if groups.is_empty() {
        return String::new();
    }
    let (mut tables, mut folded) = (String::new(), String::new());
    for group in &groups {
        let (name, table) = (escape(group.name), table(&group.figures));
        match group.is_one_quantity() {
            false => tables.push_str(&format!("<div>\n<h3>{name}</h3>\n{table}</div>\n")),
            true => folded.push_str(&fold(&format!("{name}/..."), &table)),
        }
    }
    format!(
        "<section>\n<h2>Final figures</h2>\n<div class=\"figures\">\n{tables}</div>\n\
         {folded}</section>\n"
    )
}

fn table(rows: &[(&str, String)]) -> String {
    let rows: String = rows
        .iter()
        .map(|(name, value)| {
            let (name, value) = (escape(name), escape(value));
            format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n")
        })
        .collect();
    format!("<table>\n{rows}</table>\n")
}

fn curves(records: &[Record]) -> String {
    let charts: Vec<_> = charts(records)
        .into_iter()
        .flat_map(|(_, charts)| charts)
        .collect();
    match charts.is_empty() {
        true => String::new(),
        false => format!(
            "<section>\n<h2>Curves</h2>\n<div class=\"charts\">\n{}\n</div>\n</section>\n",
            charts.join("\n")
        ),
    }
}

fn configuration(config: &Table) -> String {
    let text = escape(&config.to_string());
    fold("Configuration", &format!("<pre>{text}</pre>\n"))
}

/// What the bytes of the run depend on. The revision, the threads and all times are left to
/// `run.json`: the same run may have others.
fn environment(environment: &Environment) -> String {
    let table = table(&[
        ("LatentLab", environment.latentlab.clone()),
        ("candle", environment.candle.clone()),
        ("compiler", environment.rustc.clone()),
        ("processor", environment.cpu.clone()),
        ("instruction sets", environment.cpu_features.join(", ")),
        ("device", environment.device.clone()),
    ]);
    fold("Environment", &table)
}

/// Contents that show when asked for, under a title that is markup already.
fn fold(title: &str, contents: &str) -> String {
    format!("<details>\n<summary>{title}</summary>\n{contents}</details>\n")
}

#[cfg(test)]
mod tests;
