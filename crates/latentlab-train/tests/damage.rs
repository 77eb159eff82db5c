//! A damaged checkpoint is never taken for a whole one, and there is a way to go on without it.

use std::{collections::BTreeMap, fs, path::Path};

use candle_core::{Device, Tensor};
use latentlab_train::{CheckpointStore, Error, Retention, Snapshot};
use proptest::prelude::*;

const FILES: [&str; 5] = [
    "ema.safetensors",
    "optimizer.safetensors",
    "params.safetensors",
    "state.json",
    "MANIFEST.sha256",
];

/// A store in `directory` with the checkpoints 100, 200 and 300.
fn store(directory: &Path) -> CheckpointStore {
    let store = CheckpointStore::open(directory).unwrap();
    let retention = Retention {
        every: 100,
        keep: 3,
    };
    for step in [100, 200, 300] {
        let tensor = Tensor::new(&[step as f32, 0.5], &Device::Cpu).unwrap();
        let tensors = BTreeMap::from([("layer.weight".to_owned(), tensor)]);
        let snapshot = Snapshot {
            step,
            seed: 3,
            extra: serde_json::Value::Null,
            params: tensors.clone(),
            ema: Some(tensors.clone()),
            optimizer: tensors,
        };
        store.save(&snapshot, None, &retention).unwrap();
    }
    store
}

#[test]
fn a_damaged_latest_is_an_error_that_names_the_way_out_and_the_way_out_works() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let damaged = directory.path().join("step-000300");
    fs::remove_file(damaged.join("params.safetensors")).unwrap();
    let message = store.latest().unwrap_err().to_string();
    let expected = format!(
        "{0}/params.safetensors: missing from the checkpoint; remove {0} to go on from the \
         checkpoint before it (intact: step 100, 200)",
        damaged.display()
    );
    assert_eq!(message, expected);
    fs::remove_dir_all(&damaged).unwrap();
    store.recover().unwrap();
    assert_eq!(store.latest().unwrap().unwrap().step, 200);
}

#[test]
fn a_damaged_latest_without_an_intact_one_before_it_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    for step in ["step-000100", "step-000200", "step-000300"] {
        fs::write(directory.path().join(step).join("state.json"), b"{}").unwrap();
    }
    let message = store.latest().unwrap_err().to_string();
    assert!(
        message.ends_with("; no older checkpoint is intact"),
        "{message}"
    );
}

#[test]
fn a_checkpoint_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let message = store(directory.path()).load(7).unwrap_err().to_string();
    let end = "step-000007/MANIFEST.sha256: missing from the checkpoint";
    assert!(message.ends_with(end), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_bit_in_any_file_is_an_error_that_names_a_file(
        file in 0usize..5,
        at in 0usize..10_000,
        bit in 0u32..8,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        let path = directory.path().join("step-000300").join(FILES[file]);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        fs::write(&path, bytes).unwrap();
        match store.load(300) {
            // A flip in a line of the manifest may show as a mismatch of that line's file.
            Err(Error::Checkpoint { file, .. }) => {
                prop_assert!(file == path || path.ends_with("MANIFEST.sha256"));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
