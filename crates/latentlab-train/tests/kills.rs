//! Whenever a save is killed, the checkpoint before it is there and the next save succeeds.

use std::{collections::BTreeMap, fs, path::Path};

use candle_core::{Device, Tensor};
use latentlab_tensor::encode_tensors;
use latentlab_train::{CheckpointStore, Snapshot};

/// The files of a checkpoint in the order in which a save writes them.
const FILES: [&str; 5] = [
    "ema.safetensors",
    "optimizer.safetensors",
    "params.safetensors",
    "state.json",
    "MANIFEST.sha256",
];

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

fn params(snapshot: &Snapshot) -> Vec<u8> {
    encode_tensors(&snapshot.params).unwrap()
}

/// Leaves `directory` as a kill after `stage` of the stages of saving step 600 would: five files,
/// the move into place, half of the new LATEST.
fn kill_after(stage: usize, directory: &Path) {
    let elsewhere = tempfile::tempdir().unwrap();
    CheckpointStore::open(elsewhere.path())
        .unwrap()
        .save(&snapshot(600))
        .unwrap();
    let complete = elsewhere.path().join("step-000600");
    let unfinished = directory.join(".unfinished-step-000600");
    fs::create_dir(&unfinished).unwrap();
    for (index, name) in FILES.iter().enumerate().take(stage + 1) {
        let bytes = fs::read(complete.join(name)).unwrap();
        // The file that was being written is torn.
        let length = if index < stage {
            bytes.len()
        } else {
            bytes.len() / 2
        };
        fs::write(unfinished.join(name), &bytes[..length]).unwrap();
    }
    if stage >= 6 {
        fs::rename(&unfinished, directory.join("step-000600")).unwrap();
    }
    if stage >= 7 {
        fs::write(directory.join("LATEST.tmp"), b"step-0").unwrap();
    }
}

#[test]
fn a_kill_in_any_stage_of_a_save_leaves_the_checkpoint_before() {
    for stage in 0..=7 {
        let directory = tempfile::tempdir().unwrap();
        let store = CheckpointStore::open(directory.path()).unwrap();
        store.save(&snapshot(500)).unwrap();
        kill_after(stage, directory.path());

        let store = CheckpointStore::open(directory.path()).unwrap();
        let latest = store.latest().unwrap().unwrap();
        assert_eq!(params(&latest), params(&snapshot(500)), "stage {stage}");
        let names = fs::read_dir(directory.path()).unwrap();
        let names: Vec<_> = names
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        let leftover = |name: &String| name.starts_with('.') || name.ends_with(".tmp");
        assert!(!names.iter().any(leftover), "stage {stage}: {names:?}");

        store.save(&snapshot(600)).unwrap();
        let latest = store.latest().unwrap().unwrap();
        assert_eq!(params(&latest), params(&snapshot(600)), "stage {stage}");
    }
}

#[test]
fn a_kill_before_the_first_latest_is_written_leaves_the_complete_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(directory.path()).unwrap();
    store.save(&snapshot(500)).unwrap();
    fs::remove_file(directory.path().join("LATEST")).unwrap();
    assert_eq!(store.latest().unwrap().unwrap().step, 500);
}
