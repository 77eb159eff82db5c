//! Draws what the model makes now and then.

use std::{
    fs,
    path::{Path, PathBuf},
};

use latentlab_core::GenerativeModel;

use super::{Observer, View};
use crate::{Error, Record, Result, StopReason, disk, durable};

/// A drawing of a model as the bytes of a PNG file; none if the model cannot do what would be drawn.
type Draw = Box<dyn FnMut(&dyn GenerativeModel) -> Result<Option<Vec<u8>>>>;

/// Writes `<directory>/<prefix>-000500.png` every `every` steps and at the end.
pub struct Pictures {
    /// Steps between two pictures.
    pub every: u64,
    /// Draws the shown model.
    pub draw: Draw,
    /// Where the files go; created with the first, in a directory that is there.
    pub directory: PathBuf,
    /// What their names begin with.
    pub prefix: String,
}

impl Observer for Pictures {
    fn observe(&mut self, view: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
        if view.is_due(self.every)
            && let Some(picture) = (self.draw)(view.shown)?
        {
            disk::make_directory(&self.directory)?;
            let name = name(&self.prefix, view.step);
            durable::replace(&self.directory.join(name), &picture)?;
        }
        Ok(None)
    }
}

/// The pictures `<prefix>-000500.png` in `directory` with their steps, in order; none if there is
/// no such directory.
///
/// # Errors
/// If the directory cannot be read.
pub fn numbered_pictures(directory: &Path, prefix: &str) -> Result<Vec<(u64, PathBuf)>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut pictures = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io(directory))? {
        let file = entry.map_err(Error::io(directory))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let number = name.strip_prefix(prefix).and_then(|rest| {
            let digits = rest.strip_prefix('-')?.strip_suffix(".png")?;
            digits.parse().ok()
        });
        pictures.extend(number.map(|step| (step, file)));
    }
    pictures.sort();
    Ok(pictures)
}

/// The file of the picture of a step.
pub(super) fn name(prefix: &str, step: u64) -> String {
    format!("{prefix}-{step:06}.png")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::scene::Scene;

    #[test]
    fn pictures_are_written_when_due_and_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let mut pictures = Pictures {
            every: 50,
            draw: Box::new(|_| Ok(Some(b"a picture".to_vec()))),
            directory: directory.path().join("samples"),
            prefix: "step".to_owned(),
        };
        for step in [49, 50, 51, 100] {
            Scene::new().answer(&mut pictures, step, &[]);
        }
        let entries = fs::read_dir(directory.path().join("samples")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["step-000050.png", "step-000100.png"]);
    }

    #[test]
    fn pictures_are_found_by_their_step_and_nothing_else_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for step in [1_000_000, 999_999, 500] {
            fs::write(path.join(name("step", step)), "").unwrap();
        }
        for other in ["step-000007.png.tmp", "grid-000500.png", "step-x.png"] {
            fs::write(path.join(other), "").unwrap();
        }
        let found = numbered_pictures(path, "step").unwrap();
        let steps: Vec<u64> = found.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [500, 999_999, 1_000_000]);
        assert_eq!(found[0].1, path.join("step-000500.png"));
        assert_eq!(numbered_pictures(&path.join("none"), "step").unwrap(), []);
    }

    #[test]
    fn a_model_that_cannot_be_drawn_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let samples = directory.path().join("samples");
        let mut pictures = Pictures {
            every: 1,
            draw: Box::new(|_| Ok(None)),
            directory: samples.clone(),
            prefix: "step".to_owned(),
        };
        Scene::new().answer(&mut pictures, 1, &[]);
        assert!(!samples.exists());
    }
}
