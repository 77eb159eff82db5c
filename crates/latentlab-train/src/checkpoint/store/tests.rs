//! Tests of the store of checkpoints.

use std::{collections::BTreeMap, path::Path};

use candle_core::{Device, Tensor};
use serde_json::json;

use super::*;
use crate::Record;

const RETENTION: Retention = Retention {
    every: 500,
    keep: 3,
};

fn snapshot(step: u64) -> Snapshot {
    let tensors = |value: f32| {
        let tensor = Tensor::new(&[value, step as f32], &Device::Cpu).unwrap();
        BTreeMap::from([("layer.weight".to_owned(), tensor)])
    };
    Snapshot {
        step,
        seed: 3,
        extra: json!({"epoch": 2}),
        params: tensors(1.0),
        ema: Some(tensors(2.0)),
        optimizer: tensors(3.0),
    }
}

fn bytes(snapshot: &Snapshot) -> BTreeMap<&'static str, Vec<u8>> {
    snapshot.to_files().unwrap()
}

fn store() -> (tempfile::TempDir, CheckpointStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(directory.path().join("checkpoints")).unwrap();
    (directory, store)
}

#[test]
fn what_was_saved_is_what_is_loaded() {
    let (_directory, store) = store();
    assert!(store.latest().unwrap().is_none());
    store.save(&snapshot(500), None, &RETENTION).unwrap();
    let last = Snapshot {
        ema: None,
        ..snapshot(1000)
    };
    store.save(&last, None, &RETENTION).unwrap();
    let latest = store.latest().unwrap().unwrap();
    assert_eq!(
        (latest.step, latest.seed, latest.extra),
        (1000, 3, json!({"epoch": 2}))
    );
    assert!(latest.ema.is_none());
    assert_eq!(bytes(&store.load(500).unwrap()), bytes(&snapshot(500)));
}

#[test]
fn a_checkpoint_has_the_files_that_the_run_directory_promises() {
    let (_directory, store) = store();
    store.save(&snapshot(500), None, &RETENTION).unwrap();
    let entries = fs::read_dir(store.directory.join("step-000500")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let tensors = [
        "ema.safetensors",
        "optimizer.safetensors",
        "params.safetensors",
    ];
    assert_eq!(
        names,
        [&["MANIFEST.sha256"], &tensors[..], &["state.json"]].concat()
    );
    assert_eq!(
        fs::read(store.directory.join("LATEST")).unwrap(),
        b"step-000500"
    );
}

#[test]
fn reading_leaves_alone_what_another_process_is_writing() {
    let (directory, store) = store();
    assert!(store.latest().unwrap().is_none());
    assert!(!store.directory.exists());
    store.save(&snapshot(500), None, &RETENTION).unwrap();
    let unfinished = store.directory.join(".unfinished-step-001000");
    fs::create_dir(&unfinished).unwrap();
    let temporary = store.directory.join("LATEST.tmp");
    fs::write(&temporary, b"step-0").unwrap();
    let reader = CheckpointStore::open(&store.directory).unwrap();
    assert_eq!(reader.latest().unwrap().unwrap().step, 500);
    assert!(unfinished.exists() && temporary.exists());
    store.recover().unwrap();
    assert!(!unfinished.exists() && !temporary.exists());
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(CheckpointStore::open(file).is_err());
}

#[test]
fn recovery_removes_what_was_never_made_the_latest() {
    let (_directory, store) = store();
    for step in [500, 1000] {
        store.save(&snapshot(step), None, &RETENTION).unwrap();
    }
    fs::write(store.directory.join(LATEST), b"step-000500").unwrap();
    store.recover().unwrap();
    assert_eq!(store.steps().unwrap(), [500]);
}

#[test]
fn a_best_that_is_not_there_is_not_marked() {
    let (_directory, store) = store();
    store.save(&snapshot(500), Some(200), &RETENTION).unwrap();
    assert_eq!(store.best_step().unwrap(), None);
    store.save(&snapshot(600), Some(500), &RETENTION).unwrap();
    assert_eq!(store.best().unwrap().unwrap().step, 500);
    fs::remove_dir_all(store.place(500)).unwrap();
    assert!(store.best().unwrap().is_none());
}

#[test]
fn a_latest_that_names_nothing_is_an_error_that_names_it() {
    let (_directory, store) = store();
    fs::create_dir(&store.directory).unwrap();
    fs::write(store.directory.join(LATEST), b"newest").unwrap();
    let message = store.latest().unwrap_err().to_string();
    assert!(
        message.ends_with(
            "LATEST: `newest` is not the name of a checkpoint; no checkpoint is intact: put \
             them back as they were, or start a new run in another directory"
        ),
        "{message}"
    );
}

#[test]
fn a_damaged_pointer_is_an_error_with_a_way_out_that_works() {
    for damage in ["", "step-\n", "step-000500\0\0"] {
        let (_directory, store) = store();
        for step in [500, 1000] {
            store.save(&snapshot(step), Some(500), &RETENTION).unwrap();
        }
        let pointer = store.directory.join(LATEST);
        fs::write(&pointer, damage).unwrap();
        for error in [
            store.latest().map(drop).unwrap_err(),
            store.latest_of(500).map(drop).unwrap_err(),
            store.recover().unwrap_err(),
        ] {
            let message = error.to_string();
            let way_out = "; remove the file to go on from the newest intact checkpoint, step 1000";
            assert!(message.ends_with(way_out), "{message}");
        }
        fs::remove_file(pointer).unwrap();
        store.recover().unwrap();
        assert_eq!(store.latest_of(500).unwrap().unwrap().step, 1000);
        fs::write(store.directory.join(BEST), damage).unwrap();
        let message = store.best().unwrap_err().to_string();
        let way_out = "BEST: `";
        assert!(message.contains(way_out), "{message}");
        let way_out = "; remove the file to let another checkpoint become the best";
        assert!(message.ends_with(way_out), "{message}");
        fs::remove_file(store.directory.join(BEST)).unwrap();
        assert!(store.best().unwrap().is_none());
    }
}

#[test]
fn checkpoints_that_are_gone_are_missed() {
    let (_directory, store) = store();
    assert!(store.latest_of(0).unwrap().is_none());
    let missed = |store: &CheckpointStore| {
        let message = store.latest_of(500).unwrap_err().to_string();
        assert!(
            message.contains("start a new run in another directory"),
            "{message}"
        );
        message
    };
    assert!(missed(&store).contains("checkpoints: holds no checkpoint, though one was saved"));
    store.save(&snapshot(500), None, &RETENTION).unwrap();
    assert_eq!(store.latest_of(500).unwrap().unwrap().step, 500);
    fs::remove_dir_all(store.place(500)).unwrap();
    let left = "LATEST: names step-000500, and no checkpoint is there; put";
    assert!(missed(&store).contains(left));
    // LATEST tells by itself.
    assert!(store.latest().unwrap_err().to_string().contains(left));
    fs::remove_dir_all(&store.directory).unwrap();
    missed(&store);
}

#[test]
fn the_record_of_the_best_is_missed_where_it_is_gone() {
    let (_directory, store) = store();
    let metrics = Path::new("metrics.jsonl");
    let records = [Record::new(499, 0.0), Record::new(500, 0.0)];
    store.require_record_of_best(metrics, &[]).unwrap();
    store.save(&snapshot(500), Some(500), &RETENTION).unwrap();
    store.require_record_of_best(metrics, &records).unwrap();
    for records in [&records[..1], &[]] {
        let missed = store.require_record_of_best(metrics, records);
        let message = missed.unwrap_err().to_string();
        assert!(
            message.starts_with("metrics.jsonl: has no record of step 500, whose checkpoint"),
            "{message}"
        );
    }
    fs::remove_file(store.directory.join(BEST)).unwrap();
    store.require_record_of_best(metrics, &[]).unwrap();
}

#[test]
fn another_schema_version_is_refused() {
    let mut files: BTreeMap<String, Vec<u8>> = bytes(&snapshot(1))
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    let state = json!({"schema": 9, "step": 1, "seed": 3, "extra": null}).to_string();
    files.insert("state.json".to_owned(), state.into_bytes());
    let error = Snapshot::from_files(Path::new("here"), &files)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("state.json: has schema version 9, this build reads 1"),
        "{error}"
    );
}
