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
};
use latentlab_core::numbers;

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
mod tests;
