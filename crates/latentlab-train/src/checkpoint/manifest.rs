//! The files of one checkpoint, verified when read: a manifest beside them holds their hashes.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use sha2::{Digest, Sha256};

use super::FILES;
use crate::{Error, Result, disk, durable};

/// The lines of `sha256sum`, in the order of the names.
const MANIFEST: &str = "MANIFEST.sha256";

/// Writes files and their manifest, and waits until they are on the disk.
pub(super) fn write(directory: &Path, files: &BTreeMap<&'static str, Vec<u8>>) -> Result<()> {
    let mut manifest = String::new();
    for (name, bytes) in files {
        durable::write(&directory.join(name), bytes)?;
        manifest.push_str(&format!("{}  {name}\n", sha256(bytes)));
    }
    durable::write(&directory.join(MANIFEST), manifest.as_bytes())?;
    disk::sync_directory(directory)
}

/// The files that the manifest names.
///
/// # Errors
/// Names the first file that is missing or altered.
pub(super) fn read(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let manifest_file = directory.join(MANIFEST);
    let manifest = read_file(&manifest_file)?;
    let mut files = BTreeMap::new();
    for line in String::from_utf8_lossy(&manifest).lines() {
        let entry = line
            .split_once("  ")
            .filter(|(_, name)| FILES.contains(name));
        let (hash, name) = entry.ok_or_else(|| Error::Checkpoint {
            file: manifest_file.clone(),
            problem: format!("`{line}` is not the hash and name of a file of a checkpoint"),
        })?;
        let file = directory.join(name);
        let bytes = read_file(&file)?;
        let found = sha256(&bytes);
        if found != hash {
            let problem = format!("altered: its SHA-256 is {found}, the manifest says {hash}");
            return Err(Error::Checkpoint { file, problem });
        }
        files.insert(name.to_owned(), bytes);
    }
    Ok(files)
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read_file(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::Checkpoint {
            file: file.to_owned(),
            problem: "missing from the checkpoint".to_owned(),
        },
        _ => Error::io(file)(error),
    })
}
