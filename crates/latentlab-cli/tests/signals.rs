//! Signals, locks and company: who interrupts a run, holds its directory or reads it while it is
//! written.

#![cfg(unix)]

use std::{
    fs,
    io::Read,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use latentlab_run::{RunRecord, Status, reproduction::compare};
use latentlab_train::CheckpointStore;
use process::{Started, wait_for};

mod process;

const SIGINT: &str = "-INT";
const SIGTERM: &str = "-TERM";

fn latentlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latentlab"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> Output {
    latentlab(arguments).output().unwrap()
}

/// Arguments of a run in `out` that goes on for longer than any test, with a checkpoint every
/// `every` steps.
fn endless(out: &Path, every: &'static str) -> Vec<String> {
    let out = out.to_str().unwrap();
    let words = [
        "experiment",
        "vae-mnist",
        "--smoke",
        "--steps",
        "100000000",
        "--set",
        "samples.every=0",
        "--set",
        "evaluate.every=0",
        "--set",
        every,
        "--out",
        out,
    ];
    words.map(str::to_owned).to_vec()
}

fn start(arguments: &[String]) -> Started {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Started(latentlab(&arguments).spawn().unwrap())
}

fn send(process: &Started, signal: &str) {
    let id = process.0.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(sent.success());
}

/// The exit code of a process that ends, and what was said.
fn end(mut process: Started) -> (Option<i32>, String) {
    wait_for("the end", || process.0.try_wait().unwrap().is_some());
    let status = process.0.wait().unwrap();
    assert_eq!(status.signal(), None, "ended by a signal it should answer");
    let mut said = String::new();
    let mut stderr = process.0.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    (status.code(), said)
}

fn steps(run: &Path) -> usize {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    text.lines().count()
}

fn latest(run: &Path) -> Option<u64> {
    let store = CheckpointStore::open(run.join("checkpoints")).unwrap();
    store.latest().unwrap().map(|latest| latest.step)
}

#[test]
fn the_first_signal_saves_and_tells_which_it_was() {
    for (signal, expected) in [(SIGINT, 130), (SIGTERM, 143)] {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let process = start(&endless(&run, "checkpoint.every=1000000"));
        wait_for("a step", || steps(&run) > 5);
        send(&process, signal);
        let (code, said) = end(process);
        assert_eq!(code, Some(expected), "{said}");
        assert!(said.contains("finishing this step and saving"), "{said}");
        assert_eq!(RunRecord::read(&run).unwrap().status, Status::Interrupted);
        assert_eq!(latest(&run), Some(steps(&run) as u64));
    }
}

#[test]
fn the_second_signal_ends_at_once_and_what_was_saved_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let process = start(&endless(&run, "checkpoint.every=5"));
    wait_for("a checkpoint", || latest(&run).is_some());
    send(&process, SIGINT);
    send(&process, SIGTERM);
    let (code, said) = end(process);
    // The run may have ended between the two.
    assert!(matches!(code, Some(130 | 143)), "{code:?}: {said}");
    let before = latest(&run).unwrap();
    let path = run.to_str().unwrap();
    let steps = (before + 7).to_string();
    let resumed = output(&["resume", path, "--steps", &steps]);
    let said = String::from_utf8_lossy(&resumed.stderr).into_owned();
    assert!(resumed.status.success(), "{said}");
    assert_eq!(latest(&run), Some(before + 7));
}

#[test]
fn a_signal_during_a_save_lets_it_finish() {
    for delay in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        // Nearly all of its time goes into saving.
        let process = start(&endless(&run, "checkpoint.every=1"));
        wait_for("a checkpoint", || latest_name(&run).is_some());
        thread::sleep(Duration::from_millis(delay * 3));
        send(&process, SIGTERM);
        let (code, said) = end(process);
        assert_eq!(code, Some(143), "{said}");
        assert_eq!(latest(&run), Some(steps(&run) as u64));
        let names = fs::read_dir(run.join("checkpoints")).unwrap();
        let mut names = names.map(|entry| entry.unwrap().file_name());
        assert!(!names.any(|name| name.to_string_lossy().starts_with('.')));
    }
}

/// What LATEST says, without a look at the checkpoint, which may just be replaced.
fn latest_name(run: &Path) -> Option<String> {
    fs::read_to_string(run.join("checkpoints/LATEST")).ok()
}

#[test]
fn closed_streams_are_no_reason_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let short = |out: &Path| {
        let mut command = latentlab(&["experiment", "gan-dice", "--smoke", "--out"]);
        command.arg(out);
        command
    };
    assert!(short(&whole).output().unwrap().status.success());
    for closed in ["1>&-", "2>&-", "1>&- 2>&-", "| true"] {
        let out = folder
            .path()
            .join(closed.replace(['>', '&', '|', ' '], "_"));
        let line = format!(
            "'{}' experiment gan-dice --smoke --out '{}' {closed}",
            env!("CARGO_BIN_EXE_latentlab"),
            out.display()
        );
        let shell = Command::new("sh").args(["-c", &line]).output().unwrap();
        let said = String::from_utf8_lossy(&shell.stderr).into_owned();
        assert!(shell.status.success(), "{closed}: {said}");
        assert!(!said.contains("panicked"), "{closed}: {said}");
        wait_for("the end", || out.join("report.html").is_file());
        let found = compare(&whole, &out).unwrap();
        assert!(
            found.different.is_empty(),
            "{closed}: {:?}",
            found.different
        );
    }
}

#[test]
fn a_second_process_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    let mut first = start(&endless(&run, "checkpoint.every=5"));
    wait_for("a checkpoint", || latest(&run).is_some());
    let began = Instant::now();
    let second = output(&["resume", path, "--steps", "100000001"]);
    assert!(began.elapsed() < Duration::from_secs(30), "it waited");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains("is in use by another process"), "{said}");
    assert_eq!(standing(folder.path()), "running");
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    assert_eq!(standing(folder.path()), "killed");
    let steps = (latest(&run).unwrap() + 3).to_string();
    let third = output(&["resume", path, "--steps", &steps]);
    let said = String::from_utf8_lossy(&third.stderr).into_owned();
    assert!(third.status.success(), "{said}");
    assert_eq!(standing(folder.path()), "finished");
}

/// How `list` says that the only run in `folder` stands.
fn standing(folder: &Path) -> String {
    let arguments = ["list", folder.to_str().unwrap(), "--json"];
    let listed = latentlab(&arguments)
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    listed["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_can_be_read_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    let page = folder.path().join("page.html");
    let picture = folder.path().join("drawn.png");
    let process = start(&endless(&run, "checkpoint.every=25"));
    wait_for("a checkpoint", || latest_name(&run).is_some());
    for _ in 0..5 {
        for reading in [
            &["compare", path, path, "--out", page.to_str().unwrap()][..],
            &["sample", path, "--out", picture.to_str().unwrap()],
            &["evaluate", path, "--samples", "64"],
            &["list", path],
        ] {
            let read = output(reading);
            let said = String::from_utf8_lossy(&read.stderr).into_owned();
            assert!(read.status.success(), "{reading:?}: {said}");
        }
    }
    send(&process, SIGINT);
    let (code, said) = end(process);
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(latest(&run), Some(steps(&run) as u64));
}
