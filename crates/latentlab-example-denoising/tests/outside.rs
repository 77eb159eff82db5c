//! A model from outside is held to the same contract, and trained, resumed and sampled by the same
//! program as the built-in ones.

use std::{fs, path::Path};

use assert_cmd::Command;
use latentlab_core::Registry;

const EXPERIMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/denoising-mnist.toml");

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_latentlab-example-denoising"))
}

fn train(out: &Path, steps: &str) {
    program()
        .args([
            "experiment",
            EXPERIMENT,
            "--smoke",
            "--steps",
            steps,
            "--out",
        ])
        .arg(out)
        .assert()
        .success();
}

#[test]
fn the_outside_model_holds_the_contract() {
    let registry = Registry::default()
        .with(latentlab_example_denoising::plugin)
        .unwrap();
    latentlab_run::conformance::check(&registry, "denoising-ae", &Default::default()).unwrap();
}

#[test]
fn it_is_listed_beside_the_built_in_models() {
    let output = program().args(["list", "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("denoising-ae") && text.contains("\"vae\""),
        "{text}"
    );
}

#[test]
fn it_resumes_to_the_bytes_of_an_uninterrupted_run_and_draws() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    train(&whole, "6");
    train(&parts, "4");
    program()
        .arg("resume")
        .arg(&parts)
        .args(["--steps", "6"])
        .assert()
        .success();
    let params = "checkpoints/step-000006/params.safetensors";
    let read = |run: &Path| fs::read(run.join(params)).unwrap();
    assert_eq!(read(&whole), read(&parts));

    let picture = folder.path().join("walk.png");
    program()
        .arg("interpolate")
        .arg(&whole)
        .arg("--out")
        .arg(&picture)
        .assert()
        .success();
    assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
}
