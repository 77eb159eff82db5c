//! Lists and comparisons of runs: names, chosen columns, how each stands.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use assert_cmd::Command;
use latentlab_core::Registry;
use latentlab_report::runner;
use latentlab_run::{Experiment, train::Plan};
use latentlab_train::disk::{Extent, Fault, Operation, with_faults};
use serde_json::Value;
use tempfile::TempDir;
use toml::Table;

fn latentlab(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_latentlab"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let (code, said) = latentlab(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {said}");
    said
}

/// A folder with an experiment file of two steps.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = "steps = 2\nbatch_size = 8\ndata = { name = 'ring', train = 64, test = 16 }\n\
                [model]\nname = 'ae'\nconfig = { hidden = [4], latent = 1 }\n";
    fs::write(folder.path().join("small.toml"), text).unwrap();
    folder
}

/// Makes the run `runs/small/NAME` of that file with one key changed.
fn run_with(place: &Path, name: &str, set: &str) {
    succeed(
        place,
        &["experiment", "small.toml", "--name", name, "--set", set],
    );
}

#[test]
fn figures_that_do_not_compare_are_said_not_to() {
    let folder = folder();
    let place = folder.path();
    for (name, train) in [("more", "64"), ("less", "32")] {
        run_with(place, name, &format!("data.train={train}"));
    }
    let note = "these runs have different data";
    let runs = ["runs/small/more", "runs/small/less"];
    let said = succeed(place, &["list", "runs", "--sort", "test/squared_error"]);
    assert!(said.contains(&format!("note: {note}")), "{said}");
    let said = succeed(place, &["list", "runs", "--sort", "model.config.latent"]);
    assert!(!said.contains(note), "{said}");
    succeed(place, &["compare", runs[0], runs[1], "--out", "both.html"]);
    let page = fs::read_to_string(place.join("both.html")).unwrap();
    assert!(page.contains(note));
}

#[test]
fn runs_are_called_as_they_were_named_and_listed_with_what_differs() {
    let folder = folder();
    let place = folder.path();
    for (name, latent) in [("wide", "2"), ("narrow", "1")] {
        run_with(place, name, &format!("model.config.latent={latent}"));
    }
    assert!(place.join("runs/small/wide/run.json").is_file());
    let (code, said) = latentlab(place, &["experiment", "small.toml", "--name", "wide"]);
    assert_eq!(code, 2);
    assert!(said.contains("not empty"), "{said}");
    let (code, said) = latentlab(place, &["experiment", "small.toml", "--name", "a/b"]);
    assert_eq!(code, 2);
    assert!(said.contains("--out"), "{said}");

    let said = succeed(
        place,
        &[
            "list",
            "runs",
            "--differing",
            "--show",
            "test/squared_error",
        ],
    );
    let lines: Vec<&str> = said.lines().collect();
    let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
    assert_eq!(
        words(0),
        [
            "started",
            "status",
            "experiment",
            "test/squared_error",
            "model.config.latent",
            "directory"
        ]
    );
    assert_eq!(lines.len(), 3, "equal data, no note: {said}");
    let ends = [words(1), words(2)].map(|words| words[4..].join(" "));
    assert!(ends.contains(&"2 runs/small/wide".to_owned()), "{said}");
    assert!(ends.contains(&"1 runs/small/narrow".to_owned()), "{said}");
    let said = succeed(
        place,
        &["list", "runs", "--sort", "model.config.latent", "--json"],
    );
    let lines = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let names: Vec<Value> = lines.map(|line| line["name"].clone()).collect();
    assert_eq!(names, ["narrow", "wide"]);
    let (code, said) = latentlab(place, &["list", "runs", "--sort", "test/squared_eror"]);
    assert_eq!(code, 2);
    assert!(
        said.contains("did you mean `test/squared_error`?"),
        "{said}"
    );

    succeed(
        place,
        &[
            "compare",
            "runs/small/wide",
            "runs/small/narrow",
            "--out",
            "all.html",
        ],
    );
    let page = fs::read_to_string(place.join("all.html")).unwrap();
    assert!(
        page.contains("wide</span>") && page.contains("narrow</span>"),
        "{page}"
    );
}

#[test]
fn runs_without_names_are_told_apart_by_their_keys() {
    let folder = folder();
    let place = folder.path();
    for seed in ["3", "4"] {
        succeed(
            place,
            &[
                "experiment",
                "small.toml",
                "--seed",
                seed,
                "--out",
                &format!("r{seed}"),
            ],
        );
    }
    succeed(place, &["compare", "r3", "r4", "--out", "all.html"]);
    let page = fs::read_to_string(place.join("all.html")).unwrap();
    assert!(
        page.contains("seed=3</span>") && page.contains("seed=4</span>"),
        "{page}"
    );
}

/// Fails whatever is written from the first checkpoint on, as a disk that has become full does.
fn full_from_the_first_checkpoint(
    operation: Operation,
    path: &Path,
    full: &mut bool,
) -> Option<Fault> {
    *full |= path.to_string_lossy().contains("checkpoints/");
    let error = io::Error::from(io::ErrorKind::StorageFull);
    let extent = Extent::Half;
    (*full && operation == Operation::Write).then_some(Fault { extent, error })
}

#[test]
fn a_run_that_ended_on_a_full_disk_is_listed_as_failed_until_it_is_resumed() {
    let folder = folder();
    let text = fs::read_to_string(folder.path().join("small.toml")).unwrap();
    let registry = Registry::default().with(latentlab_models::plugin).unwrap();
    let table: Table = text.parse().unwrap();
    let experiment = Experiment::resolve(&table, &Table::new(), &registry).unwrap();
    let out: PathBuf = folder.path().join("run");
    let plan = Plan {
        name: "small",
        experiment,
        overrides: Table::new(),
        out: Some(&out),
        run_name: None,
        argv: Vec::new(),
    };
    let mut full = false;
    let decide =
        move |operation, path: &Path| full_from_the_first_checkpoint(operation, path, &mut full);
    let interrupted = AtomicBool::new(false);
    let ended = with_faults(decide, || runner(&registry, &interrupted).start(plan));
    assert!(ended.is_err());
    let listed = || succeed(folder.path(), &["list", "."]);
    assert!(listed().contains("  failed "), "{}", listed());
    runner(&registry, &interrupted)
        .resume(&out, &Table::new())
        .unwrap();
    assert!(listed().contains("  finished "), "{}", listed());
}

#[test]
fn a_run_of_a_model_from_outside_says_which_program_opens_it() {
    let folder = folder();
    let place = folder.path();
    succeed(place, &["experiment", "small.toml", "--out", "run"]);
    for (file, from, to) in [
        ("config.toml", "name = \"ae\"", "name = \"their-model\""),
        (
            "run.json",
            "\"argv\": [\n    \"",
            "\"argv\": [\n    \"bin/their-program\", \"",
        ),
    ] {
        let file = place.join("run").join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
    }
    let (code, said) = latentlab(place, &["sample", "run", "--out", "a.png"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("their-model") && said.contains("`bin/their-program`"),
        "{said}"
    );
}
