//! The directory that a run began in, known by more than its name.

use std::path::{Path, PathBuf};

use latentlab_train::{Error, Result};

/// A directory that may be moved, removed or replaced while a run writes into it.
///
/// A lock does not tell: it goes with the directory that is moved away, and another run may then
/// begin under the name.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    path: PathBuf,
    #[cfg(unix)]
    opened: std::sync::Arc<std::fs::File>,
}

impl Place {
    /// The directory that now has the name `path`.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            #[cfg(unix)]
            opened: std::fs::File::open(path).map_err(Error::io(path))?.into(),
        })
    }

    /// The name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the name still leads to the directory. Only Unix can tell.
    ///
    /// # Errors
    /// If it does not, or nobody can say.
    #[cfg(unix)]
    pub(crate) fn require(&self) -> Result<()> {
        use std::os::unix::fs::MetadataExt;

        let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
        let opened = self.opened.metadata().map(identity);
        let named = std::fs::metadata(&self.path).map(identity);
        match (opened, named) {
            (Ok(opened), Ok(named)) if opened == named => Ok(()),
            (Err(error), _) | (_, Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(&self.path)(error))
            }
            _ => {
                let problem = "was moved, removed or replaced while the run was under way; put it \
                               back and take the run up again with `resume`";
                Err(Error::io(&self.path)(std::io::Error::other(problem)))
            }
        }
    }

    /// Whether the name still leads to the directory. Only Unix can tell.
    #[cfg(not(unix))]
    pub(crate) fn require(&self) -> Result<()> {
        Ok(())
    }

    /// Why something failed that was done in the directory: because it is gone, if it is.
    pub(crate) fn reason<E: From<Error>>(&self, error: E) -> E {
        self.require().err().map_or(error, E::from)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_that_is_moved_removed_or_replaced_is_missed() {
        let folder = tempfile::tempdir().unwrap();
        let [run, away] = ["run", "away"].map(|name| folder.path().join(name));
        fs::create_dir(&run).unwrap();
        let place = Place::open(&run).unwrap();
        let problem = || place.require().unwrap_err().to_string();
        place.require().unwrap();
        fs::rename(&run, &away).unwrap();
        let told = "run: was moved, removed or replaced while the run was under way; put it back \
                    and take the run up again with `resume`";
        assert!(problem().ends_with(told), "{}", problem());
        fs::create_dir(&run).unwrap();
        assert!(problem().ends_with(told));
        fs::remove_dir(&run).unwrap();
        // The same directory, though by another way.
        std::os::unix::fs::symlink(&away, &run).unwrap();
        place.require().unwrap();
        fs::remove_dir(&away).unwrap();
        fs::create_dir(&away).unwrap();
        assert!(problem().ends_with(told), "a number given to another");
    }
}
