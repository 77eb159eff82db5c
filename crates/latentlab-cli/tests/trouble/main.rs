//! Trouble with the real file system, met by the real program: no space, no permission, links,
//! directories that move, names that are no UTF-8. Always an error that names file and cause, nothing
//! outside of the run directory touched, and after mending the bytes of a run that met no trouble.

#![cfg(target_os = "linux")]

mod links;
mod moved;
mod names;
mod permission;
#[path = "../process/mod.rs"]
mod process;
mod space;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Read,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use latentlab_run::reproduction::compare;
use process::{Started, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_latentlab");
/// Enough for the trouble to come midway.
const STEPS: &str = "100";
/// Steps between two checkpoints.
const EVERY: u64 = 10;

/// The program with what all its runs here have in common.
fn latentlab(arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A run of a tiny network into `out`.
fn start(out: &Path) -> Command {
    let mut command = latentlab(&[&"experiment", &"gan-dice", &"--smoke", &"--steps", &STEPS]);
    for set in [
        // Steps that take their time, so that a run is halted early in it and seldom within a save.
        "batch_size=512",
        "model.config.generator.hidden=[64]",
        "model.config.discriminator.hidden=[64]",
        "samples.every=50",
        "evaluate.every=50",
        &format!("checkpoint.every={EVERY}"),
    ] {
        command.args(["--set", set]);
    }
    command.arg("--out").arg(out);
    command
}

fn resume(run: &Path) -> Command {
    latentlab(&[&"resume", &run])
}

/// The exit code, and what was said to stderr.
fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.signal(), None, "ended without a word: {said}");
    assert!(!said.contains("panicked"), "{said}");
    (status.code(), said)
}

fn succeed(command: &mut Command) {
    let (code, said) = outcome(command);
    assert_eq!(code, Some(0), "{said}");
}

/// Holds that a command fails with `code`, and that what it says contains all of `words`.
fn fail(command: &mut Command, code: i32, words: &[&str]) {
    let (found, said) = outcome(command);
    assert_eq!(found, Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "no `{words}` in: {said}");
    }
}

/// The run that meets no trouble.
fn whole(folder: &Path) -> PathBuf {
    let out = folder.join("whole");
    succeed(&mut start(&out));
    out
}

fn assert_same(whole: &Path, run: &Path) {
    let found = compare(whole, run).unwrap();
    assert!(found.equal.len() > 15, "hardly anything: {found:?}");
    assert!(found.different.is_empty(), "{:#?}", found.different);
}

/// A run that is stopped in its tracks once it has a checkpoint, so that trouble comes midway.
struct Halted(Started);

impl Halted {
    fn at_a_checkpoint(mut command: Command, run: &Path) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let process = Started(command.spawn().unwrap());
        wait_for("a checkpoint", || run.join("checkpoints/LATEST").exists());
        let halted = Self(process);
        halted.stop();
        // Not within a save, whose files it would be that are then missed.
        while is_saving(run) {
            halted.send("-CONT");
            thread::sleep(Duration::from_millis(3));
            halted.stop();
        }
        halted
    }

    /// Stops it, and returns when all its threads stand still: on a busy machine that takes a while.
    fn stop(&self) {
        self.send("-STOP");
        let tasks = PathBuf::from(format!("/proc/{}/task", self.0.0.id()));
        let stands = |task: fs::DirEntry| {
            let state = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // `pid (name) state …`; one that has ended in between has none.
            let state = state.rsplit_once(") ").map_or("T", |(_, rest)| rest);
            state.starts_with('T')
        };
        wait_for("its threads to stand still", || {
            match fs::read_dir(&tasks) {
                Ok(tasks) => tasks.flatten().all(stands),
                Err(_) => true,
            }
        });
    }

    fn send(&self, signal: &str) {
        let id = self.0.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Lets it go on, and holds that it then fails and says `words`.
    fn goes_on_and_fails(mut self, words: &[&str]) {
        self.send("-CONT");
        let status = self.0.0.wait().unwrap();
        let mut said = String::new();
        let mut stderr = self.0.0.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        assert_eq!(status.code(), Some(1), "{status}: {said}");
        for words in words {
            assert!(said.contains(words), "no `{words}` in: {said}");
        }
    }
}

/// A run that was killed after it had a checkpoint.
fn killed(folder: &Path) -> PathBuf {
    let run = folder.join("run");
    drop(Halted::at_a_checkpoint(start(&run), &run));
    run
}

/// Everything below a folder, by its path; links are not followed.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(content(&path));
            found.insert(path, Vec::new());
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
    found
}

/// Whether a checkpoint of the run is half there, there and not yet the latest, or about to be made:
/// the record of its step is written before.
fn is_saving(run: &Path) -> bool {
    let checkpoints = run.join("checkpoints");
    let entries = fs::read_dir(&checkpoints).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let names: Vec<String> = names.collect();
    let latest = fs::read_to_string(checkpoints.join("LATEST")).unwrap();
    let newest = names.iter().filter(|name| name.starts_with("step-")).max();
    let is_half = |name: &String| name.starts_with('.') || name.ends_with(".tmp");
    let records = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let mut recorded = records.lines().filter_map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).ok()?;
        record["step"].as_u64().filter(|step| step % EVERY == 0)
    });
    let due = recorded.next_back().map(|step| format!("step-{step:06}"));
    names.iter().any(is_half)
        || newest.is_none_or(|newest| newest.as_str() != latest.trim())
        || due.is_none_or(|due| due != latest.trim())
}
