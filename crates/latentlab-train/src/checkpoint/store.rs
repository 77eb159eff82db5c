//! Checkpoints in a directory: complete or not there, verified when read.
//!
//! ```text
//! checkpoints/step-000500/{params,ema,optimizer}.safetensors, state.json, MANIFEST.sha256
//! checkpoints/LATEST      the name of the newest, written after the checkpoint is complete
//! checkpoints/BEST        the name of the best by some metric
//! ```
//!
//! A checkpoint is written into a hidden directory beside its place, synchronised file by file and
//! moved there in one piece. Whenever the process is killed, LATEST names a complete checkpoint.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{FILES, Snapshot};
use crate::{Error, Result, durable};

const LATEST: &str = "LATEST";
const BEST: &str = "BEST";
const MANIFEST: &str = "MANIFEST.sha256";
const UNFINISHED: &str = ".unfinished-";

/// The checkpoints of one run.
#[derive(Debug)]
pub struct CheckpointStore {
    directory: PathBuf,
}

impl CheckpointStore {
    /// The store in `directory`, which is created if it is not there. Removes what a killed process
    /// left unfinished.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory).map_err(Error::io(&directory))?;
        let store = Self { directory };
        for name in store.names()? {
            let path = store.directory.join(&name);
            if name.starts_with(UNFINISHED) {
                fs::remove_dir_all(&path).map_err(Error::io(&path))?;
            } else if name.ends_with(durable::TEMPORARY) {
                fs::remove_file(&path).map_err(Error::io(&path))?;
            }
        }
        Ok(store)
    }

    /// Writes a checkpoint and makes it the latest.
    pub fn save(&self, snapshot: &Snapshot) -> Result<()> {
        let name = name_of(snapshot.step);
        let unfinished = self.directory.join(format!("{UNFINISHED}{name}"));
        remove(&unfinished)?;
        fs::create_dir(&unfinished).map_err(Error::io(&unfinished))?;
        let mut manifest = String::new();
        for (file, bytes) in snapshot.to_files()? {
            durable::write(&unfinished.join(file), &bytes)?;
            manifest.push_str(&format!("{}  {file}\n", sha256(&bytes)));
        }
        durable::write(&unfinished.join(MANIFEST), manifest.as_bytes())?;
        durable::sync_directory(&unfinished)?;
        let place = self.directory.join(&name);
        remove(&place)?; // from a run that was killed before it could make it the latest
        durable::rename(&unfinished, &place)?;
        durable::replace(&self.directory.join(LATEST), name.as_bytes())
    }

    /// The latest checkpoint, if there is any: the one LATEST names or, where the process was killed
    /// before it could be written, the one of the highest step.
    pub fn latest(&self) -> Result<Option<Snapshot>> {
        let step = match self.named_by(LATEST)? {
            Some(step) => Some(step),
            None => self.steps()?.last().copied(),
        };
        step.map(|step| self.load(step)).transpose()
    }

    /// The step that [`mark_best`](Self::mark_best) was last called with.
    pub fn best_step(&self) -> Result<Option<u64>> {
        self.named_by(BEST)
    }

    /// The best checkpoint, if one was marked.
    pub fn best(&self) -> Result<Option<Snapshot>> {
        self.best_step()?.map(|step| self.load(step)).transpose()
    }

    /// Makes the checkpoint of `step` the best.
    pub fn mark_best(&self, step: u64) -> Result<()> {
        durable::replace(&self.directory.join(BEST), name_of(step).as_bytes())
    }

    /// The checkpoint of `step`, verified.
    ///
    /// # Errors
    /// Names the file that is missing, altered, or no such file.
    pub fn load(&self, step: u64) -> Result<Snapshot> {
        let directory = self.directory.join(name_of(step));
        let manifest_file = directory.join(MANIFEST);
        let manifest = read(&manifest_file)?;
        let mut files = BTreeMap::new();
        for line in String::from_utf8_lossy(&manifest).lines() {
            let entry = line
                .split_once("  ")
                .filter(|(_, name)| FILES.contains(name));
            let (hash, name) = entry.ok_or_else(|| Error::Checkpoint {
                file: manifest_file.clone(),
                problem: format!("`{line}` is not the hash and name of a file of a checkpoint"),
            })?;
            let path = directory.join(name);
            let bytes = read(&path)?;
            let found = sha256(&bytes);
            if found != hash {
                let problem = format!("altered: its SHA-256 is {found}, the manifest says {hash}");
                return Err(Error::Checkpoint {
                    file: path,
                    problem,
                });
            }
            files.insert(name.to_owned(), bytes);
        }
        Snapshot::from_files(&directory, &files)
    }

    /// Removes all checkpoints but the newest `keep`, the latest and the best.
    pub fn prune(&self, keep: usize) -> Result<()> {
        let spared = [self.named_by(LATEST)?, self.named_by(BEST)?];
        let steps = self.steps()?;
        let old = steps.len().saturating_sub(keep);
        for step in &steps[..old] {
            if !spared.contains(&Some(*step)) {
                remove(&self.directory.join(name_of(*step)))?;
            }
        }
        Ok(())
    }

    /// The steps of all checkpoints, in order.
    pub fn steps(&self) -> Result<Vec<u64>> {
        let mut steps: Vec<u64> = self
            .names()?
            .iter()
            .filter_map(|name| step_of(name))
            .collect();
        steps.sort_unstable();
        Ok(steps)
    }

    fn names(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.directory).map_err(Error::io(&self.directory))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io(&self.directory))?;
            names.extend(entry.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn named_by(&self, pointer: &str) -> Result<Option<u64>> {
        let file = self.directory.join(pointer);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(file)(error)),
        };
        let name = String::from_utf8_lossy(&bytes);
        match step_of(name.trim()) {
            Some(step) => Ok(Some(step)),
            None => Err(Error::Checkpoint {
                file,
                problem: format!("`{}` is not the name of a checkpoint", name.trim()),
            }),
        }
    }
}

fn name_of(step: u64) -> String {
    format!("step-{step:06}")
}

fn step_of(name: &str) -> Option<u64> {
    name.strip_prefix("step-")?.parse().ok()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(Error::io(file))
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(directory)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

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
        store.save(&snapshot(500)).unwrap();
        store
            .save(&Snapshot {
                ema: None,
                ..snapshot(1000)
            })
            .unwrap();
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
        store.save(&snapshot(500)).unwrap();
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
    fn a_save_that_fails_names_the_file_and_leaves_the_checkpoint_before() {
        let (_directory, store) = store();
        store.save(&snapshot(500)).unwrap();
        fs::create_dir(store.directory.join("LATEST.tmp")).unwrap(); // so that it cannot be a file
        let message = store.save(&snapshot(600)).unwrap_err().to_string();
        assert!(message.contains("LATEST.tmp: "), "{message}");
        assert_eq!(store.latest().unwrap().unwrap().step, 500);
    }

    #[test]
    fn pruning_keeps_the_newest_and_the_best() {
        let (_directory, store) = store();
        for step in 1..=6 {
            store.save(&snapshot(step)).unwrap();
        }
        store.mark_best(2).unwrap();
        store.prune(2).unwrap();
        assert_eq!(store.steps().unwrap(), [2, 5, 6]);
        assert_eq!(store.best().unwrap().unwrap().step, 2);
        store.prune(0).unwrap();
        assert_eq!(store.steps().unwrap(), [2, 6]);
    }

    #[test]
    fn a_latest_that_names_nothing_is_an_error_that_names_it() {
        let (_directory, store) = store();
        fs::write(store.directory.join(LATEST), b"newest").unwrap();
        let message = store.latest().unwrap_err().to_string();
        assert!(
            message.ends_with("LATEST: `newest` is not the name of a checkpoint"),
            "{message}"
        );
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_flipped_bit_in_any_file_is_an_error_that_names_a_file(
            file in 0usize..5,
            at in 0usize..10_000,
            bit in 0u32..8,
        ) {
            let (_directory, store) = store();
            store.save(&snapshot(500)).unwrap();
            let names: Vec<&str> = FILES.into_iter().chain([MANIFEST]).collect();
            let directory = store.directory.join("step-000500");
            let path = directory.join(names[file]);
            let mut bytes = fs::read(&path).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            fs::write(&path, bytes).unwrap();
            match store.load(500) {
                // A flip in a line of the manifest may show as a mismatch of that line's file.
                Err(Error::Checkpoint { file, .. }) => {
                    prop_assert!(file == path || path.ends_with(MANIFEST));
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
