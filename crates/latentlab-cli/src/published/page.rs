//! The page of all papers: a table of figures, then a section for each paper.

use std::{fs, io::ErrorKind, path::Path};

use latentlab_train::durable;

use super::{Comparison, Ended, Paper, Results};
use latentlab_run::{
    Error, Result,
    figures::{last_values, number},
};

const FILE: &str = "papers.md";

const INTRODUCTION: &str = "\
# Published figures, and ours

Each row is a figure of a paper or of a program, and what came of its training here. `cargo xtask \
papers NAME` trains what is missing and writes the paper's rows and section anew; `--check` judges \
what was trained again, and `--list` says how long each takes. Several seeds are given as a mean \
with half its interval of 95 %; times are those of training, on the machine the runs were made on.

| paper | figure | published | ours | difference | verdict | time |
| --- | --- | --- | --- | --- | --- | --- |
";

/// Writes the rows and the section of `paper` into `papers.md` in the folder `docs`; those of the
/// other `papers` stay as they are.
///
/// # Errors
/// If the file cannot be written.
pub fn write_page(
    paper: &Paper,
    results: &Results,
    comparisons: &[Comparison],
    papers: &[Paper],
    docs: &Path,
) -> Result<()> {
    fs::create_dir_all(docs).map_err(Error::file(docs))?;
    let file = docs.join(FILE);
    let before = match fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.map_err(Error::file(&file))?,
    };
    let (mut rows, mut sections) = (String::new(), String::new());
    for other in papers {
        if other.name == paper.name {
            rows.extend(comparisons.iter().map(|one| row(paper, one)));
            sections.push_str(&section(paper, results));
        } else {
            rows.extend(rows_of(&other.name, &before));
            sections.push_str(&section_of(&other.name, &before));
        }
    }
    let text = format!("{INTRODUCTION}{rows}{sections}");
    Ok(durable::replace(&file, text.as_bytes())?)
}

fn row(paper: &Paper, comparison: &Comparison) -> String {
    let Comparison {
        what,
        published,
        ours,
        difference,
        outcome,
        seconds,
    } = comparison;
    format!(
        "{} {what} | {published} | {ours} | {difference} | {outcome} | {} |\n",
        row_start(&paper.name),
        time(*seconds)
    )
}

fn row_start(name: &str) -> String {
    format!("| [{name}](#{name}) |")
}

/// The rows of a paper on the page as it was.
fn rows_of(name: &str, page: &str) -> impl Iterator<Item = String> {
    let start = row_start(name);
    let rows = page.lines().filter(move |line| line.starts_with(&start));
    rows.map(|line| format!("{line}\n"))
}

/// The section of a paper on the page as it was, or nothing.
fn section_of(name: &str, page: &str) -> String {
    let heading = format!("\n## {name}\n");
    let Some((_, rest)) = page.split_once(&heading) else {
        return String::new();
    };
    let end = rest.find("\n## ").unwrap_or(rest.len());
    format!("{heading}{}", &rest[..end])
}

fn section(paper: &Paper, results: &Results) -> String {
    let Paper {
        name,
        title,
        source,
        protocol,
        differs,
        ..
    } = paper;
    let mut text = format!(
        "\n## {name}\n\n**{title}** ({source})\n\nThere: {}\n\nHere: {}\n\n\
         | run | seed | figures | time |\n| --- | --- | --- | --- |\n",
        protocol.trim(),
        differs.trim()
    );
    for run in &paper.runs {
        for ended in results.ended.get(&run.name).into_iter().flatten() {
            text.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                run.name,
                ended.seed,
                figures(paper, &run.name, ended),
                time(ended.seconds)
            ));
        }
    }
    text
}

/// The figures that the paper asks of a run, as they came with one seed.
fn figures(paper: &Paper, run: &str, ended: &Ended) -> String {
    let last = last_values(&ended.records);
    let anchors = paper.anchors.iter().filter(|anchor| anchor.run == run);
    let anchors = anchors.map(|anchor| {
        let expectation = &anchor.expectation;
        (expectation.what(), expectation.came(&ended.records))
    });
    let orders = paper.orders.iter();
    let orders = orders.filter(|order| order.runs.iter().any(|name| name == run));
    let orders = orders.map(|order| (order.figure.clone(), last.get(&order.figure).copied()));
    let mut words = Vec::new();
    for (what, came) in anchors.chain(orders) {
        let came = came.map_or("absent".to_owned(), number);
        let word = format!("{what}: {came}");
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join("; ")
}

/// Seconds as people read them.
fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}
