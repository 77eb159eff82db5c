//! A model with a state is held to the same contract as all others, and its state is saved, resumed
//! and averaged with its parameters.

use std::{collections::BTreeMap, fs, path::Path};

use assert_cmd::Command;
use latentlab_core::Registry;
use latentlab_report::Picture;
use latentlab_tensor::decode_tensors;

const EXPERIMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/codebook-mnist.toml");

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_latentlab-example-codebook"))
}

/// Trains for so many steps; `more` are arguments of `experiment`.
fn train(out: &Path, steps: &str, more: &[&str]) {
    let small = ["experiment", EXPERIMENT, "--smoke", "--steps", steps];
    let command = &mut program();
    let command = command.args(small).args(more).arg("--out").arg(out);
    command.assert().success();
}

fn file_of(run: &Path, step: u64, name: &str) -> Vec<u8> {
    fs::read(run.join(format!("checkpoints/step-{step:06}/{name}.safetensors"))).unwrap()
}

/// The values of one tensor of a checkpoint.
fn values(run: &Path, step: u64, name: &str, path: &str) -> Vec<f32> {
    let tensors: BTreeMap<_, _> = decode_tensors(&file_of(run, step, name)).unwrap();
    tensors[path].flatten_all().unwrap().to_vec1().unwrap()
}

/// The last record of a run.
fn last_record(run: &Path) -> String {
    let records = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    records.lines().last().unwrap().to_owned()
}

#[test]
fn the_outside_model_holds_the_contract() {
    let registry = Registry::default()
        .with(latentlab_example_codebook::plugin)
        .unwrap();
    for config in [
        "",
        "network.norm = 'batch'",
        "slots = 1\ncodebook = { codes = 2, width = 3 }",
    ] {
        let config = config.parse().unwrap();
        latentlab_run::conformance::check(&registry, "codebook-ae", &config).unwrap();
    }
}

#[test]
fn without_labels_there_is_no_probe() {
    let folder = tempfile::tempdir().unwrap();
    let (pictures, run) = (folder.path().join("pictures"), folder.path().join("run"));
    fs::create_dir(&pictures).unwrap();
    for index in 0..40u8 {
        let picture = Picture::new(8, 8, [6 * index, 90, 10]);
        fs::write(pictures.join(format!("{index}.png")), picture.to_png()).unwrap();
    }
    let dir = format!("data.dir={}", pictures.display());
    let small = [
        "--set",
        "data.name=folder",
        "--set",
        "data.size=8",
        "--set",
        &dir,
    ];
    train(&run, "3", &small);
    let record = last_record(&run);
    assert!(record.contains("test/squared_error"), "{record}");
    assert!(
        !record.contains("probe") && !record.contains("accuracy"),
        "{record}"
    );
}

#[test]
fn it_resumes_to_the_bytes_of_an_uninterrupted_run() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    train(&whole, "6", &[]);
    train(&parts, "4", &[]);
    let resume = &mut program();
    let resume = resume.arg("resume").arg(&parts).args(["--steps", "6"]);
    resume.assert().success();
    for file in ["params", "ema", "optimizer"] {
        assert_eq!(file_of(&whole, 6, file), file_of(&parts, 6, file), "{file}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["1", "3"].map(|threads| {
        let run = folder.path().join(threads);
        train(&run, "3", &["--set", &format!("threads={threads}")]);
        file_of(&run, 3, "params")
    });
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn the_codebook_is_saved_and_averaged_with_the_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let average = [
        "--set",
        "ema={ decay = 0.5, ramp = false }",
        "--set",
        "checkpoint.every=1",
    ];
    train(&run, "3", &average);
    for path in ["autoencoder.codebook.counts", "autoencoder.codebook.sums"] {
        let at = |step, file| values(&run, step, file, path);
        let (before, live, now) = (at(2, "ema"), at(3, "params"), at(3, "ema"));
        assert_ne!(at(2, "params"), live, "{path} does not move");
        for ((now, before), live) in now.into_iter().zip(before).zip(live) {
            let mean = 0.5 * (before + live);
            assert!(
                (now - mean).abs() <= 1e-6 * mean.abs().max(1.0),
                "{path}: {now} is not {mean}"
            );
        }
    }
}

#[test]
fn what_it_knows_of_labels_and_codes_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(&run, "3", &[]);
    let record = last_record(&run);
    for figure in [
        "autoencoder/perplexity",
        "autoencoder/commitment",
        "probe/accuracy",
        "test/accuracy",
        "test/squared_error",
    ] {
        assert!(
            record.contains(&format!("\"{figure}\"")),
            "{figure}: {record}"
        );
    }
}

#[test]
fn a_wrong_value_is_named_by_its_place_in_the_file() {
    let key = "model.config.codebook.decay";
    let arguments = ["experiment", EXPERIMENT, "--set", &format!("{key}=1.5")];
    let output = program().args(arguments).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains(&format!("`{key}`: must be between 0 and 1, not 1.5")),
        "{message}"
    );
}
