//! The run directory: where everything a run leaves behind lies.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use latentlab_train::{disk, durable};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use toml::Table;

use crate::{Environment, Error, Result, initial::Taken, place::Place, train::Reschedule};

/// Version of the layout of a run directory and of `run.json`.
pub const SCHEMA: u32 = 1;

/// What a start writes before `run.json` is there.
const STARTED: [&str; 8] = [
    "LOCK",
    "config.toml",
    "config.toml.tmp",
    "data.safetensors",
    "data.safetensors.tmp",
    "overrides.toml",
    "overrides.toml.tmp",
    "run.json.tmp",
];

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is being trained, or its process was killed.
    Running,
    /// It took all its steps, or a stop rule ended it.
    Finished,
    /// Somebody stopped it; it can be resumed.
    Interrupted,
    /// A loss or a parameter stopped being a finite number.
    Diverged,
    /// Something else went wrong.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
        })
    }
}

/// What `run.json` holds: who, when, with what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of this layout.
    pub schema: u32,
    /// Unique name of the run.
    pub id: String,
    /// Name of the experiment.
    pub experiment: String,
    /// What the run was called by who started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How the run stands.
    pub status: Status,
    /// The command line it was started with.
    pub argv: Vec<String>,
    /// Program and machine.
    pub environment: Environment,
    /// SHA-256 of each source of the data.
    pub data: Vec<(String, String)>,
    /// What the data were made of, what was done to them and what was passed over; runs of older
    /// versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_summary: Option<latentlab_data::Summary>,
    /// What the parameters were at the start, if not drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_from: Option<Taken>,
    /// Start, in UTC.
    pub started: String,
    /// End, in UTC.
    pub ended: Option<String>,
    /// Each time the run was taken up again.
    pub resumed: Vec<Resumption>,
}

/// One time a run was taken up again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resumption {
    /// When, in UTC.
    pub at: String,
    /// From which step.
    pub step: u64,
    /// Program and machine, this time.
    pub environment: Environment,
    /// What became of learning rates that were to end with the run, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Reschedule>,
    /// What had changed in the configuration: key, value before, value after.
    pub changed: Vec<(String, String, String)>,
}

/// A run directory that this process holds the lock of.
#[derive(Debug)]
pub struct RunDir {
    place: Place,
    _lock: File,
}

impl RunDir {
    /// Makes the directory `out`, or `runs/<experiment>/<name>`, and takes its lock.
    ///
    /// # Errors
    /// If it exists and holds a run already, or cannot be made.
    pub fn create(out: Option<&Path>, experiment: &str, name: &str) -> Result<Self> {
        let path = match out {
            Some(out) => out.to_owned(),
            None => Path::new("runs").join(experiment).join(name),
        };
        // A start that was killed before its run.json may be started again.
        let ours =
            |entry: &std::fs::DirEntry| STARTED.iter().any(|name| entry.file_name() == *name);
        let mut entries = fs::read_dir(&path).into_iter().flatten().flatten();
        let occupied = !entries.all(|entry| ours(&entry));
        if occupied {
            let is_run = path.join("run.json").is_file();
            let resume = format!(
                "take the run in it up again with `resume {}`, or ",
                path.display()
            );
            return Err(Error::Argument(format!(
                "{} is not empty; {}name another directory with --out",
                path.display(),
                if is_run { resume.as_str() } else { "" },
            )));
        }
        fs::create_dir_all(&path).map_err(|error| {
            let path = path.display();
            Error::Argument(format!(
                "cannot make {path}: {error}; name another place with --out"
            ))
        })?;
        Self::lock(path)
    }

    /// Takes the lock of a run directory that exists.
    ///
    /// # Errors
    /// If it is no run directory, or another process holds the lock.
    pub fn open(path: &Path) -> Result<Self> {
        required(path, "run.json")?;
        Self::lock(path.to_owned())
    }

    fn lock(path: PathBuf) -> Result<Self> {
        let file = path.join("LOCK");
        let mut options = OpenOptions::new();
        // Emptied, it would be what a link leads to that is lost.
        options.write(true).create(true).truncate(false);
        let lock = options.open(&file).map_err(Error::file(&file))?;
        match patiently(|| lock.try_lock()) {
            Ok(()) => Ok(Self {
                place: Place::open(&path)?,
                _lock: lock,
            }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Argument(format!(
                "{} is in use by another process",
                path.display()
            ))),
            Err(fs::TryLockError::Error(error)) => Err(Error::file(&file)(error)),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// The directory, known by more than its path.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The path of `name` in the directory.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file whole or not at all: beside it, synced, renamed.
    ///
    /// # Errors
    /// If it cannot be written, or the directory is no longer in its place.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.place.require()?;
        let file = self.join(name);
        // The run directory itself may be reached by a link, what is in it may not.
        let folder = file.parent().filter(|folder| *folder != self.path());
        let made = folder.map_or(Ok(()), disk::make_directory);
        let written = made.and_then(|()| durable::replace(&file, bytes));
        written.map_err(|error| self.place.reason(error).into())
    }

    /// Writes a value as indented JSON, whole or not at all.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Error::format(&self.join(name), error))?;
        self.write(name, format!("{text}\n").as_bytes())
    }
}

impl RunRecord {
    /// The record of the run in `directory`.
    ///
    /// # Errors
    /// If there is none, or it is of another version of the layout.
    pub fn read(directory: &Path) -> Result<Self> {
        let file = required(directory, "run.json")?;
        let json: Value = read_json(&file)?;
        // Before anything else: another version may call the rest by other names.
        match json.get("schema").and_then(Value::as_u64) {
            Some(version) if version == u64::from(SCHEMA) => {}
            Some(version) => {
                let problem = format!("has schema version {version}, this build reads {SCHEMA}");
                return Err(Error::format(&file, problem));
            }
            None => return Err(Error::format(&file, "has no schema version")),
        }
        serde_json::from_value(json).map_err(|error| Error::format(&file, error))
    }
}

/// Asks for a lock for a fifth of a second: who only looks whether it is held has it for an instant.
fn patiently(lock: impl Fn() -> Result<(), fs::TryLockError>) -> Result<(), fs::TryLockError> {
    for _ in 0..20 {
        match lock() {
            Err(fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            other => return other,
        }
    }
    lock()
}

/// The file that says that a run failed where `run.json` could not be written any more: a full disk
/// still has room for the name of an empty file.
const FAILED: &str = "FAILED";

impl RunDir {
    /// Leaves the mark that the run failed.
    pub fn mark_failed(&self) {
        // What is in its place now may be another run's.
        if self.place.require().is_ok() {
            // There is nothing left to tell it with, should this fail as well.
            let _ = File::create_new(self.join(FAILED));
        }
    }

    /// Takes the mark away: the run is taken up again.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub fn unmark_failed(&self) -> Result<()> {
        let file = self.join(FAILED);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(&file)(error)),
            _ => Ok(()),
        }
    }
}

/// How the run in `directory` stands: as its record says, but `killed` where that says that it is
/// being trained and no process does, and `failed` where its end could not be written any more.
pub fn standing(directory: &Path, record: &RunRecord) -> String {
    match record.status {
        Status::Running if !is_locked(directory) => match directory.join(FAILED).exists() {
            true => Status::Failed.to_string(),
            false => "killed".to_owned(),
        },
        status => status.to_string(),
    }
}

/// Whether a process is at work on the run in `directory`.
pub fn is_locked(directory: &Path) -> bool {
    // A lock that cannot be opened says nothing: the run is then taken to be as it says it is.
    let Ok(lock) = File::open(directory.join("LOCK")) else {
        return true;
    };
    // A shared lock, so that several who look do not take each other for a training.
    matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
}

/// The path of a file that every run directory has.
///
/// # Errors
/// If it is not there, and the directory no run's.
pub fn required(directory: &Path, name: &str) -> Result<PathBuf> {
    let file = directory.join(name);
    if file.is_file() {
        return Ok(file);
    }
    let directory_name = directory.display();
    Err(Error::Argument(match directory.is_dir() {
        true => format!("{directory_name} is no run directory: it has no {name}"),
        false => {
            format!("there is no run directory {directory_name}; `list runs` shows those of here")
        }
    }))
}

/// Reads a JSON file of a run directory.
pub fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let bytes = fs::read(file).map_err(Error::file(file))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::format(file, error))
}

/// Reads a TOML file of a run directory.
pub fn read_toml(file: &Path) -> Result<Table> {
    let text = fs::read_to_string(file).map_err(Error::file(file))?;
    text.parse().map_err(|error| Error::format(file, error))
}

/// The time now, in UTC, to the second.
pub fn now() -> String {
    in_utc(SystemTime::now())
}

/// A time in UTC, to the second. A clock that stands before 1970 or after 9999 is not believed: it
/// gives the nearest time that can be written.
fn in_utc(time: SystemTime) -> String {
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let time = time.clamp(SystemTime::UNIX_EPOCH, last);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// A name for a run that starts now: `<utc>-s<seed>-<4 hex>`.
pub fn fresh_id(seed: u64) -> String {
    let nanoseconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let hash = Sha256::digest(format!("{nanoseconds} {}", std::process::id()));
    let time = now().replace(['-', ':'], "");
    format!("{time}-s{seed}-{:02x}{:02x}", hash[0], hash[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_refused_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let held = RunDir::create(Some(&out), "test", "id").unwrap();
        held.write("run.json", b"{}").unwrap();
        let message = RunDir::open(&out).unwrap_err().to_string();
        assert!(message.contains("in use"), "{message}");
        assert!(is_locked(&out));
        drop(held);
        assert!(!is_locked(&out));
        assert!(RunDir::open(&out).is_ok());
    }

    #[test]
    fn a_lock_that_is_a_link_empties_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (out, precious) = (folder.path().join("run"), folder.path().join("precious"));
        fs::create_dir(&out).unwrap();
        fs::write(&precious, b"kept").unwrap();
        std::os::unix::fs::symlink(&precious, out.join("LOCK")).unwrap();
        drop(RunDir::create(Some(&out), "test", "id").unwrap());
        assert_eq!(fs::read(&precious).unwrap(), b"kept");
    }

    #[test]
    fn a_clock_that_is_wrong_by_ages_gives_a_time_all_the_same() {
        let day = Duration::from_secs(86_400);
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(in_utc(epoch - day), "1970-01-01T00:00:00Z");
        assert_eq!(in_utc(epoch + day), "1970-01-02T00:00:00Z");
        let distant = epoch + day * 365 * 20_000;
        assert_eq!(in_utc(distant), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn a_directory_that_holds_something_is_not_written_into() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("precious"), b"").unwrap();
        let message = RunDir::create(Some(folder.path()), "test", "id")
            .unwrap_err()
            .to_string();
        assert!(message.contains("not empty"), "{message}");
    }
}
