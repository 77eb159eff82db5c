//! Whether two run directories hold the same bytes, times aside.
//!
//! Times are: `elapsed_s` in `metrics.jsonl`, `images_per_second` and `wall_s` in `summary.json`,
//! all of `run.json` (identity, start, end, command line), `overrides.toml` (what that command line
//! changed), `train.log`, TensorBoard's events and the lock; `data.safetensors` follows from the data,
//! whose hashes are compared, and older runs have none. Everything else must be equal to the
//! last byte. The events say nothing that `metrics.jsonl` and the pictures do not, which are compared.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{Error, Result, data_info};

/// Files, and a folder of files, that say when and how a run was made, not what came of it.
const CIRCUMSTANCES: [&str; 6] = [
    "run.json",
    data_info::FILE,
    "train.log",
    "overrides.toml",
    "tensorboard",
    "LOCK",
];
const TIMES: [&str; 3] = ["elapsed_s", "images_per_second", "wall_s"];

/// What a comparison of two runs found.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Files that are equal, times aside.
    pub equal: Vec<PathBuf>,
    /// Files that differ, or that only one of the runs has, with what the difference is.
    pub different: Vec<(PathBuf, String)>,
}

/// Compares every file of two run directories.
pub fn compare(first: &Path, second: &Path) -> Result<Comparison> {
    let (here, there) = (files_below(first)?, files_below(second)?);
    let mut comparison = Comparison::default();
    for file in here.union(&there) {
        if CIRCUMSTANCES.iter().any(|name| file.starts_with(name)) {
            continue;
        }
        let difference = match (here.contains(file), there.contains(file)) {
            (true, false) => Some(format!("only in {}", first.display())),
            (false, true) => Some(format!("only in {}", second.display())),
            _ => difference(&first.join(file), &second.join(file))?,
        };
        match difference {
            Some(difference) => comparison.different.push((file.clone(), difference)),
            None => comparison.equal.push(file.clone()),
        }
    }
    Ok(comparison)
}

fn difference(first: &Path, second: &Path) -> Result<Option<String>> {
    let (a, b) = (read(first)?, read(second)?);
    let timed = first
        .extension()
        .is_some_and(|ending| ending == "json" || ending == "jsonl");
    if !timed {
        let at = a.iter().zip(&b).position(|(a, b)| a != b);
        return Ok(match at {
            Some(at) => Some(format!("differs at byte {at}")),
            None if a.len() != b.len() => Some(format!("{} bytes and {} bytes", a.len(), b.len())),
            None => None,
        });
    }
    let (a, b) = (without_times(first, &a)?, without_times(second, &b)?);
    let at = a.iter().zip(&b).position(|(a, b)| a != b);
    Ok(match at {
        Some(at) => Some(format!(
            "differs in line {}: {} and {}",
            at + 1,
            start(&a[at]),
            start(&b[at])
        )),
        None if a.len() != b.len() => Some(format!("{} lines and {} lines", a.len(), b.len())),
        None => None,
    })
}

/// The first words of a long line.
fn start(line: &str) -> String {
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The JSON values of a file, one per line or one in all, without the keys that hold times.
fn without_times(file: &Path, bytes: &[u8]) -> Result<Vec<String>> {
    let values = serde_json::Deserializer::from_slice(bytes).into_iter::<Map<String, Value>>();
    values
        .map(|value| {
            let mut value = value.map_err(|error| Error::format(file, error))?;
            value.retain(|key, _| !TIMES.contains(&key.as_str()));
            Ok(Value::Object(value).to_string())
        })
        .collect()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(Error::file(file))
}

fn files_below(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).map_err(Error::file(&current))? {
            let path = entry.map_err(Error::file(&current))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(relative) = path.strip_prefix(folder) {
                files.insert(relative.to_owned());
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(metrics: &str, weights: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("metrics.jsonl"), metrics).unwrap();
        fs::write(folder.path().join("params.safetensors"), weights).unwrap();
        fs::write(folder.path().join("run.json"), format!("{metrics:?}")).unwrap();
        let events = folder.path().join("tensorboard");
        fs::create_dir(&events).unwrap();
        fs::write(events.join("events"), format!("{metrics:?}")).unwrap();
        folder
    }

    #[test]
    fn runs_that_differ_in_times_alone_are_equal() {
        let first = run("{\"step\":1,\"elapsed_s\":0.1,\"loss\":2.0}\n", b"abc");
        let second = run("{\"step\":1,\"elapsed_s\":0.7,\"loss\":2.0}\n", b"abc");
        let found = compare(first.path(), second.path()).unwrap();
        assert_eq!(found.different, []);
        assert_eq!(found.equal.len(), 2);
    }

    #[test]
    fn a_figure_a_byte_and_a_missing_file_are_found() {
        let first = run("{\"step\":1,\"loss\":2.0}\n", b"abc");
        let second = run("{\"step\":1,\"loss\":2.5}\n", b"abd");
        fs::write(second.path().join("extra.png"), b"").unwrap();
        let found = compare(first.path(), second.path()).unwrap();
        let files: Vec<_> = found.different.iter().map(|(file, _)| file).collect();
        let expected = ["extra.png", "metrics.jsonl", "params.safetensors"];
        assert_eq!(
            files,
            expected.map(PathBuf::from).iter().collect::<Vec<_>>()
        );
        assert_eq!(found.different[2].1, "differs at byte 2");
    }
}
