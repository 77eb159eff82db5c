//! The files of a data set in IDX format, whatever tool has named them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, Result, summary::Notes};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    TrainImages,
    TrainLabels,
    TestImages,
    TestLabels,
}

impl Role {
    pub const ALL: [Self; 4] = [
        Self::TrainImages,
        Self::TrainLabels,
        Self::TestImages,
        Self::TestLabels,
    ];

    /// The name of its file in MNIST, which comes before all others.
    pub fn usual(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte",
            Self::TrainLabels => "train-labels-idx1-ubyte",
            Self::TestImages => "t10k-images-idx3-ubyte",
            Self::TestLabels => "t10k-labels-idx1-ubyte",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::TrainImages => "images to train on",
            Self::TrainLabels => "labels of images to train on",
            Self::TestImages => "images to test on",
            Self::TestLabels => "labels of images to test on",
        }
    }
}

/// A file whose name tells what it holds.
#[derive(Clone, Debug, PartialEq)]
struct Named {
    path: PathBuf,
    role: Role,
    /// What comes before the part that tells.
    prefix: String,
    /// The name without `.gz`.
    stem: String,
}

/// The files in `dir` for each of [`Role::ALL`], of those whose names begin with `prefix`. Other files
/// in the format are noted.
pub(super) fn find(dir: &Path, prefix: &str, notes: &mut Notes) -> Result<[Option<PathBuf>; 4]> {
    let entries = fs::read_dir(dir).map_err(|error| Error::io(dir, error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths = paths.collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(|error| Error::io(dir, error))?;
    paths.sort();
    paths.retain(|path| path.is_file());
    let named: Vec<Named> = paths.into_iter().filter_map(named).collect();
    let wanted = |file: &&Named| name_of(&file.path).starts_with(prefix);
    let mut files: Vec<Named> = named.iter().filter(wanted).cloned().collect();
    let mut found = [const { None }; 4];
    for (role, found) in Role::ALL.into_iter().zip(&mut found) {
        let file = choose(dir, role, &files)?;
        // One set has one beginning: labels of another would not be those of the images.
        if let (Role::TrainImages, Some(file)) = (role, &file) {
            files.retain(|other| other.prefix == file.prefix);
        }
        *found = file.map(|file| file.path);
    }
    for file in &named {
        if !found.iter().flatten().any(|path| *path == file.path) {
            let what = "passed over: other files of images or labels";
            notes.add(what, || name_of(&file.path));
        }
    }
    Ok(found)
}

/// The file for a role: one that is named as in MNIST, or the only one; a plain one before one that is
/// compressed.
fn choose(dir: &Path, role: Role, files: &[Named]) -> Result<Option<Named>> {
    let files: Vec<&Named> = files.iter().filter(|file| file.role == role).collect();
    let usual = files.iter().find(|file| file.stem == role.usual());
    let Some(first) = usual.or(files.first()) else {
        return Ok(None);
    };
    if usual.is_none() && files.iter().any(|file| file.stem != first.stem) {
        let names: Vec<String> = files.iter().map(|file| name_of(&file.path)).collect();
        let problem = format!(
            "holds several files of {}: {}; say by `prefix` how the names begin that are meant",
            role.what(),
            names.join(", ")
        );
        return Err(Error::file(dir, problem));
    }
    // Sorted by name: a plain file comes before the same name with `.gz`.
    Ok(Some((*first).clone()))
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What the name of a file tells: it has `train`, `t10k` or `test`, then `images` or `labels`, then at
/// most `idx` with a digit and a type, apart by `-`, `_` or `.`, and perhaps `.gz`.
fn named(path: PathBuf) -> Option<Named> {
    let name = name_of(&path).to_ascii_lowercase();
    let stem = name.strip_suffix(".gz").unwrap_or(&name).to_owned();
    let words: Vec<&str> = stem.split(['-', '_', '.']).collect();
    let (place, role) = words.windows(2).enumerate().find_map(|(place, pair)| {
        let role = match (pair[0], pair[1]) {
            ("train" | "training", "images" | "image") => Role::TrainImages,
            ("train" | "training", "labels" | "label") => Role::TrainLabels,
            ("t10k" | "test" | "testing", "images" | "image") => Role::TestImages,
            ("t10k" | "test" | "testing", "labels" | "label") => Role::TestLabels,
            _ => return None,
        };
        Some((place, role))
    })?;
    let is_idx = match words[place + 2..] {
        [] | ["idx" | "ubyte"] => true,
        [format] | [format, _] => format.starts_with("idx"),
        _ => false,
    };
    let prefix = words[..place].join("-");
    is_idx.then_some(Named {
        path,
        role,
        prefix,
        stem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> Option<(Role, String)> {
        named(PathBuf::from(name)).map(|file| (file.role, file.prefix))
    }

    #[test]
    fn names_of_every_tool_are_understood() {
        let train = |prefix: &str| Some((Role::TrainImages, prefix.to_owned()));
        assert_eq!(role("train-images-idx3-ubyte"), train(""));
        assert_eq!(role("train-images.idx3-ubyte"), train(""));
        assert_eq!(role("train-images-idx3-ubyte.gz"), train(""));
        assert_eq!(role("Train_Images.idx"), train(""));
        assert_eq!(role("train-images"), train(""));
        let letters = "emnist-letters-train-images-idx3-ubyte.gz";
        assert_eq!(role(letters), train("emnist-letters"));
        let labels = Some((Role::TestLabels, "qmnist".to_owned()));
        assert_eq!(role("qmnist-test-labels-idx2-int"), labels);
        let test = Some((Role::TestImages, String::new()));
        assert_eq!(role("t10k-images.idx3-ubyte"), test);
    }

    #[test]
    fn other_files_are_none_of_them() {
        for name in [
            "train-images.npy",
            "train-images-idx3-ubyte.zip",
            "emnist-letters-mapping.txt",
            "images-idx3-ubyte",
            "train.csv",
        ] {
            assert_eq!(role(name), None, "{name}");
        }
    }
}
