//! Draws what the model makes now and then.

use std::{fs, path::PathBuf};

use latentlab_core::GenerativeModel;

use super::{Observer, View};
use crate::{Error, Picture, Record, Result, StopReason, durable};

/// A drawing of a model; none if the model cannot do what would be drawn.
type Draw = Box<dyn FnMut(&dyn GenerativeModel) -> Result<Option<Picture>>>;

/// Writes `<directory>/<prefix>-000500.png` every `every` steps and at the end.
pub struct Pictures {
    /// Steps between two pictures.
    pub every: u64,
    /// Draws the shown model.
    pub draw: Draw,
    /// Where the files go; created with the first.
    pub directory: PathBuf,
    /// What their names begin with.
    pub prefix: String,
}

impl Observer for Pictures {
    fn observe(&mut self, view: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
        if view.is_due(self.every)
            && let Some(picture) = (self.draw)(view.shown)?
        {
            fs::create_dir_all(&self.directory).map_err(Error::io(&self.directory))?;
            let name = format!("{}-{:06}.png", self.prefix, view.step);
            durable::replace(&self.directory.join(name), &picture.to_png())?;
        }
        Ok(None)
    }
}
