//! The report of a run: one HTML page that needs no network and no other file, and no script to be
//! read.
//!
//! It shows what came of the run and says nothing of times, places and speeds, so that two runs
//! with one seed leave the same bytes.

mod expectations;
mod latent;
mod pictures;

use std::path::Path;

use latentlab_train::Record;
use toml::Table;

use crate::{
    markup::escape,
    page::{self, fold},
    plots::charts,
};
use latentlab_evaluate::catalogue::look_up;
use latentlab_run::{
    Environment, Experiment, Result, RunRecord,
    figures::{grouped, number},
    train::Summary,
};

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
        expectations::section(experiment, summary, records),
        pictures::section("Samples", &directory.join("samples"))?,
        pictures::section("Reconstructions", &directory.join("reconstructions"))?,
        latent::section(directory)?,
        figures(summary),
        curves(records),
        data(record),
        configuration(&experiment.to_table()?),
        environment(&record.environment),
    ]
    .concat();
    let script = body.contains("<img").then_some(pictures::SLIDES);
    Ok(page::page(&name, &body, script))
}

fn heading(name: &str, experiment: &Experiment, summary: &Summary, ending: &str) -> String {
    let status = summary.status;
    format!(
        "<header>\n<h1>{name}</h1>\n<p class=\"lead\">{}</p>\n\
         <p><span class=\"status {status}\">{status}</span> at step {} of {}: {}</p>\n</header>\n",
        escape(&experiment.summary),
        summary.step,
        experiment.steps,
        escape(ending)
    )
}

/// The last value of every figure, with its step where it is older than the rest; parts of one
/// quantity are folded away, and what the figures mean.
fn figures(summary: &Summary) -> String {
    let last = summary.metrics.iter();
    let groups = grouped(last.map(|(key, value)| {
        let value = number(*value);
        let value = match summary.recorded_at.get(key) {
            Some(step) => format!("{value} (step {step})"),
            None => value,
        };
        (key.as_str(), value)
    }));
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
    let meanings = fold("What the figures mean", &meanings(summary));
    let contents = format!("<div class=\"figures\">\n{tables}</div>\n{folded}{meanings}");
    page::section("Final figures", &contents)
}

/// The catalogue of the figures that there are.
fn meanings(summary: &Summary) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    for entry in summary.metrics.keys().filter_map(|key| look_up(key)) {
        if rows.iter().all(|(name, _)| *name != entry.name) {
            let explained = format!("{} ({})", entry.meaning, entry.unit_and_side());
            rows.push((entry.name, explained));
        }
    }
    table(&rows)
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

/// The curves below a heading for each part of the run that recorded them: tests, samples, phases.
fn curves(records: &[Record]) -> String {
    let mut parts: Vec<(&str, Vec<String>)> = Vec::new();
    for (path, charts) in charts(records) {
        let part = path.split('/').next().unwrap_or(path);
        match parts.last_mut() {
            Some((name, drawn)) if *name == part => drawn.extend(charts),
            _ => parts.push((part, charts)),
        }
    }
    let parts: String = parts
        .into_iter()
        .map(|(name, charts)| {
            let (name, charts) = (escape(name), charts.join("\n"));
            format!("<h3>{name}</h3>\n<div class=\"charts\">\n{charts}\n</div>\n")
        })
        .collect();
    page::section("Curves", &parts)
}

/// What the run was trained on, and what was done to it on the way in.
fn data(record: &RunRecord) -> String {
    let Some(summary) = &record.data_summary else {
        return String::new();
    };
    let lines = summary.to_string();
    let lines = lines.lines().map(|line| match line.split_once(": ") {
        Some((what, said)) => (what, said.to_owned()),
        None => (line, String::new()),
    });
    let table = table(&lines.collect::<Vec<_>>());
    page::section("Data", &format!("<div class=\"said\">\n{table}</div>\n"))
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

#[cfg(test)]
mod tests;
