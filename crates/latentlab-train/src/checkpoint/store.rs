//! Checkpoints in a directory: complete or not there.
//!
//! ```text
//! checkpoints/step-000500/{params,ema,optimizer}.safetensors, state.json, MANIFEST.sha256
//! checkpoints/LATEST      the name of the newest, written after the checkpoint is complete
//! checkpoints/BEST        the name of the best by some metric
//! ```
//!
//! A checkpoint is written into a hidden directory beside its place, synchronised file by file and
//! moved there in one piece; it leaves the same way. LATEST is written last. So whenever the process
//! is killed, the latest checkpoint is complete, and what the save had not done yet is done when the
//! steps after the latest checkpoint are taken again.

use std::{fmt, fs, io::ErrorKind, path::PathBuf};

use super::{Retention, STATE, Snapshot, manifest};
use crate::{Error, Result, disk, durable};

const LATEST: &str = "LATEST";
pub(super) const BEST: &str = "BEST";
const UNFINISHED: &str = ".unfinished-";
const REMOVED: &str = ".removed-";

/// The checkpoints of one run.
#[derive(Debug)]
pub struct CheckpointStore {
    pub(super) directory: PathBuf,
    guard: Option<Guard>,
}

/// What is asked before each save.
struct Guard(Box<dyn Fn() -> Result<()>>);

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl CheckpointStore {
    /// The store in `directory`, for reading as well as for writing. Changes nothing there: another
    /// process may be training. The first save creates the directory, in one that is there then.
    ///
    /// # Errors
    /// If there is something that cannot be read as a directory.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        let store = Self {
            directory,
            guard: None,
        };
        store.names()?;
        Ok(store)
    }

    /// The store with a question that is asked before each save, and an error of which lets it fail
    /// before anything is written: whether the directory is still that of the run, say.
    pub fn guarded(mut self, guard: impl Fn() -> Result<()> + 'static) -> Self {
        self.guard = Some(Guard(Box::new(guard)));
        self
    }

    /// Removes what a killed process left unfinished: half-written files, and checkpoints newer than
    /// the latest, which it could not make the latest any more. LATEST then names the latest. Only
    /// for the process that holds the run's lock.
    ///
    /// # Errors
    /// If the directory is a symbolic link, too: what it leads to is not this store's to clean.
    pub fn recover(&self) -> Result<()> {
        disk::require_no_link(&self.directory)?;
        for name in self.names()? {
            let path = self.directory.join(&name);
            if name.starts_with(UNFINISHED) || name.starts_with(REMOVED) {
                disk::remove_directory(&path)?;
            } else if name.ends_with(durable::TEMPORARY) {
                disk::remove_file(&path)?;
            }
        }
        let Some(latest) = self.latest_step()? else {
            return Ok(());
        };
        for step in self.steps()? {
            if step > latest {
                self.discard(step)?;
            }
        }
        self.point(LATEST, latest)
    }

    /// Writes a checkpoint, makes the one of step `best` the best if it is there, removes those that
    /// `retention` does not keep, and makes the new one the latest.
    ///
    /// # Errors
    /// If that fails; what the guard says then is the reason.
    pub fn save(
        &self,
        snapshot: &Snapshot,
        best: Option<u64>,
        retention: &Retention,
    ) -> Result<()> {
        let guard = || self.guard.as_ref().map_or(Ok(()), |Guard(guard)| guard());
        guard()?;
        self.write(snapshot, best, retention)
            .map_err(|error| guard().err().unwrap_or(error))
    }

    fn write(&self, snapshot: &Snapshot, best: Option<u64>, retention: &Retention) -> Result<()> {
        disk::make_directory(&self.directory)?;
        let name = name_of(snapshot.step);
        let unfinished = self.directory.join(format!("{UNFINISHED}{name}"));
        disk::remove_directory(&unfinished)?;
        disk::make_directory(&unfinished)?;
        manifest::write(&unfinished, &snapshot.to_files()?)?;
        self.discard(snapshot.step)?; // from a run that was killed before it could make it the latest
        durable::rename(&unfinished, &self.place(snapshot.step))?;
        if let Some(best) = best
            && self.place(best).is_dir()
        {
            self.point(BEST, best)?;
        }
        for step in retention.dropped(&self.steps()?, snapshot.step, self.best_step()?) {
            self.discard(step)?;
        }
        self.point(LATEST, snapshot.step)
    }

    /// The latest checkpoint, if there is any: the one LATEST names or, where that is not there, the
    /// one of the highest step.
    ///
    /// # Errors
    /// If it is damaged, with the steps of the older ones that are not, and what to remove to go on
    /// from the one before: steps are not taken again without a word. If LATEST is empty or damaged,
    /// or names a checkpoint where none is left.
    pub fn latest(&self) -> Result<Option<Snapshot>> {
        let Some(step) = self.latest_step()? else {
            return Ok(None);
        };
        match self.load(step) {
            Err(Error::Checkpoint { file, problem }) => {
                let mut older = self.steps()?;
                older.retain(|older| *older < step && self.load(*older).is_ok());
                let way_out = match older.is_empty() {
                    true => "no older checkpoint is intact".to_owned(),
                    false => format!(
                        "remove {} to go on from the checkpoint before it (intact: step {})",
                        self.place(step).display(),
                        older
                            .iter()
                            .map(u64::to_string)
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                };
                let problem = format!("{problem}; {way_out}");
                Err(Error::Checkpoint { file, problem })
            }
            other => other.map(Some),
        }
    }

    /// The step of the best checkpoint, if one was marked and is still there.
    pub fn best_step(&self) -> Result<Option<u64>> {
        self.named_by(BEST)
    }

    /// The best checkpoint, if one was marked.
    pub fn best(&self) -> Result<Option<Snapshot>> {
        self.best_step()?.map(|step| self.load(step)).transpose()
    }

    /// The checkpoint of `step`, verified.
    ///
    /// # Errors
    /// Names the file that is missing, altered, no such file, or of another step.
    pub fn load(&self, step: u64) -> Result<Snapshot> {
        let directory = self.place(step);
        let snapshot = Snapshot::from_files(&directory, &manifest::read(&directory)?)?;
        if snapshot.step == step {
            return Ok(snapshot);
        }
        Err(Error::Checkpoint {
            file: directory.join(STATE),
            problem: format!("is of step {}, not of step {step}", snapshot.step),
        })
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

    fn latest_step(&self) -> Result<Option<u64>> {
        if let Some(step) = self.named_by(LATEST)? {
            return Ok(Some(step));
        }
        let newest = self.steps()?.last().copied();
        let pointer = self.directory.join(LATEST);
        match (newest, fs::read_to_string(&pointer)) {
            // It may name one that was removed to go on from the one before, or a newer one's save
            // was killed.
            (None, Ok(name)) => Err(Error::Checkpoint {
                file: pointer,
                problem: format!(
                    "names {}, and no checkpoint is there; put the checkpoints back as they were, \
                     or start a new run in another directory",
                    name.trim()
                ),
            }),
            _ => Ok(newest),
        }
    }

    fn place(&self, step: u64) -> PathBuf {
        self.directory.join(name_of(step))
    }

    /// Removes a checkpoint, if it is there. Nobody sees half of it: it is moved away first.
    fn discard(&self, step: u64) -> Result<()> {
        let place = self.place(step);
        let removed = self.directory.join(format!("{REMOVED}{}", name_of(step)));
        disk::remove_directory(&removed)?;
        // Whatever has its name: a link that leads nowhere would be in the way as well.
        if fs::symlink_metadata(&place).is_ok() {
            durable::rename(&place, &removed)?;
        }
        disk::remove_directory(&removed)
    }

    fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io(&self.directory))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io(&self.directory))?;
            names.extend(entry.file_name().into_string().ok());
        }
        Ok(names)
    }

    /// Lets a pointer name a checkpoint.
    fn point(&self, pointer: &str, step: u64) -> Result<()> {
        if self.named_by(pointer)? == Some(step) {
            return Ok(());
        }
        durable::replace(&self.directory.join(pointer), name_of(step).as_bytes())
    }

    /// The step that a pointer names, if its checkpoint is there.
    fn named_by(&self, pointer: &str) -> Result<Option<u64>> {
        let file = self.directory.join(pointer);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(file)(error)),
        };
        let name = String::from_utf8_lossy(&bytes);
        match step_of(name.trim()) {
            Some(step) => Ok(Some(step).filter(|step| self.place(*step).is_dir())),
            None => Err(Error::Checkpoint {
                problem: format!(
                    "`{}` is not the name of a checkpoint; {}",
                    name.trim(),
                    self.way_out_of(pointer)?
                ),
                file,
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

#[cfg(test)]
mod tests;
