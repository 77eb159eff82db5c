//! Runs that have exploded or lost files: what is said of them, and how they go on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::Command;
use latentlab_run::{RunRecord, Status};
use tempfile::TempDir;

fn latentlab(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_latentlab"))
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An experiment file of an autoencoder on the ring.
fn file(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("small.toml");
    let config = "steps = 40\nbatch_size = 8\ndata = { name = 'ring', train = 64, test = 16 }\n\
                  checkpoint.every = 10\nmetrics.every = 5\n\
                  [model]\nname = 'ae'\nconfig = { hidden = [16, 16], latent = 2 }\n";
    fs::write(&file, config).unwrap();
    file
}

#[test]
fn a_finite_explosion_is_a_divergence_and_another_run_can_go_on_from_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (file, run) = (file(&folder), folder.path().join("run"));
    let call = [
        "experiment",
        text(&file),
        "--out",
        text(&run),
        "--set",
        "optimizer.lr=100",
    ];
    let (code, said) = latentlab(&call);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("phase `ae` diverged") && said.contains("at first"),
        "{said}"
    );
    assert_eq!(RunRecord::read(&run).unwrap().status, Status::Diverged);
    // One that diverged later, from its last good checkpoint.
    let (good, late) = (folder.path().join("good"), folder.path().join("late"));
    let (code, said) = latentlab(&["experiment", text(&file), "--out", text(&good)]);
    assert_eq!(code, 0, "{said}");
    let from = format!("init_from={}", good.display());
    let lr = "optimizer.lr=1e-4";
    let call = [
        "experiment",
        text(&file),
        "--out",
        text(&late),
        "--set",
        &from,
        "--set",
        lr,
    ];
    let (code, said) = latentlab(&call);
    assert_eq!(code, 0, "{said}");
    assert_eq!(RunRecord::read(&late).unwrap().init_from.unwrap().step, 40);
}

#[test]
fn what_a_run_has_lost_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder);
    let (records, checkpoints) = ("metrics.jsonl", "checkpoints");
    for (name, lost, words) in [
        ("records", &[records][..], "put it back"),
        ("checkpoints", &[checkpoints], "put the folder back"),
        ("both", &[checkpoints, records], "put the folder back"),
    ] {
        let run = folder.path().join(name);
        let (code, said) = latentlab(&["experiment", text(&file), "--out", text(&run)]);
        assert_eq!(code, 0, "{said}");
        for place in lost.iter().map(|lost| run.join(lost)) {
            match place.is_dir() {
                true => fs::remove_dir_all(&place).unwrap(),
                false => fs::remove_file(&place).unwrap(),
            }
        }
        let (code, said) = latentlab(&["resume", text(&run), "--steps", "50"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(lost[0]) && said.contains(words), "{said}");
    }
    let run = folder.path().join("empty");
    latentlab(&["experiment", text(&file), "--out", text(&run)]);
    fs::write(run.join("checkpoints/LATEST"), "").unwrap();
    let (code, said) = latentlab(&["resume", text(&run), "--steps", "50"]);
    assert!(code == 0 || said.contains("LATEST"), "{said}");
    // An empty file of records lets it go on, as is said.
    let run = folder.path().join("records");
    fs::write(run.join("metrics.jsonl"), "").unwrap();
    let (code, said) = latentlab(&["resume", text(&run), "--steps", "50"]);
    assert_eq!(code, 0, "{said}");
}
