//! Files that are either complete or not there, also after a power cut.

use std::path::Path;

use crate::{
    Result,
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

/// Moves a file or a directory within its directory, and waits until that is on the disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    disk::rename(from, to)?;
    match to.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => disk::sync_directory(directory),
        _ => Ok(()),
    }
}
