//! Tests of the page as a whole, on run directories made by hand.

use std::fs;

use crate::Picture;

use super::*;
use latentlab_run::{Environment, RunRecord, Status};

/// A run directory `name` below `folder` of 2 steps, with more lines of configuration.
fn run(
    folder: &Path,
    name: &str,
    status: Status,
    config: &str,
    metrics: &str,
) -> std::path::PathBuf {
    let directory = folder.join(name);
    fs::create_dir_all(directory.join("samples")).unwrap();
    let record = RunRecord {
        schema: 1,
        id: name.to_owned(),
        experiment: "vae <small>".to_owned(),
        name: None,
        init_from: None,
        data_summary: None,
        status,
        argv: Vec::new(),
        environment: Environment::current(1, &candle_core::Device::Cpu),
        data: Vec::new(),
        started: String::new(),
        ended: None,
        resumed: Vec::new(),
    };
    let json = serde_json::to_string(&record).unwrap();
    fs::write(directory.join("run.json"), json).unwrap();
    fs::write(
        directory.join("config.toml"),
        format!("steps = 2\n{config}"),
    )
    .unwrap();
    fs::write(directory.join("metrics.jsonl"), metrics).unwrap();
    let png = Picture::new(1, 1, [0; 3]).to_png();
    fs::write(directory.join("samples/step-000002.png"), png).unwrap();
    directory
}

const FIRST: &str = "{\"step\":1,\"elapsed_s\":1.0,\"vae/loss\":8.0}\n\
                     {\"step\":2,\"elapsed_s\":2.0,\"vae/loss\":4.0,\"test/elbo\":-100.5}\n";
const TORN: &str = "{\"step\":1,\"elapsed_s\":1.0,\"vae/loss\":9.0}\n{\"step\":2,\"elaps";

#[test]
fn it_shows_shared_curves_all_figures_and_the_keys_that_differ() {
    let folder = tempfile::tempdir().unwrap();
    let expect = "seed = 1\n[[expect]]\nfigure = \"test/elbo\"\nvalue = -100.0\ntolerance = 1.0\n\
                  [model]\nname = \"vae\"\n";
    let runs = [
        run(folder.path(), "a", Status::Finished, expect, FIRST),
        run(
            folder.path(),
            "b&c",
            Status::Running,
            "seed = 2\n[model]\nname = \"vae\"\n",
            TORN,
        ),
    ];
    let html = side_by_side(&runs).unwrap();
    assert_eq!(
        html.matches("class=\"chart\"").count(),
        1,
        "vae/loss alone is shared"
    );
    for part in [
        "vae &lt;small&gt;",
        "b&amp;c",
        ">running</span>",
        "<td>1 of 2</td>",
        "<th scope=\"row\">loss</th><td>4</td><td>9</td>",
        "<td>-100.50 <span class=\"verdict met\">met</span></td><td>–</td>",
        "<th scope=\"row\">seed</th><td><code>1</code></td><td><code>2</code></td>",
    ] {
        assert!(html.contains(part), "no {part} in {html}");
    }
    assert!(
        !html.contains("<th scope=\"row\">model.name</th>"),
        "it is the same in both"
    );
    assert_eq!(html.matches("<figure>").count(), 2);
    assert!(!html.contains("<script"));
}

#[test]
fn runs_of_one_name_are_told_apart_by_their_paths() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["x", "y"].map(|place| {
        let place = folder.path().join(place);
        run(&place, "same", Status::Finished, "", FIRST)
    });
    let html = side_by_side(&runs).unwrap();
    for path in runs {
        assert!(html.contains(&path.display().to_string()));
    }
    assert!(html.contains("All keys have the same values."));
}

#[test]
fn a_run_without_records_yet_is_compared_by_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["a", "b"].map(|name| run(folder.path(), name, Status::Running, "", ""));
    fs::remove_file(runs[1].join("metrics.jsonl")).unwrap();
    let html = side_by_side(&runs).unwrap();
    assert!(html.contains("<td>0 of 2</td>") && !html.contains("Final figures"));
}

#[test]
fn what_cannot_be_compared_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = run(folder.path(), "a", Status::Finished, "", FIRST);
    let none = folder.path().join("none");
    fs::create_dir(&none).unwrap();
    let message = side_by_side(&[&good, &none]).unwrap_err().to_string();
    assert!(
        message.contains("none is no run directory: it has no run.json"),
        "{message}"
    );
    for count in [1, 11] {
        let message = side_by_side(&vec![&good; count]).unwrap_err().to_string();
        assert!(message.contains("from 2 to 10"), "{message}");
    }
}
