//! What the run was expected to come to, and whether it did.

use latentlab_train::Record;

use crate::{markup::escape, page};
use latentlab_run::{
    Expectation, Experiment, Status, expectation::signed, figures::number, train::Summary,
};

/// A section with a row for each expectation of the experiment; nothing if there are none.
pub(super) fn section(experiment: &Experiment, summary: &Summary, records: &[Record]) -> String {
    if experiment.expect.is_empty() {
        return String::new();
    }
    let whole = summary.status == Status::Finished && summary.step >= experiment.steps;
    let rows: String = experiment
        .expect
        .iter()
        .map(|expectation| row(expectation, expectation.came(records), whole))
        .collect();
    let contents = format!(
        "<div class=\"wide\">\n<table class=\"expectations\">\n\
         <thead><tr><th scope=\"col\">figure</th><th scope=\"col\">expected</th>\
         <th scope=\"col\">came</th><th scope=\"col\">difference</th>\
         <th scope=\"col\">verdict</th><th scope=\"col\">source</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    );
    page::section("Expectations", &contents)
}

fn row(expectation: &Expectation, came: Option<f64>, whole: bool) -> String {
    let verdict = expectation.judge(came);
    let came = came.map_or("–".to_owned(), number);
    let difference = verdict.difference().map_or("–".to_owned(), signed);
    let (class, verdict) = match whole {
        true => (verdict.to_string(), verdict.to_string()),
        false => ("open".to_owned(), "not judged".to_owned()),
    };
    let mut source = escape(&expectation.source);
    if !expectation.protocol.is_empty() {
        let protocol = escape(&expectation.protocol);
        source.push_str(&format!("<small>{protocol}</small>"));
    }
    format!(
        "<tr><th scope=\"row\">{}</th><td data-column=\"expected\">{}</td>\
         <td data-column=\"came\">{came}</td><td data-column=\"difference\">{difference}</td>\
         <td><span class=\"verdict {class}\">{verdict}</span></td>\
         <td class=\"words\">{source}</td></tr>\n",
        escape(&expectation.what()),
        escape(&expectation.wanted()),
    )
}
