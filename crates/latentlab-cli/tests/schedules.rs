//! Runs that go on beyond the end of their learning rates.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::Command;
use latentlab_run::{RunRecord, train::Reschedule};
use tempfile::TempDir;
use toml::Table;

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

/// A finished run of four steps with a schedule of its own for each group.
fn finished(folder: &TempDir, name: &str, schedule: &str) -> PathBuf {
    let file = folder.path().join("small.toml");
    let text = format!(
        "steps = 4\nbatch_size = 8\ndata = {{ name = 'ring', train = 64, test = 16 }}\n\
         [model]\nname = 'ae'\nconfig = {{ hidden = [4], latent = 1 }}\n\
         [optimizer]\nschedule = {schedule}\n"
    );
    fs::write(&file, text).unwrap();
    let run = folder.path().join(name);
    let (code, said) = latentlab(&["experiment", text_of(&file), "--out", text_of(&run)]);
    assert_eq!(code, 0, "{said}");
    run
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn schedule(run: &Path) -> Table {
    let text = fs::read_to_string(run.join("config.toml")).unwrap();
    let table: Table = text.parse().unwrap();
    table["optimizer"]["schedule"].as_table().unwrap().clone()
}

#[test]
fn more_steps_of_a_schedule_that_ends_are_taken_as_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (name, reschedule, begin) in [
        ("stretch", Reschedule::Stretch, None),
        ("restart", Reschedule::Restart, Some(4)),
    ] {
        let run = finished(&folder, name, "{ name = 'cosine' }");
        let (code, said) = latentlab(&["resume", text_of(&run), "--steps", "8"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("another number of steps"), "{said}");
        // What is advised is what works.
        let advice = format!("`--schedule {name}`");
        assert!(said.contains(&advice), "{said}");
        let call = ["resume", text_of(&run), "--steps", "8", "--schedule", name];
        let (code, said) = latentlab(&call);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("step 8"), "{said}");
        let resumed = RunRecord::read(&run).unwrap().resumed;
        assert_eq!(resumed[0].schedule, Some(reschedule));
        let found = schedule(&run)
            .get("begin")
            .and_then(|begin| begin.as_integer());
        assert_eq!(found, begin);
        let (code, said) = latentlab(&["resume", text_of(&run)]);
        assert_eq!(code, 0, "as it is by now: {said}");
    }
}

#[test]
fn a_schedule_that_has_an_end_of_its_own_can_be_given_another() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(&folder, "own", "{ name = 'linear', steps = 4 }");
    let call = [
        "resume",
        text_of(&run),
        "--steps",
        "6",
        "--schedule",
        "restart",
    ];
    let (code, said) = latentlab(&call);
    assert_eq!(code, 0, "{said}");
    let schedule = schedule(&run);
    assert_eq!(schedule["begin"].as_integer(), Some(4));
    assert!(
        !schedule.contains_key("steps"),
        "it ends with the run: {schedule}"
    );
}

#[test]
fn a_rate_that_does_not_end_has_nothing_to_stretch() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(&folder, "constant", "{ name = 'constant' }");
    let call = [
        "resume",
        text_of(&run),
        "--steps",
        "6",
        "--schedule",
        "stretch",
    ];
    let (code, said) = latentlab(&call);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("no learning rate of this run ends"), "{said}");
    let (code, said) = latentlab(&call[..4]);
    assert_eq!(code, 0, "{said}");
    let other = [
        "resume",
        text_of(&run),
        "--set",
        "optimizer.schedule.warmup=2",
    ];
    let (code, said) = latentlab(&other);
    assert_eq!(code, 2, "{said}");
}
