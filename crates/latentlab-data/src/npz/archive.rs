//! The arrays in an `.npz` file, which is a zip archive of `.npy` files.

use std::{io::Cursor, path::Path};

use zip::ZipArchive;

use super::names::PartNames;
use crate::{
    Error, Result, npy,
    parts::{Found, Part},
};

/// Arrays that are listed in an error, at most.
const LISTED: usize = 20;

/// An `.npz` file in memory.
pub(super) struct Archive<'a> {
    path: &'a Path,
    archive: ZipArchive<Cursor<Vec<u8>>>,
    /// The most bytes that one array can have.
    most: u64,
}

impl<'a> Archive<'a> {
    pub fn open(path: &'a Path, bytes: Vec<u8>, most: u64) -> Result<Self> {
        let archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Error::file(path, format!("is no .npz or .npy file: {error}")))?;
        Ok(Self {
            path,
            archive,
            most,
        })
    }

    /// The names of all arrays, in the order of the file.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names();
        let names = names.filter_map(|name| {
            let name = name.ok()?;
            name.strip_suffix(".npy").map(str::to_owned)
        });
        names.collect()
    }

    /// Whether there is an array of this name.
    pub fn has(&self, name: &str) -> bool {
        let entry = format!("{name}.npy");
        self.archive.index_for_name(&entry).is_some()
    }

    /// The arrays of these names, where images are named.
    pub fn part(&mut self, names: PartNames) -> Result<Option<Part>> {
        let Some(images) = names.images else {
            return Ok(None);
        };
        let images = self.array(&images)?;
        let labels = names.labels.map(|labels| self.array(&labels)).transpose()?;
        Ok(Some(Part { images, labels }))
    }

    fn array(&mut self, name: &str) -> Result<Found> {
        let entry = format!("{name}.npy");
        let path = self.path.join(&entry);
        let stream = self.archive.by_name(&entry);
        let stream = stream.map_err(|error| Error::file(&path, error.to_string()))?;
        let array = npy::read(&path, stream, self.most)?;
        Ok(Found { path, array })
    }

    /// An error that names what the file lacks and lists what it holds.
    pub fn without(&mut self, what: &str) -> Error {
        Error::file(self.path, format!("holds no {what}; {}", self.listing()))
    }

    /// The arrays with their types and shapes, in words.
    pub fn listing(&mut self) -> String {
        let names = self.names();
        let mut listed = Vec::new();
        for name in names.iter().take(LISTED) {
            let entry = self.archive.by_name(&format!("{name}.npy"));
            let found = match entry {
                Ok(stream) => npy::describe(stream),
                Err(error) => error.to_string(),
            };
            listed.push(format!("{name} ({found})"));
        }
        let more = match names.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match listed.is_empty() {
            true => "it holds no array at all".to_owned(),
            false => format!("it holds {}{more}", listed.join(", ")),
        }
    }
}
