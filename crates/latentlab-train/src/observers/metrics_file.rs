//! The records of a run as a file: one flat JSON object a line, append-only.
//!
//! `{"step":500,"elapsed_s":12.5,"generator/loss":0.7}`. Numbers that are not finite are written as
//! [`numbers`] says, and so come back as they were.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{Observer, View};
use crate::{
    Error, Record, Result, StopReason,
    disk::{self, File},
    numbers,
};

const STEP: &str = "step";
const ELAPSED: &str = "elapsed_s";

/// Appends every record that holds a number to a file.
///
/// Placed before [`Checkpoints`](super::Checkpoints), it has the records on the disk before a
/// checkpoint that goes on from them: a resumed run reads there what it must remember.
#[derive(Debug)]
pub struct MetricsFile {
    file: File,
    every: u64,
    best: Option<String>,
}

impl MetricsFile {
    /// Continues `path` after `step` (0: from the start): lines of later steps are removed, also a
    /// last line that was torn. `every` and `best` say which steps leave a checkpoint: its interval,
    /// and the metric of the best.
    ///
    /// # Errors
    /// If the file is gone although steps are taken, a line is no record, or the last line is cut off
    /// although it is of a step up to `step`, whose records were on the disk before its checkpoint
    /// was: each with the way out, as the best checkpoint and the patience follow from the records.
    pub fn open(
        path: impl Into<PathBuf>,
        step: u64,
        every: u64,
        best: Option<&str>,
    ) -> Result<Self> {
        let path = path.into();
        if step > 0 && !path.exists() {
            let problem = format!(
                "is gone, though {step} steps are taken; put it back, or make an empty file of that \
                 name to go on as if nothing had been recorded: the best checkpoint and the \
                 patience then begin anew"
            );
            return Err(Error::Lost {
                file: path,
                problem,
            });
        }
        let file = File::append(&path)?;
        let Lines { whole, torn } = lines(&path)?;
        if let Some(torn) = torn
            && torn.step.is_some_and(|torn| torn <= step)
        {
            let line = whole.len() + 1;
            let problem = format!("is cut off, though step {step} was saved after it; {MEND}");
            return Err(Error::Metrics {
                file: path,
                line,
                problem,
            });
        }
        let kept: usize = whole
            .iter()
            .take_while(|(record, _)| record.step <= step)
            .map(|(_, length)| length)
            .sum();
        file.truncate(kept as u64)?;
        if let Some(directory) = path.parent() {
            disk::sync_directory(directory)?;
        }
        let best = best.map(str::to_owned);
        Ok(Self { file, every, best })
    }

    /// Whether a checkpoint may be saved in this step.
    fn is_relied_on(&self, view: &View<'_>, record: &Record) -> bool {
        let best = self.best.as_ref().and_then(|metric| record.get(metric));
        best.is_some() || view.is_kept(self.every)
    }
}

impl Observer for MetricsFile {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        if !record.is_empty() {
            // One write, so that a reader never sees half of a line that was not torn by a kill.
            let line = format!("{}\n", to_json(record));
            self.file.write(line.as_bytes())?;
        }
        if self.is_relied_on(view, record) {
            self.file.sync()?;
        }
        Ok(None)
    }
}

/// The way out of a line that is damaged.
const MEND: &str = "put the line right, or remove it to go on without it";

/// The records of a file, in order. A last line that was torn is left out.
///
/// # Errors
/// Names the line that is not a record, with the way out.
pub fn read_metrics(path: impl AsRef<Path>) -> Result<Vec<Record>> {
    let records = lines(path.as_ref())?.whole.into_iter();
    Ok(records.map(|(record, _)| record).collect())
}

/// What a file holds.
struct Lines {
    /// The records, each with the length of its line in bytes.
    whole: Vec<(Record, usize)>,
    /// A last line that has no end.
    torn: Option<Torn>,
}

/// A line that was torn by a kill, a power cut or something worse.
struct Torn {
    /// Its step, if that much of it is there.
    step: Option<u64>,
}

fn lines(path: &Path) -> Result<Lines> {
    let text = fs::read(path).map_err(Error::io(path))?;
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let (mut whole, mut torn) = (Vec::new(), None);
    for (index, line) in lines.iter().enumerate() {
        match from_json(line) {
            Ok(record) if line.ends_with(b"\n") => whole.push((record, line.len())),
            Err(problem) if index + 1 < lines.len() => {
                let (file, line) = (path.to_owned(), index + 1);
                let problem = format!("{problem}; {MEND}");
                return Err(Error::Metrics {
                    file,
                    line,
                    problem,
                });
            }
            _ => {
                torn = Some(Torn {
                    step: step_of(line),
                })
            }
        }
    }
    Ok(Lines { whole, torn })
}

/// The step of a line that may be cut off, if the number is whole.
fn step_of(line: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(line);
    let rest = text.strip_prefix("{\"step\":")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
    rest[..end].parse().ok()
}

fn to_json(record: &Record) -> Value {
    let mut object = Map::new();
    object.insert(STEP.to_owned(), record.step.into());
    object.insert(ELAPSED.to_owned(), numbers::to_json(record.elapsed_s));
    for (name, value) in record.iter() {
        object.insert(name.to_owned(), numbers::to_json(value));
    }
    Value::Object(object)
}

fn from_json(line: &[u8]) -> Result<Record, String> {
    let object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let step = object
        .get(STEP)
        .and_then(Value::as_u64)
        .ok_or("`step` is not a whole number")?;
    let mut record = Record::new(step, 0.0);
    for (name, value) in object {
        let value =
            numbers::from_json(&value).ok_or_else(|| format!("`{name}` is not a number"))?;
        match name.as_str() {
            STEP => {}
            ELAPSED => record.elapsed_s = value,
            _ => record.insert(name, value),
        }
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observers::scene::{Scene, record};

    fn open(path: &Path, step: u64) -> MetricsFile {
        MetricsFile::open(path, step, 40, Some("elbo")).unwrap()
    }

    fn write(path: &Path, new: impl IntoIterator<Item = u64>) {
        let written = if path.exists() {
            steps(path)
        } else {
            Vec::new()
        };
        let mut file = open(path, written.last().copied().unwrap_or(0));
        let scene = Scene::new();
        for step in new {
            let mut record = Record::new(step, step as f64 / 3.0);
            record.insert("generator/loss", (step as f64).sqrt());
            scene.observe(&mut file, step, &mut record).unwrap();
        }
    }

    fn steps(path: &Path) -> Vec<u64> {
        read_metrics(path)
            .unwrap()
            .iter()
            .map(|record| record.step)
            .collect()
    }

    #[test]
    fn a_line_begins_with_step_and_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        write(&path, [4]);
        let line = "{\"step\":4,\"elapsed_s\":1.3333333333333333,\"generator/loss\":2.0}\n";
        assert_eq!(fs::read_to_string(path).unwrap(), line);
    }

    #[test]
    fn a_step_without_numbers_leaves_no_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        let mut file = open(&path, 0);
        Scene::new()
            .observe(&mut file, 1, &mut Record::new(1, 0.0))
            .unwrap();
        assert_eq!(steps(&path), [0u64; 0]);
    }

    #[test]
    fn the_records_of_every_step_that_may_leave_a_checkpoint_are_synced() {
        let directory = tempfile::tempdir().unwrap();
        let file = open(&directory.path().join("metrics.jsonl"), 0);
        let scene = Scene::new();
        for (step, metric, synced) in [
            (39, "loss", false),
            (39, "elbo", true),
            (40, "loss", true),
            (100, "loss", true), // the last
        ] {
            let mut seen = None;
            let mut spy = Spy {
                file: &file,
                seen: &mut seen,
            };
            let mut record = record(step, &[(metric, 1.0)]);
            scene.observe(&mut spy, step, &mut record).unwrap();
            assert_eq!(seen, Some(synced), "step {step}, {metric}");
        }
    }

    struct Spy<'a> {
        file: &'a MetricsFile,
        seen: &'a mut Option<bool>,
    }

    impl Observer for Spy<'_> {
        fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
            *self.seen = Some(self.file.is_relied_on(view, record));
            Ok(None)
        }
    }

    #[test]
    fn opening_removes_the_lines_after_the_step() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        write(&path, 1..=9);
        drop(open(&path, 5));
        assert_eq!(steps(&path), [1, 2, 3, 4, 5]);
        drop(open(&path, 0));
        assert_eq!(steps(&path), [0u64; 0]);
    }

    #[test]
    fn a_file_that_is_gone_after_steps_is_an_error_with_a_way_out_that_works() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        let message = MetricsFile::open(&path, 40, 40, None)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("metrics.jsonl: is gone, though 40 steps are taken; put it back"),
            "{message}"
        );
        assert!(!path.exists());
        fs::write(&path, "").unwrap();
        MetricsFile::open(&path, 40, 40, None).unwrap();
    }

    #[test]
    fn a_line_that_is_cut_off_is_damage_up_to_the_checkpoint_and_a_kill_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        for torn in [
            "{\"step\":3,\"elapsed_s\":1.0,\"gener",
            "{\"step\":3,\"elapsed_s\":1.0}",
            "{\"step\":3,\"elapsed_s\":\n",
        ] {
            write(&path, 1..=2);
            let mut text = fs::read_to_string(&path).unwrap();
            text.push_str(torn);
            fs::write(&path, &text).unwrap();
            for step in [3, 4] {
                let error = MetricsFile::open(&path, step, 40, None).unwrap_err();
                let message = error.to_string();
                let expected =
                    format!("line 3: is cut off, though step {step} was saved after it;");
                assert!(message.contains(&expected), "{message}");
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
            }
            drop(open(&path, 2));
            assert_eq!(steps(&path), [1, 2]);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        fs::write(
            &path,
            "{\"step\":1,\"elapsed_s\":1.0}\nhello\n{\"step\":3}\n",
        )
        .unwrap();
        let message = read_metrics(&path).unwrap_err().to_string();
        assert!(message.contains("metrics.jsonl, line 2: "), "{message}");
        assert!(message.ends_with(MEND), "{message}");
    }

    #[test]
    fn numbers_that_are_not_finite_come_back_and_the_null_of_earlier_versions_is_nan() {
        let mut record = Record::new(1, 0.0);
        for (name, value) in [
            ("high", f64::INFINITY),
            ("low", f64::NEG_INFINITY),
            ("none", f64::NAN),
        ] {
            record.insert(name, value);
        }
        let line = to_json(&record).to_string();
        assert_eq!(
            line,
            "{\"step\":1,\"elapsed_s\":0.0,\"high\":\"inf\",\"low\":\"-inf\",\"none\":\"nan\"}"
        );
        let back = from_json(line.as_bytes()).unwrap();
        assert_eq!(back.get("high"), Some(f64::INFINITY));
        assert_eq!(back.get("low"), Some(f64::NEG_INFINITY));
        assert!(back.get("none").unwrap().is_nan());
        let old = from_json(b"{\"step\":1,\"elapsed_s\":0.0,\"loss\":null}").unwrap();
        assert!(old.get("loss").unwrap().is_nan());
        let other = from_json(b"{\"step\":1,\"loss\":\"lots\"}");
        assert_eq!(other.unwrap_err(), "`loss` is not a number");
    }

    proptest! {
        #[test]
        fn every_number_comes_back_bit_by_bit(value in prop::num::f64::ANY) {
            let mut record = Record::new(1, 0.5);
            record.insert("loss", value);
            let back = from_json(to_json(&record).to_string().as_bytes()).unwrap();
            let back = back.get("loss").unwrap();
            prop_assert!(back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()));
        }

        #[test]
        fn any_prefix_of_the_file_can_be_continued(length in 0usize..400) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("metrics.jsonl");
            write(&path, 1..=5);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..length.min(bytes.len())]).unwrap();
            let last = steps(&path).last().copied().unwrap_or(0);
            write(&path, last + 1..=5);
            prop_assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
}
