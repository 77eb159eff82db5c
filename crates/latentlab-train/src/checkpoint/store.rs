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

use super::Snapshot;
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
        let manifest = read(&directory.join(MANIFEST))?;
        let mut files = BTreeMap::new();
        for line in String::from_utf8_lossy(&manifest).lines() {
            let path = directory.join(MANIFEST);
            let (hash, name) = line.split_once("  ").ok_or_else(|| Error::Checkpoint {
                file: path,
                problem: format!("`{line}` is not a hash and a file name"),
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
