//! The records of a run as a file: one flat JSON object a line, append-only.
//!
//! `{"step":500,"elapsed_s":12.5,"generator/loss":0.7}`. Numbers that are not finite have no JSON;
//! they are written as `null` and read back as NaN.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{Observer, View};
use crate::{
    Error, Record, Result, StopReason,
    disk::{self, File},
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
    pub fn open(
        path: impl Into<PathBuf>,
        step: u64,
        every: u64,
        best: Option<&str>,
    ) -> Result<Self> {
        let path = path.into();
        let file = File::append(&path)?;
        let kept: usize = lines(&path)?
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

/// The records of a file, in order. A last line that was torn is left out.
///
/// # Errors
/// Names the line that is not a record.
pub fn read_metrics(path: impl AsRef<Path>) -> Result<Vec<Record>> {
    let records = lines(path.as_ref())?.into_iter();
    Ok(records.map(|(record, _)| record).collect())
}

/// The records of a file, each with the length of its line in bytes.
fn lines(path: &Path) -> Result<Vec<(Record, usize)>> {
    let text = fs::read(path).map_err(Error::io(path))?;
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut records = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match from_json(line) {
            Ok(record) if line.ends_with(b"\n") => records.push((record, line.len())),
            Err(problem) if index + 1 < lines.len() => {
                let (file, line) = (path.to_owned(), index + 1);
                return Err(Error::Metrics {
                    file,
                    line,
                    problem,
                });
            }
            _ => {} // torn by a kill or a power cut
        }
    }
    Ok(records)
}

fn to_json(record: &Record) -> Value {
    let mut object = Map::new();
    object.insert(STEP.to_owned(), record.step.into());
    object.insert(ELAPSED.to_owned(), record.elapsed_s.into());
    for (name, value) in record.iter() {
        object.insert(name.to_owned(), value.into());
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
        let value = match value {
            Value::Null => f64::NAN,
            other => other
                .as_f64()
                .ok_or_else(|| format!("`{name}` is not a number"))?,
        };
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

    fn write(path: &Path, steps: impl IntoIterator<Item = u64>) {
        let mut file = open(path, u64::MAX);
        let scene = Scene::new();
        for step in steps {
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
    }

    #[test]
    fn numbers_that_are_not_finite_come_back_as_nan() {
        let mut record = Record::new(1, 0.0);
        record.insert("loss", f64::INFINITY);
        let line = to_json(&record).to_string();
        assert_eq!(line, "{\"step\":1,\"elapsed_s\":0.0,\"loss\":null}");
        assert!(
            from_json(line.as_bytes())
                .unwrap()
                .get("loss")
                .unwrap()
                .is_nan()
        );
    }

    proptest! {
        #![proptest_config(latentlab_testing::cases(256))]

        #[test]
        fn every_finite_number_comes_back_bit_by_bit(
            value in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        ) {
            let mut record = Record::new(1, 0.5);
            record.insert("loss", value);
            let back = from_json(to_json(&record).to_string().as_bytes()).unwrap();
            prop_assert_eq!(back.get("loss").unwrap().to_bits(), value.to_bits());
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
