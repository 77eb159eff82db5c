//! The one way to the file system for everything that a run writes, and the place where tests let it
//! fail.
//!
//! [`with_faults`] decides for each operation of a thread whether it fails, and how far it comes
//! before it does. So a test can let the n-th operation of a run fail, for every n, the way SQLite is
//! tested.

use std::{
    cell::RefCell,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::{Error, Result};

/// What is done to the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// A file is opened for writing, and made if need be.
    Open,
    /// Bytes are written.
    Write,
    /// A file loses its end.
    Truncate,
    /// Bytes, or the names in a directory, are brought to the disk.
    Sync,
    /// A file or directory gets another name.
    Rename,
    /// A directory is made.
    MakeDirectory,
    /// A file, or a directory with all below it, is removed.
    Remove,
}

/// How far an operation comes that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// It does nothing.
    None,
    /// It does a half: writes half of the bytes, removes half of what is in a directory. What has no
    /// half is not done.
    Half,
    /// It does everything, and fails all the same.
    All,
}

/// A failure of one operation.
#[derive(Debug)]
pub struct Fault {
    /// How far the operation comes.
    pub extent: Extent,
    /// What the system says.
    pub error: io::Error,
}

/// The operation at which a disk is full, counted from 0.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    /// The number of the operation.
    pub at: usize,
    /// How far it comes.
    pub extent: Extent,
    /// Whether all later ones fail as well and do nothing, as when the machine stops.
    pub for_good: bool,
}

/// `ENOSPC` of Linux and macOS.
const NO_SPACE: i32 = 28;

type Decide = Box<dyn FnMut(Operation, &Path) -> Option<Fault>>;

thread_local! {
    static DECIDE: RefCell<Option<Decide>> = const { RefCell::new(None) };
}

/// Does `work`, in which `decide` says of each operation of this thread whether it fails.
///
/// ```
/// use std::{io, path::Path};
///
/// use latentlab_train::{disk::{Extent, Fault, Operation, with_faults}, durable};
///
/// let full = |operation, _: &Path| {
///     let error = io::Error::from(io::ErrorKind::StorageFull);
///     (operation == Operation::Write).then_some(Fault { extent: Extent::Half, error })
/// };
/// let folder = tempfile::tempdir().unwrap();
/// let file = folder.path().join("summary.json");
/// durable::replace(&file, b"before").unwrap();
/// let failed = with_faults(full, || durable::replace(&file, b"afterwards"));
/// assert!(failed.unwrap_err().to_string().contains("summary.json.tmp: "));
/// assert_eq!(std::fs::read(&file).unwrap(), b"before");
/// ```
pub fn with_faults<T>(
    decide: impl FnMut(Operation, &Path) -> Option<Fault> + 'static,
    work: impl FnOnce() -> T,
) -> T {
    /// Ends the faults, also where `work` panics.
    struct Until(Option<Decide>);
    impl Drop for Until {
        fn drop(&mut self) {
            DECIDE.set(self.0.take());
        }
    }
    let _until = Until(DECIDE.replace(Some(Box::new(decide))));
    work()
}

/// Does `work` on a disk that is full at one operation, or at none; returns what came of it, and all
/// operations that were tried, with their paths.
pub fn with_full_disk<T>(
    full: Option<Full>,
    work: impl FnOnce() -> T,
) -> (T, Vec<(Operation, PathBuf)>) {
    let tried = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&tried);
    let decide = move |operation, path: &Path| {
        let mut noted = noted.borrow_mut();
        let now = noted.len();
        noted.push((operation, path.to_owned()));
        let Full {
            at,
            extent,
            for_good,
        } = full?;
        let fails = now == at || (now > at && for_good);
        let extent = if now == at { extent } else { Extent::None };
        let error = io::Error::from_raw_os_error(NO_SPACE);
        fails.then_some(Fault { extent, error })
    };
    let outcome = with_faults(decide, work);
    (outcome, tried.take())
}

/// Does `whole`, or as much of it as a fault lets pass.
fn attempt<T>(
    operation: Operation,
    path: &Path,
    whole: impl FnOnce() -> io::Result<T>,
    half: impl FnOnce() -> io::Result<()>,
) -> Result<T> {
    let fault = DECIDE.with_borrow_mut(|decide| decide.as_mut()?(operation, path));
    let done = match fault {
        None => whole(),
        Some(Fault { extent, error }) => {
            let failed = |()| Err(error);
            match extent {
                Extent::None => failed(()),
                Extent::Half => half().and_then(failed),
                Extent::All => whole().map(drop).and_then(failed),
            }
        }
    };
    done.map_err(Error::io(path))
}

fn nothing() -> io::Result<()> {
    Ok(())
}

/// A file that is written.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    inner: fs::File,
}

impl File {
    /// An empty file in the place of any other. What a link points to is left alone.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir()) {
            remove_file(path)?;
        }
        Self::open(path, OpenOptions::new().write(true).create_new(true))
    }

    /// A file that is written on at its end.
    ///
    /// # Errors
    /// If it is a symbolic link, too: its end is not the run's to write or to cut off.
    pub(crate) fn append(path: &Path) -> Result<Self> {
        require_no_link(path)?;
        Self::open(path, OpenOptions::new().append(true).create(true))
    }

    fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let inner = attempt(Operation::Open, path, || options.open(path), nothing)?;
        let path = path.to_owned();
        Ok(Self { path, inner })
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        let write = |bytes: &[u8]| (&self.inner).write_all(bytes);
        let half = || write(&bytes[..bytes.len() / 2]);
        attempt(Operation::Write, &self.path, || write(bytes), half)
    }

    pub(crate) fn truncate(&self, length: u64) -> Result<()> {
        let whole = || self.inner.set_len(length);
        attempt(Operation::Truncate, &self.path, whole, nothing)
    }

    /// Waits until what was written is on the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        let whole = || self.inner.sync_all();
        attempt(Operation::Sync, &self.path, whole, nothing)
    }
}

/// Gives a file or a directory another name.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    attempt(Operation::Rename, to, || fs::rename(from, to), nothing)
}

/// Waits until the names in a directory are on the disk. Only Unix can open a directory for that.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    let whole = || match cfg!(unix) {
        true => fs::File::open(directory)?.sync_all(),
        false => Ok(()),
    };
    attempt(Operation::Sync, directory, whole, nothing)
}

/// Whether what is written below `path` stays where it is.
///
/// # Errors
/// If it is a symbolic link: what it leads to belongs to somebody else.
pub(crate) fn require_no_link(path: &Path) -> Result<()> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Ok(());
    }
    let problem = "is a symbolic link, and a run writes nothing outside of its own directory; \
                   put what it leads to in its place";
    Err(Error::io(path)(io::Error::other(problem)))
}

/// Makes a directory in one that is there. Those above it are never made: a run that was moved away
/// must not leave a second one, with nothing but this directory, in its old place.
///
/// # Errors
/// Names the directory that cannot be made, or that is a symbolic link.
pub fn make_directory(directory: &Path) -> Result<()> {
    require_no_link(directory)?;
    if directory.is_dir() {
        return Ok(());
    }
    let whole = || fs::create_dir(directory);
    attempt(Operation::MakeDirectory, directory, whole, nothing)
}

/// Removes a file.
pub(crate) fn remove_file(file: &Path) -> Result<()> {
    attempt(Operation::Remove, file, || fs::remove_file(file), nothing)
}

/// Removes a directory with all below it, if it is there. What a link leads to is left alone.
pub(crate) fn remove_directory(directory: &Path) -> Result<()> {
    match fs::symlink_metadata(directory) {
        Err(_) => return Ok(()),
        Ok(found) if !found.is_dir() => return remove_file(directory),
        Ok(_) => {}
    }
    let half = || {
        let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
        let mut names = names.collect::<io::Result<Vec<_>>>()?;
        names.sort();
        let first = names.len() / 2;
        names[..first].iter().try_for_each(fs::remove_file)
    };
    let whole = || fs::remove_dir_all(directory);
    attempt(Operation::Remove, directory, whole, half)
}
