//! IDX files, the format of MNIST and its kin, plain or gzip-compressed.

mod file;
mod find;

use std::{
    fs,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Layout, Result, Scale, SplitRule,
    fingerprint::sha256,
    images::Loaded,
    parts::{Found, Part, Reading},
    share::Share,
    summary::Notes,
};
use find::Role;

pub(crate) use file::decode;

/// A folder of IDX files named like MNIST's (Fashion-MNIST, KMNIST): `train-images-idx3-ubyte`,
/// `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`; or as other tools
/// name them, such as `emnist-letters-train-images-idx3-ubyte` or `test-images.idx3-ubyte`; each with
/// or without `.gz`.
///
/// Labels and test images may be missing. Images are `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, of
/// bytes or any other type of the format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Idx {
    /// The folder of the files, seen from the working folder of the program unless it starts at the
    /// root. Required.
    pub dir: PathBuf,
    /// How the names of the files begin, where the folder holds several sets, such as
    /// "emnist-letters".
    pub prefix: String,
    /// Whether rows are stored as columns, as in EMNIST.
    pub transpose: bool,
    /// Where the channels lie in files of four dimensions: "nhwc", "nchw", or "auto" where the lengths
    /// leave no doubt.
    pub layout: Layout,
    /// Which numbers are black and white: "unit" for 0 and 1, "signed" for -1 and 1, "byte" for 0 and
    /// 255; "auto" takes floats as "unit" and whole numbers as "byte".
    pub scale: Scale,
    /// Share of the images to test on, chosen at random, where there are no test images; in [0, 1).
    pub test_fraction: f64,
    /// How they are chosen: "hash" lets each image decide by its values, so that images that are added
    /// leave old ones on their side, and equal ones are on one; "shuffled" meets the share exactly.
    pub split: SplitRule,
    /// Whether each class gives its share to the test images. Images that are added may then move
    /// old ones to the other side, also with "hash".
    pub stratified: bool,
}

impl Default for Idx {
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            prefix: String::new(),
            transpose: false,
            layout: Layout::default(),
            scale: Scale::default(),
            test_fraction: 0.1,
            split: SplitRule::default(),
            stratified: false,
        }
    }
}

impl Idx {
    pub(crate) fn load(&self, seed: u64) -> Result<Loaded> {
        let share = Share::new(self.test_fraction, self.split, self.stratified, seed)?;
        if self.dir.as_os_str().is_empty() {
            let what = "the folder of the IDX files";
            return Err(Error::unnamed("dir", what, "fashion-mnist"));
        }
        if !self.dir.is_dir() {
            return Err(Error::absent("dir", "folder", &self.dir));
        }
        let (mut notes, mut fingerprints) = (Notes::default(), Vec::new());
        let files = find::find(&self.dir, &self.prefix, &mut notes)?;
        let [train, train_labels, test, test_labels] = files;
        let train = train.ok_or_else(|| self.lacks(Role::TrainImages, None))?;
        if let (None, Some(labels)) = (&test, &test_labels) {
            return Err(self.lacks(Role::TestImages, Some(labels)));
        }
        let mut read = |path: PathBuf| -> Result<Found> {
            let bytes = fs::read(&path).map_err(|error| Error::io(&path, error))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            fingerprints.push((name.into_owned(), sha256([bytes.as_slice()])));
            let array = decode(&path, &bytes)?;
            Ok(Found { path, array })
        };
        let mut part = |images: PathBuf, labels: Option<PathBuf>| -> Result<Part> {
            Ok(Part {
                images: read(images)?,
                labels: labels.map(&mut read).transpose()?,
            })
        };
        let train = part(train, train_labels)?;
        let test = test.map(|test| part(test, test_labels)).transpose()?;
        let reading = Reading {
            layout: self.layout,
            scale: self.scale,
            transpose: self.transpose,
        };
        train.load(test, reading, share, fingerprints, notes)
    }

    /// Images that are not there; labels of them may be.
    fn lacks(&self, role: Role, labels: Option<&Path>) -> Error {
        let usual = role.usual();
        let prefix = match self.prefix.as_str() {
            "" => String::new(),
            prefix => format!(" that begins with \"{prefix}\""),
        };
        let but = match labels.and_then(Path::file_name) {
            Some(labels) => format!(", but {}", labels.to_string_lossy()),
            None => String::new(),
        };
        let problem = format!("holds neither {usual} nor {usual}.gz nor a like name{prefix}{but}");
        Error::file(&self.dir, problem)
    }
}
