//! A folder of files that readers want beside the one that is tried.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use latentlab_core::Registry;
use latentlab_train::{CheckpointStore, Retention, Snapshot};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::seeds;

/// A folder of files that readers want beside the one that is tried; removed with it.
pub struct Scratch {
    folder: TempDir,
    /// The models that come with LatentLab.
    pub registry: Registry,
}

impl Scratch {
    /// A fresh folder with a checkpoint and what else makes a whole.
    ///
    /// # Panics
    /// If the folder cannot be made.
    #[expect(clippy::new_without_default, reason = "it makes files")]
    pub fn new() -> Self {
        let registry = Registry::default().with(latentlab_models::plugin);
        let scratch = Self {
            folder: folder().expect("a temporary folder can be made"),
            registry: registry.expect("names of models are unique"),
        };
        let tensor = Tensor::new(&[1f32, 2.0], &Device::Cpu).expect("two numbers are a tensor");
        let tensors = BTreeMap::from([("layer.weight".to_owned(), tensor)]);
        let snapshot = Snapshot {
            step: 1,
            seed: 0,
            extra: serde_json::Value::Null,
            params: tensors.clone(),
            ema: None,
            optimizer: tensors,
        };
        let retention = Retention { every: 1, keep: 1 };
        let saved = scratch.checkpoints().save(&snapshot, None, &retention);
        saved.expect("a checkpoint can be saved in a fresh folder");
        for folder in ["idx", "gzip"] {
            for (name, bytes) in seeds::idx_set() {
                scratch.write(&format!("{folder}/{name}"), &bytes);
            }
        }
        fs::remove_file(scratch.path("gzip").join(seeds::IDX_IMAGES)).expect("it was written");
        scratch
    }

    /// Writes a file, with the folders above it; returns its path.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.path(name);
        if let Some(above) = file.parent() {
            fs::create_dir_all(above).expect("a folder can be made");
        }
        fs::write(&file, bytes).expect("a file can be written");
        file
    }

    /// The path of a name in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The manifest of the checkpoint.
    ///
    /// # Panics
    /// If it is not there.
    pub fn manifest(&self) -> Vec<u8> {
        let file = self.path("checkpoints/step-000001/MANIFEST.sha256");
        fs::read(file).expect("the checkpoint has a manifest")
    }

    /// The store that holds the checkpoint.
    pub fn checkpoints(&self) -> CheckpointStore {
        let store = CheckpointStore::open(self.path("checkpoints"));
        store.expect("the folder of the checkpoints is one")
    }

    /// Replaces a file of the checkpoint, and its hash in the manifest, as if it had been saved so.
    ///
    /// # Panics
    /// If the checkpoint is not there.
    pub fn replace_in_checkpoint(&self, name: &str, bytes: &[u8]) {
        let folder = Path::new("checkpoints/step-000001");
        let manifest = folder.join("MANIFEST.sha256");
        let before = fs::read_to_string(self.path(&manifest.to_string_lossy()));
        let lines = before.expect("the checkpoint has a manifest");
        let hash: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let lines = lines.lines().map(|line| match line.ends_with(name) {
            true => format!("{hash}  {name}\n"),
            false => format!("{line}\n"),
        });
        self.write(
            &manifest.to_string_lossy(),
            lines.collect::<String>().as_bytes(),
        );
        self.write(&folder.join(name).to_string_lossy(), bytes);
    }
}

/// A folder in memory, where the system has such a place: a file is written for every input.
fn folder() -> io::Result<TempDir> {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => tempfile::tempdir_in(memory),
        _ => tempfile::tempdir(),
    }
}
