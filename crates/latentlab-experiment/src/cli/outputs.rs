//! Files that a command writes where it is told to.

use std::{fs, path::Path};

use crate::{Error, Experiment, Result};

/// Refuses to write `file` among the pictures of a folder that `experiment` was trained on: it would be
/// one of them from then on, and the data another set. Run directories are no data.
///
/// # Errors
/// If it lies there.
pub(super) fn refuse_among_data(file: &Path, experiment: &Experiment) -> Result<()> {
    let dir = experiment.data.get("dir").and_then(toml::Value::as_str);
    let Some(data) = dir.and_then(|dir| fs::canonicalize(dir).ok()) else {
        return Ok(());
    };
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
    let Ok(folder) = folder else {
        return Ok(());
    };
    let within_a_run = folder
        .ancestors()
        .take_while(|above| above.starts_with(&data))
        .any(|above| above.join("run.json").is_file());
    if !folder.starts_with(&data) || within_a_run {
        return Ok(());
    }
    Err(Error::Argument(format!(
        "--out {}: lies among the data of the run, {}, and would be one of its pictures from then on; \
         name another place",
        file.display(),
        data.display()
    )))
}
