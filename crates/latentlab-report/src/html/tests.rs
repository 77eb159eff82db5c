//! Tests of the report as a whole.

use std::{collections::BTreeMap, fs};

use super::*;
use latentlab_run::{Expectation, Status};

/// A run with a figure of every kind, in a directory with pictures if so wanted.
fn page(name: &str, elapsed_s: f64, pictures: bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    if pictures {
        for kind in ["samples", "reconstructions"] {
            fs::create_dir(folder.path().join(kind)).unwrap();
            for step in ["step-000001.png", "step-000002.png"] {
                fs::write(folder.path().join(kind).join(step), "png").unwrap();
            }
        }
    }
    let records = [1, 2].map(|step| {
        let mut record = Record::new(step, elapsed_s * step as f64);
        record.insert("vae/loss", 100.0 / step as f64);
        record.insert("test/elbo", -105.35);
        record.insert("test/kl/000", 0.25);
        record.insert("<kl>", f64::NAN);
        record
    });
    let metrics = records[1].iter();
    let summary = Summary {
        status: Status::Finished,
        step: 2,
        params_sha256: String::new(),
        metrics: metrics
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        recorded_at: BTreeMap::new(),
        images_per_second: 9.876 / elapsed_s,
        wall_s: elapsed_s,
    };
    let record = RunRecord {
        schema: 1,
        id: format!("id-{elapsed_s}"),
        experiment: name.to_owned(),
        name: None,
        init_from: None,
        data_summary: None,
        status: Status::Running,
        argv: vec![format!("argv-{elapsed_s}")],
        environment: Environment {
            git_revision: Some(format!("revision-{elapsed_s}")),
            git_dirty: Some(elapsed_s > 1.0),
            threads: elapsed_s as usize,
            ..Environment::current(1, &candle_core::Device::Cpu)
        },
        data: Vec::new(),
        started: format!("started-{elapsed_s}"),
        ended: None,
        resumed: Vec::new(),
    };
    let experiment = Experiment {
        summary: "a & b".to_owned(),
        ..Experiment::default()
    };
    report(
        folder.path(),
        &record,
        &experiment,
        &summary,
        "all steps taken",
        &records,
    )
    .unwrap()
}

/// The row of an expectation of `test/elbo` after `step` of 2 steps.
fn expectation_row(value: f64, step: u64) -> String {
    let expectation = Expectation {
        figure: "test/elbo".to_owned(),
        step: None,
        value,
        tolerance: 0.5,
        direction: latentlab_run::Direction::Near,
        source: "table <2>".to_owned(),
        protocol: "all test images".to_owned(),
    };
    let experiment = Experiment {
        steps: 2,
        expect: vec![expectation],
        ..Experiment::default()
    };
    let summary = Summary {
        status: Status::Finished,
        step,
        params_sha256: String::new(),
        metrics: Default::default(),
        recorded_at: BTreeMap::new(),
        images_per_second: 1.0,
        wall_s: 1.0,
    };
    let mut record = Record::new(step, 0.0);
    record.insert("test/elbo", -105.25);
    expectations::section(&experiment, &summary, &[record])
}

/// The tags of a page that are open at its end, or the first that closes another.
fn unbalanced(html: &str) -> Vec<String> {
    let mut open = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag
            .split_once('>')
            .unwrap_or_else(|| panic!("`<{tag}` does not end"));
        let name = tag.split_whitespace().next().unwrap().to_owned();
        if let Some(closed) = name.strip_prefix('/') {
            if open.pop().as_deref() != Some(closed) {
                return vec![name];
            }
        } else if !tag.ends_with('/')
            && !["!doctype", "meta", "link", "img"].contains(&name.as_str())
        {
            open.push(name);
        }
    }
    open
}

#[test]
fn every_tag_that_opens_closes() {
    for pictures in [true, false] {
        assert_eq!(unbalanced(&page("vae-mnist", 1.0, pictures)), [""; 0]);
    }
    assert_eq!(unbalanced("<p><b></p>"), ["/p"], "the check can fail");
}

#[test]
fn what_comes_from_outside_is_escaped() {
    let html = page("<script>alert(\"'\")</script>", 1.0, false);
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("<h1>&lt;script&gt;alert(&quot;&#39;&quot;)&lt;/script&gt;</h1>"));
    assert!(html.contains("a &amp; b") && html.contains("&lt;kl&gt;"));
}

#[test]
fn a_whole_run_is_judged_by_what_was_expected_and_one_stopped_early_is_not() {
    let met = expectation_row(-105.0, 2);
    assert_eq!(unbalanced(&met), [""; 0]);
    for part in [
        "-105 ± 0.5",
        "-0.25000",
        ">met<",
        "table &lt;2&gt;",
        "all test images",
    ] {
        assert!(met.contains(part), "no {part} in {met}");
    }
    assert!(expectation_row(-104.0, 2).contains(">missed<"));
    assert!(expectation_row(-105.0, 1).contains(">not judged<"));
}

#[test]
fn runs_that_differ_in_circumstances_alone_have_the_same_report() {
    assert_eq!(page("vae", 1.0, true), page("vae", 2.5, true));
}

#[test]
fn it_needs_nothing_from_elsewhere() {
    let html = page("vae", 1.0, true);
    assert_eq!(
        html.matches("src=\"data:image/png;base64,cG5n\"").count(),
        4
    );
    let namespace = "http://www.w3.org/2000/svg";
    let addresses = html.replace(namespace, "").replace("href=\"data:,\"", "");
    for way_out in [
        "http:",
        "https:",
        "src=\"/",
        "href",
        "<script src",
        "url(",
        "@import",
        "fetch(",
    ] {
        assert!(!addresses.contains(way_out), "{way_out}");
    }
}

#[test]
fn the_most_telling_figures_come_first_and_parts_are_folded() {
    let html = page("vae", 1.0, false);
    let place = |part: &str| html.find(part).unwrap_or_else(|| panic!("no {part}"));
    assert!(place("-105.35") < place("<h3>vae</h3>"));
    assert!(place("<summary>test/kl/...</summary>") < place("<th scope=\"row\">000</th>"));
    assert!(place("Final figures") < place("Curves") && place("Curves") < place("Configuration"));
    assert!(place("<h3>test</h3>\n<div class=\"charts\"") < place("<h3>vae</h3>\n<div class"));
}

#[test]
fn a_run_without_pictures_and_figures_says_nothing_of_them() {
    let html = page("vae", 1.0, false);
    assert!(!html.contains("<img") && !html.contains("Samples"));
    assert_eq!(curves(&[]), "");
}
