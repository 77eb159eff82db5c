//! Several runs on one page: curves over one another, and what differs in figures and configuration.

mod side;
mod tables;

use std::path::Path;

use crate::{
    markup::escape,
    page::{self, fold},
    palette::{self, HUES},
    plots::overlays,
};
use latentlab_run::{Error, Result};
use side::Side;

/// The page that compares the runs in these directories, also of runs that are under way.
///
/// # Errors
/// For less than two or more than ten directories, and for one that is no run.
pub fn side_by_side(directories: &[impl AsRef<Path>]) -> Result<String> {
    if !(2..=HUES).contains(&directories.len()) {
        return Err(Error::Argument(format!(
            "cannot compare {} runs: name from 2 to {HUES} run directories",
            directories.len()
        )));
    }
    let sides = directories
        .iter()
        .map(|directory| Side::read(directory.as_ref()));
    let mut sides = sides.collect::<Result<Vec<_>>>()?;
    side::tell_apart(&mut sides);
    let title = format!("{} runs side by side", sides.len());
    let body = [
        format!("<header>\n<h1>{title}</h1>\n</header>\n"),
        page::section("Runs", &tables::runs(&sides)),
        page::section("Last samples", &samples(&sides)),
        page::section("Curves", &curves(&sides)),
        page::section("Final figures", &tables::figures(&sides)),
        page::section("Configuration", &tables::configuration(&sides)),
    ]
    .concat();
    Ok(page::page(&title, &body, None))
}

/// The name of a run beside its colour.
fn name(place: usize, side: &Side) -> String {
    let dot = "<circle cx=\"5\" cy=\"5\" r=\"5\" fill=\"currentColor\"/>";
    format!(
        "<svg class=\"swatch\" width=\"10\" height=\"10\" viewBox=\"0 0 10 10\" \
         aria-hidden=\"true\">{}</svg>{}",
        palette::coloured(place, dot).trim_end(),
        escape(&side.name)
    )
}

/// The charts of figures that runs share, below a legend; parts of one quantity are folded away.
fn curves(sides: &[Side]) -> String {
    let records: Vec<_> = sides.iter().map(|side| &side.records[..]).collect();
    let mut contents = String::new();
    for group in overlays(&records) {
        let charts = group.figures.iter().map(|(_, chart)| chart.as_str());
        let charts: Vec<_> = charts.collect();
        let charts = format!("<div class=\"charts\">\n{}\n</div>\n", charts.join("\n"));
        let name = escape(group.name);
        contents.push_str(&match group.is_one_quantity() {
            true => fold(&format!("{name}/..."), &charts),
            false => format!("<h3>{name}</h3>\n{charts}"),
        });
    }
    if contents.is_empty() {
        return contents;
    }
    let names = sides.iter().enumerate();
    let names: String = names
        .map(|(place, side)| format!("<span>{}</span>\n", name(place, side)))
        .collect();
    format!("<p class=\"legend\">\n{names}</p>\n{contents}")
}

/// The last picture of each run that drew one.
fn samples(sides: &[Side]) -> String {
    let pictures = sides.iter().enumerate().filter_map(|(place, side)| {
        let (step, png) = side.samples.as_ref()?;
        let alternative = format!("samples of {} at step {step}", escape(&side.name));
        let caption = format!("{}, step {step}", name(place, side));
        Some(page::figure(&alternative, &caption, png))
    });
    let pictures: String = pictures.collect();
    match pictures.is_empty() {
        true => pictures,
        false => format!("<div class=\"charts\">\n{pictures}</div>\n"),
    }
}

#[cfg(test)]
mod tests;
