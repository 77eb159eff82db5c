//! The records and pictures of a run as a file of events that TensorBoard reads while it grows.
//!
//! The file is a function of `metrics.jsonl` and the pictures: it is written anew from them when a
//! run is taken up, so that it never holds a step that the run did not take. Its times are seconds
//! of training, not of the day.

mod event;

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Observer, View, pictures};
use crate::{
    Error, Record, Result, StopReason,
    disk::{self, File},
    durable,
};
use event::{Event, framed};

/// The name by which TensorBoard knows a file of events.
const FILE: &str = "events.out.tfevents.0.latentlab";
/// What the names of the pictures begin with.
const PREFIX: &str = "step";

/// Appends every record and every picture to a file of events.
///
/// It stands after [`Pictures`](super::Pictures), whose files it reads, and after
/// [`MetricsFile`](super::MetricsFile), so that the events are never ahead of the records.
#[derive(Debug)]
pub struct TensorBoard {
    file: File,
    folders: Vec<PathBuf>,
    /// Seconds of training at the last record.
    seconds: f64,
}

impl TensorBoard {
    /// Writes the events of `records`, and of the pictures `step-000500.png` in `folders` up to
    /// `step`, to a file in `directory`, which is made if need be, and goes on after them. An image
    /// is shown under the name of its folder.
    ///
    /// # Errors
    /// If the file cannot be written or a picture cannot be read.
    pub fn open(
        directory: &Path,
        records: &[Record],
        step: u64,
        folders: Vec<PathBuf>,
    ) -> Result<Self> {
        disk::make_directory(directory)?;
        let path = directory.join(FILE);
        let (bytes, seconds) = history(records, step, &folders)?;
        durable::replace(&path, &bytes)?;
        Ok(Self {
            file: File::append(&path)?,
            folders,
            seconds,
        })
    }
}

impl Observer for TensorBoard {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        let mut bytes = Vec::new();
        if !record.is_empty() {
            self.seconds = record.elapsed_s;
            bytes.extend(framed(&Event::scalars(record)));
        }
        for folder in &self.folders {
            let picture = folder.join(pictures::name(PREFIX, view.step));
            if picture.is_file() {
                bytes.extend(image(self.seconds, view.step, &picture)?);
            }
        }
        self.file.write(&bytes)?;
        Ok(None)
    }
}

/// The events of records and pictures in the order in which a run would have written them, and the
/// seconds of training at the last.
fn history(records: &[Record], step: u64, folders: &[PathBuf]) -> Result<(Vec<u8>, f64)> {
    let mut drawn = Vec::new();
    for (place, folder) in folders.iter().enumerate() {
        let pictures = pictures::numbered_pictures(folder, PREFIX)?.into_iter();
        drawn.extend(pictures.map(|(step, picture)| (step, place, picture)));
    }
    drawn.retain(|(drawn, ..)| *drawn <= step);
    drawn.sort();
    let mut drawn = drawn.into_iter().peekable();
    let (mut bytes, mut seconds) = (framed(&Event::version()), 0.0);
    for record in records {
        while let Some((step, _, picture)) = drawn.next_if(|(step, ..)| *step < record.step) {
            bytes.extend(image(seconds, step, &picture)?);
        }
        seconds = record.elapsed_s;
        bytes.extend(framed(&Event::scalars(record)));
    }
    for (step, _, picture) in drawn {
        bytes.extend(image(seconds, step, &picture)?);
    }
    Ok((bytes, seconds))
}

fn image(seconds: f64, step: u64, picture: &Path) -> Result<Vec<u8>> {
    let png = fs::read(picture).map_err(Error::io(picture))?;
    let folder = picture.parent().and_then(Path::file_name);
    let tag = folder.unwrap_or_default().to_string_lossy();
    let event = Event::image(seconds, step, &tag, png).map_err(|problem| {
        let problem = std::io::Error::new(std::io::ErrorKind::InvalidData, problem);
        Error::io(picture)(problem)
    })?;
    Ok(framed(&event))
}

#[cfg(test)]
mod tests;
