//! Files that are either complete or not there, also after a power cut.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use crate::{Error, Result};

/// How the names of files end that are about to replace another.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Writes a file and waits until it is on the disk.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(Error::io(path))?;
    file.write_all(bytes).map_err(Error::io(path))?;
    file.sync_all().map_err(Error::io(path))
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
    fs::rename(from, to).map_err(Error::io(to))?;
    match to.parent() {
        Some(directory) => sync_directory(directory),
        None => Ok(()),
    }
}

/// Waits until the names in a directory are on the disk. Only Unix can open a directory for that.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    if cfg!(unix) && !directory.as_os_str().is_empty() {
        let opened = File::open(directory).map_err(Error::io(directory))?;
        opened.sync_all().map_err(Error::io(directory))?;
    }
    Ok(())
}
