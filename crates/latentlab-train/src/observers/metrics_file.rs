//! The records of a run as a file: one flat JSON object a line, append-only.
//!
//! `{"step":500,"elapsed_s":12.5,"generator/loss":0.7}`. Numbers that are not finite have no JSON;
//! they are written as `null` and read back as NaN.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{Observer, View};
use crate::{Error, Record, Result, StopReason};

const STEP: &str = "step";
const ELAPSED: &str = "elapsed_s";

/// Appends every record that holds a number to a file.
#[derive(Debug)]
pub struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    /// Continues `path` after `step` (0: from the start): lines of later steps are removed, also a
    /// last line that was torn.
    pub fn open(path: impl Into<PathBuf>, step: u64) -> Result<Self> {
        let path = path.into();
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&path)
            .map_err(Error::io(&path))?;
        let kept: usize = lines(&path)?
            .iter()
            .take_while(|(record, _)| record.step <= step)
            .map(|(_, length)| length)
            .sum();
        file.set_len(kept as u64).map_err(Error::io(&path))?;
        Ok(Self { path, file })
    }
}

impl Observer for MetricsFile {
    fn observe(&mut self, _: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        if !record.is_empty() {
            // One write, so that a reader never sees half of a line that was not torn by a kill.
            let line = format!("{}\n", to_json(record));
            self.file
                .write_all(line.as_bytes())
                .map_err(Error::io(&self.path))?;
        }
        Ok(None)
    }
}

/// The records of a file, in order. A torn last line is left out.
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
    let whole = text
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b"\n"));
    whole
        .enumerate()
        .map(|(index, line)| {
            let record = from_json(line).map_err(|problem| Error::Checkpoint {
                file: path.to_owned(),
                problem: format!("line {} is not a record: {problem}", index + 1),
            })?;
            Ok((record, line.len()))
        })
        .collect()
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
