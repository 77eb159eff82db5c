//! Files that are either complete or not there, also after a power cut.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use crate::{
    Error, Result,
    disk::{self, File},
};

/// How the names of files end that are about to replace another.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Writes a file and waits until it is on the disk.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = File::create(path)?;
    file.write(bytes)?;
    file.sync()
}

/// Replaces a file in one move: readers see the old bytes or the new ones.
///
/// # Errors
/// Names the file that could not be written or moved.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    write(temporary.as_ref(), bytes)?;
    rename(temporary.as_ref(), path)
}

/// Replaces a file as [`replace`] does or, where the disk has no room for a second file, overwrites it
/// in its place, which needs room only for what is longer than before. For the word on how a run has
/// ended, which matters most when the disk is full: a kill in between may leave half of it.
///
/// # Errors
/// Names the file that could not be written.
pub fn replace_or_overwrite(path: &Path, bytes: &[u8]) -> Result<()> {
    match replace(path, bytes) {
        Err(Error::Io { source, .. }) if is_full(&source) && path.is_file() => {
            let mut temporary = path.as_os_str().to_owned();
            temporary.push(TEMPORARY);
            disk::remove_file(temporary.as_ref()).ok(); // it may not have come that far
            let file = File::overwrite(path)?;
            file.write(bytes)?;
            file.truncate(bytes.len() as u64)?;
            file.sync()
        }
        other => other,
    }
}

/// Whether there is no room: on the disk, or in what its owner may use of it.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Moves a file or a directory within its directory, and waits until that is on the disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    disk::rename(from, to)?;
    match to.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => disk::sync_directory(directory),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::disk::{Extent, Fault, Operation, with_faults};

    /// What is left of `before` after `after` is written where operations on names that end so fail.
    fn left(ending: &'static str, kind: ErrorKind, before: &str, after: &str) -> (String, bool) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.json");
        fs::write(&file, before).unwrap();
        let decide = move |operation, path: &Path| {
            let fails = operation == Operation::Write && path.to_string_lossy().ends_with(ending);
            fails.then(|| Fault {
                extent: Extent::Half,
                error: kind.into(),
            })
        };
        let written = with_faults(decide, || replace_or_overwrite(&file, after.as_bytes()));
        assert_eq!(
            fs::read_dir(&folder).unwrap().count(),
            if written.is_ok() { 1 } else { 2 }
        );
        (fs::read_to_string(&file).unwrap(), written.is_ok())
    }

    #[test]
    fn without_room_for_a_second_file_the_first_is_overwritten() {
        for (before, after) in [
            ("running", "failed"),
            ("run", "interrupted"),
            ("", "failed"),
        ] {
            for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
                let whole = (after.to_owned(), true);
                assert_eq!(left(".tmp", kind, before, after), whole);
            }
        }
    }

    #[test]
    fn another_failure_leaves_the_file_as_it_was() {
        let (text, written) = left(".tmp", ErrorKind::PermissionDenied, "running", "failed");
        assert_eq!((text.as_str(), written), ("running", false));
    }

    #[test]
    fn with_room_it_replaces() {
        assert_eq!(
            left(".none", ErrorKind::Other, "running", "failed").0,
            "failed"
        );
    }
}
