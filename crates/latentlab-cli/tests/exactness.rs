//! Same seed, same bytes: twice, on another number of threads, killed and resumed, interrupted.

#![cfg(unix)]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use latentlab_report::Picture;
use latentlab_run::{library, reproduction::compare};
use latentlab_train::observers::{TensorBoard, read_metrics};
use process::{Started, wait_for};

mod process;

const STEPS: u64 = 24;

fn latentlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latentlab"));
    command.args(arguments).stdout(Stdio::null());
    command
}

fn succeed(arguments: &[&str]) {
    let Output { status, stderr, .. } = latentlab(arguments).output().unwrap();
    assert!(
        status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&stderr)
    );
}

/// Arguments of a short run of `experiment` into `out` that leaves several checkpoints.
fn short<'a>(experiment: &'a str, out: &'a Path) -> Vec<&'a str> {
    let out = out.to_str().unwrap();
    vec![
        "experiment",
        experiment,
        "--smoke",
        "--steps",
        "24",
        "--out",
        out,
    ]
}

fn assert_equal(first: &Path, second: &Path) {
    let found = compare(first, second).unwrap();
    assert!(
        found.equal.len() > 5,
        "hardly anything was compared: {found:?}"
    );
    assert!(found.different.is_empty(), "{:#?}", found.different);
}

/// TensorBoard's events are those that the records and pictures give when written anew.
fn assert_events_follow_the_records(run: &Path) {
    let again = tempfile::tempdir().unwrap();
    let records = read_metrics(run.join("metrics.jsonl")).unwrap();
    let folders = ["samples", "reconstructions"].map(|folder| run.join(folder));
    drop(TensorBoard::open(again.path(), &records, STEPS, folders.to_vec()).unwrap());
    let read = |folder: &Path| {
        let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
        fs::read(file.path()).unwrap()
    };
    let events = read(&run.join("tensorboard"));
    assert!(events.len() > 1000, "hardly any events");
    assert!(
        events == read(again.path()),
        "the events tell another story"
    );
}

/// Starts a run and returns it once its metrics name `step`.
fn started(arguments: &[&str], out: &Path, step: u64) -> Started {
    let run = latentlab(arguments).stderr(Stdio::null()).spawn().unwrap();
    let run = Started(run);
    wait_for(&format!("step {step}"), || {
        let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap_or_default();
        metrics.contains(&format!("{{\"step\":{step},"))
    });
    run
}

/// Fifty coloured pictures, for the experiments whose pictures are the user's own.
fn draw_pictures(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for index in 0..50u8 {
        let mut picture = Picture::new(24, 20, [250, 5 * index, 90]);
        let place = usize::from(index % 7);
        picture.fill(place, 2 * place, 9, 5, [5 * index, 40, 200]);
        fs::write(folder.join(format!("{index}.png")), picture.to_png()).unwrap();
    }
}

#[test]
fn every_experiment_gives_the_same_bytes_twice() {
    for (name, text) in library::EMBEDDED {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let pictures = folder.path().join("pictures");
        let dir = format!("data.dir={}", pictures.display());
        let file: toml::Table = text.parse().unwrap();
        let named = match file["data"]["name"].as_str() {
            Some("folder") => {
                draw_pictures(&pictures);
                vec!["--set", &dir]
            }
            _ => Vec::new(),
        };
        for out in [&first, &second] {
            let fixed = ["experiment", name, "--smoke", "--out"];
            succeed(&[&fixed[..], &[out.to_str().unwrap()], &named].concat());
        }
        assert_equal(&first, &second);
    }
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    for name in ["vae-mnist", "gan-mnist", "dcgan-mnist"] {
        let folder = tempfile::tempdir().unwrap();
        let runs = ["1", "2"].map(|threads| {
            let out = folder.path().join(threads);
            let path = out.to_str().unwrap();
            let large = ["--set", "batch_size=64", "--set", "steps=2"];
            let fixed = [
                "experiment",
                name,
                "--smoke",
                "--threads",
                threads,
                "--out",
                path,
            ];
            succeed(&[&fixed[..], &large[..]].concat());
            for names_the_threads in ["config.toml", "report.html"] {
                fs::remove_file(out.join(names_the_threads)).unwrap();
            }
            out
        });
        assert_equal(&runs[0], &runs[1]);
    }
}

#[test]
fn a_run_killed_at_three_steps_ends_as_if_it_had_not_been() {
    for name in ["ae-mnist", "vae-mnist", "gan-mnist"] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
        succeed(&short(name, &whole));
        let path = killed.to_str().unwrap();
        let mut arguments = short(name, &killed);
        for step in [3, 8, 17] {
            drop(started(&arguments, &killed, step)); // SIGKILL
            arguments = vec!["resume", path];
        }
        succeed(&arguments);
        assert_equal(&whole, &killed);
        assert_events_follow_the_records(&killed);
    }
}

#[test]
fn an_interrupted_run_says_so_and_ends_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    succeed(&short("vae-mnist", &whole));
    let mut child = started(&short("vae-mnist", &parts), &parts, 5);
    let id = child.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.0.wait().unwrap().code(), Some(130));
    let summary = fs::read_to_string(parts.join("summary.json")).unwrap();
    assert!(summary.contains("\"interrupted\""), "{summary}");
    succeed(&["resume", parts.to_str().unwrap()]);
    assert_equal(&whole, &parts);
}

#[test]
fn a_longer_run_is_the_shorter_one_continued() {
    let folder = tempfile::tempdir().unwrap();
    let (long, short) = (folder.path().join("long"), folder.path().join("short"));
    let steps = STEPS.to_string();
    let run = |out: &Path, steps: &str| {
        let path = out.to_str().unwrap().to_owned();
        succeed(&[
            "experiment",
            "vae-mnist",
            "--smoke",
            "--steps",
            steps,
            "--out",
            &path,
        ]);
    };
    run(&long, &steps);
    run(&short, "12");
    succeed(&["resume", short.to_str().unwrap(), "--steps", &steps]);
    let last = "checkpoints/step-000024/params.safetensors";
    assert_eq!(
        fs::read(long.join(last)).unwrap(),
        fs::read(short.join(last)).unwrap()
    );
    let record = fs::read_to_string(short.join("run.json")).unwrap();
    assert!(
        record.contains("\"steps\""),
        "the change is not written down: {record}"
    );
}

#[test]
fn a_changed_configuration_is_refused_with_the_list_of_changes() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    succeed(&["experiment", "vae-mnist", "--smoke", "--out", path]);
    let changes = [
        "--seed",
        "9",
        "--set",
        "model.config.latent=3",
        "--steps",
        "30",
    ];
    let Output { status, stderr, .. } = latentlab(&[&["resume", path][..], &changes[..]].concat())
        .output()
        .unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("seed: 0 before, now 9"), "{text}");
    assert!(
        text.contains("model.config.latent: 20 before, now 3"),
        "{text}"
    );
    assert!(
        !text.contains("  steps:"),
        "more steps are harmless: {text}"
    );
}

#[test]
fn a_diverging_run_names_phase_and_step_and_keeps_its_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    let rate = ["--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e12"];
    let fixed = ["experiment", "ae-mnist", "--smoke", "--out", path];
    let Output { status, stderr, .. } = latentlab(&[&fixed[..], &rate[..]].concat())
        .output()
        .unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(3), "{text}");
    assert!(text.contains("phase `ae` diverged at step"), "{text}");
    let summary = fs::read_to_string(run.join("summary.json")).unwrap();
    assert!(summary.contains("\"diverged\""), "{summary}");
}

#[test]
fn reproduce_finds_a_finished_run_to_be_the_same_and_a_tampered_one_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    succeed(&["experiment", "gan-dice", "--smoke", "--out", path]);
    succeed(&["reproduce", path]);
    let metrics = run.join("metrics.jsonl");
    let text = fs::read_to_string(&metrics).unwrap();
    fs::write(
        &metrics,
        text.replacen("generator/loss\":0.", "generator/loss\":9.", 1),
    )
    .unwrap();
    let status = latentlab(&["reproduce", path]).status().unwrap();
    assert_eq!(status.code(), Some(1));
}
