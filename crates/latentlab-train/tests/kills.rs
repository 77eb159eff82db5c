//! Whenever a save is killed, the run goes on from a complete checkpoint and leaves what it would
//! have left without the kill.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use candle_core::{Device, Tensor};
use latentlab_tensor::encode_tensors;
use latentlab_train::{CheckpointStore, Retention, Snapshot};

/// Tells the child process where to save.
const DIRECTORY: &str = "LATENTLAB_TEST_KILLS";
const RETENTION: Retention = Retention { every: 2, keep: 2 };

fn snapshot(step: u64) -> Snapshot {
    let tensor = Tensor::new(&[step as f32, 0.5], &Device::Cpu).unwrap();
    let tensors = BTreeMap::from([("layer.weight".to_owned(), tensor)]);
    Snapshot {
        step,
        seed: 3,
        extra: serde_json::Value::Null,
        params: tensors.clone(),
        ema: Some(tensors.clone()),
        optimizer: tensors,
    }
}

/// Saves the checkpoint of `step`; every third is the best so far.
fn save(store: &CheckpointStore, step: u64) -> latentlab_train::Result<()> {
    store.save(&snapshot(step), Some(step - step % 3), &RETENTION)
}

fn params(snapshot: &Snapshot) -> Vec<u8> {
    encode_tensors(&snapshot.params).unwrap()
}

/// Every file below `directory`, by path.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let below = self::files(&path).into_iter();
            files.extend(below.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn a_save_that_ends_before_best_or_latest_is_made_good_by_the_next() {
    // Step 6 is a new best, and LATEST names 5, which goes with that save.
    let straight = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(straight.path()).unwrap();
    (1..=6).for_each(|step| save(&store, step).unwrap());

    for pointer in ["BEST", "LATEST"] {
        let directory = tempfile::tempdir().unwrap();
        let store = CheckpointStore::open(directory.path()).unwrap();
        (1..=5).for_each(|step| save(&store, step).unwrap());
        // A directory cannot be written as a file: the save ends there as by a kill.
        let obstacle = directory.path().join(format!("{pointer}.tmp"));
        fs::create_dir(&obstacle).unwrap();
        let message = save(&store, 6).unwrap_err().to_string();
        assert!(message.contains(&format!("{pointer}.tmp: ")), "{message}");
        fs::remove_dir(&obstacle).unwrap();

        store.recover().unwrap();
        let latest = store.latest().unwrap().unwrap().step;
        (latest + 1..=6).for_each(|step| save(&store, step).unwrap());
        assert_eq!(files(directory.path()), files(straight.path()), "{pointer}");
    }
}

#[test]
fn a_kill_at_any_time_leaves_a_complete_checkpoint_and_no_step_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(directory.path()).unwrap();
    let latest = || store.latest().unwrap().map_or(0, |latest| latest.step);
    for round in 0..12u64 {
        let before = latest();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "a_process_that_saves_until_it_is_killed"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while store.steps().unwrap().last() < Some(&(before + 2)) {
            assert!(Instant::now() < deadline, "nothing is saved after {before}");
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_micros(round * 700));
        child.kill().unwrap();
        child.wait().unwrap();

        for recovered in [false, true] {
            let step = latest();
            assert!(step > before, "back from {before} to {step}");
            for step in store.steps().unwrap() {
                let loaded = store.load(step).unwrap();
                assert_eq!(params(&loaded), params(&snapshot(step)));
            }
            store.best().unwrap();
            if !recovered {
                store.recover().unwrap();
            }
        }
        let leftover = |name: &String| name.starts_with('.') || name.ends_with(".tmp");
        assert!(!files(directory.path()).keys().any(leftover));
    }
    // After the kills the store is what it would be without them.
    let last = latest() + 1;
    save(&store, last).unwrap();
    let straight = tempfile::tempdir().unwrap();
    let whole = CheckpointStore::open(straight.path()).unwrap();
    (last.saturating_sub(9).max(1)..=last).for_each(|step| save(&whole, step).unwrap());
    assert_eq!(files(directory.path()), files(straight.path()));
}

/// What the test above runs as a process of its own and kills; without a directory it does nothing.
#[test]
fn a_process_that_saves_until_it_is_killed() {
    let Some(directory) = env::var_os(DIRECTORY) else {
        return;
    };
    let store = CheckpointStore::open(directory).unwrap();
    store.recover().unwrap();
    let latest = store.latest().unwrap().map_or(0, |latest| latest.step);
    // Not for ever, should nobody kill it.
    (latest + 1..latest + 1000).for_each(|step| save(&store, step).unwrap());
}
