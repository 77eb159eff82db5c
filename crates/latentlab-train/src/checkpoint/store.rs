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

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{Retention, STATE, Snapshot, manifest};
use crate::{Error, Record, Result, disk, durable};

const LATEST: &str = "LATEST";
const BEST: &str = "BEST";
const UNFINISHED: &str = ".unfinished-";
const REMOVED: &str = ".removed-";

/// The checkpoints of one run.
#[derive(Debug)]
pub struct CheckpointStore {
    directory: PathBuf,
}

impl CheckpointStore {
    /// The store in `directory`, for reading as well as for writing. Changes nothing there: another
    /// process may be training. The first save creates the directory.
    ///
    /// # Errors
    /// If there is something that cannot be read as a directory.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        let store = Self { directory };
        store.names()?;
        Ok(store)
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
    pub fn save(
        &self,
        snapshot: &Snapshot,
        best: Option<u64>,
        retention: &Retention,
    ) -> Result<()> {
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

    /// The latest checkpoint of a run that is known to have saved one at step `saved` or later (0: not
    /// known), for example by [`surely_saved`](crate::observers::surely_saved).
    ///
    /// # Errors
    /// As [`latest`](Self::latest), and if none is there although one was saved: steps are not taken
    /// again from the first without a word.
    pub fn latest_of(&self, saved: u64) -> Result<Option<Snapshot>> {
        let latest = self.latest()?;
        if latest.is_some() || saved == 0 {
            return Ok(latest);
        }
        let problem = format!(
            "holds no checkpoint, though one was saved at step {saved} or later; put the folder back \
             as it was, or start a new run in another directory"
        );
        Err(Error::Lost {
            file: self.directory.clone(),
            problem,
        })
    }

    /// Whether `records`, those of the file `metrics`, hold that of the best checkpoint, which was
    /// marked for a number in it. It is to be asked for before a run goes on: without that record
    /// another checkpoint would become the best.
    ///
    /// # Errors
    /// If not, with the way out.
    pub fn require_record_of_best(&self, metrics: &Path, records: &[Record]) -> Result<()> {
        let Some(best) = self.best_step()? else {
            return Ok(());
        };
        if records.iter().any(|record| record.step == best) {
            return Ok(());
        }
        let problem = format!(
            "has no record of step {best}, whose checkpoint is marked as the best by one; put the \
             file back as it was, or remove {} to let another checkpoint become the best",
            self.directory.join(BEST).display()
        );
        Err(Error::Lost {
            file: metrics.to_owned(),
            problem,
        })
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

    /// What to do about a pointer that is damaged.
    fn way_out_of(&self, pointer: &str) -> Result<String> {
        let mut steps = self.steps()?;
        steps.retain(|step| self.load(*step).is_ok());
        Ok(match (pointer, steps.last()) {
            (BEST, _) => "remove the file to let another checkpoint become the best".to_owned(),
            (_, None) => {
                "no checkpoint is intact: put them back as they were, or start a new run in \
                          another directory"
                    .to_owned()
            }
            (_, Some(newest)) => {
                format!("remove the file to go on from the newest intact checkpoint, step {newest}")
            }
        })
    }
}

fn name_of(step: u64) -> String {
    format!("step-{step:06}")
}

fn step_of(name: &str) -> Option<u64> {
    name.strip_prefix("step-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use candle_core::{Device, Tensor};
    use serde_json::json;

    use super::*;

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
                let way_out =
                    "; remove the file to go on from the newest intact checkpoint, step 1000";
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
}
