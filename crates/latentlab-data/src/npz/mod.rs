//! Images from an `.npz` or `.npy` file, the formats of `numpy.savez` and `numpy.save`.

mod archive;
mod names;

use std::{fs, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Layout, Result, Scale, SplitRule,
    array::LARGEST_EXPANSION,
    fingerprint::sha256,
    images::Loaded,
    npy,
    parts::{Found, Part, Reading},
    share::Share,
    summary::Notes,
};
use archive::Archive;

pub use names::Keys;

/// An `.npz` file with the arrays `x_train`, `x_test`, `y_train`, `y_test` as Keras has them,
/// `train_images`, `test_images`, `train_labels`, `test_labels` as MedMNIST does, or `images` and
/// `labels`, or others that `keys` names; or an `.npy` file of images.
///
/// Labels and test images may be missing. Images are `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]` with
/// any number of channels, whole numbers of any type from 0 to 255 or floats in [0, 1] unless `scale`
/// says otherwise; labels are `[N]` or `[N, 1]`, whole numbers from 0 to 65535 of any type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Npz {
    /// The file, seen from the working folder of the program unless it starts at the root. Required.
    pub path: PathBuf,
    /// Where the channels lie: "nhwc", "nchw", or "auto" where the lengths leave no doubt.
    pub layout: Layout,
    /// Which numbers are black and white: "unit" for 0 and 1, "signed" for -1 and 1, "byte" for 0 and
    /// 255; "auto" takes floats as "unit" and whole numbers as "byte".
    pub scale: Scale,
    /// Share of the images to test on, chosen at random, where the file has no test images; in [0, 1).
    pub test_fraction: f64,
    /// How they are chosen: "hash" lets each image decide by its values, so that images that are added
    /// leave old ones on their side, and equal ones are on one; "shuffled" meets the share exactly.
    pub split: SplitRule,
    /// Whether each class gives its share to the test images. Images that are added may then move
    /// old ones to the other side, also with "hash".
    pub stratified: bool,
    /// The names of the arrays, where they are others than the usual ones.
    pub keys: Keys,
}

impl Default for Npz {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            layout: Layout::default(),
            scale: Scale::default(),
            test_fraction: 0.1,
            split: SplitRule::default(),
            stratified: false,
            keys: Keys::default(),
        }
    }
}

impl Npz {
    pub(crate) fn load(&self, seed: u64) -> Result<Loaded> {
        let share = Share::new(self.test_fraction, self.split, self.stratified, seed)?;
        if self.path.as_os_str().is_empty() {
            let what = "the .npz file";
            return Err(Error::unnamed("path", what, "images.npz"));
        }
        if !self.path.is_file() {
            return Err(Error::absent("path", "file", &self.path));
        }
        let bytes = fs::read(&self.path).map_err(|error| Error::io(&self.path, error))?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let fingerprint = (name.into_owned(), sha256([bytes.as_slice()]));
        let mut notes = Notes::default();
        let (train, test) = match bytes.starts_with(npy::MAGIC) {
            true => (self.alone(&bytes)?, None),
            false => self.named(bytes, &mut notes)?,
        };
        let reading = Reading {
            layout: self.layout,
            scale: self.scale,
            transpose: false,
        };
        train.load(test, reading, share, vec![fingerprint], notes)
    }

    /// The images of an `.npy` file.
    fn alone(&self, bytes: &[u8]) -> Result<Part> {
        if self.keys != Keys::default() {
            let problem = "are for .npz files: an .npy file holds one array, without a name";
            return Err(Error::config("keys", problem));
        }
        let most = bytes.len() as u64;
        let images = Found {
            path: self.path.clone(),
            array: npy::read(&self.path, bytes, most)?,
        };
        Ok(Part {
            images,
            labels: None,
        })
    }

    /// The images to train on and those to test on, where the file has some.
    fn named(&self, bytes: Vec<u8>, notes: &mut Notes) -> Result<(Part, Option<Part>)> {
        let most = bytes.len() as u64 * LARGEST_EXPANSION;
        let mut archive = Archive::open(&self.path, bytes, most)?;
        let names = names::choose(&self.keys, &mut archive)?;
        let used = [&names.train, &names.test].map(|part| [&part.images, &part.labels]);
        let used: Vec<&String> = used.into_iter().flatten().flatten().collect();
        for name in archive.names() {
            if !used.contains(&&name) {
                notes.add("passed over: arrays that were not asked for", || {
                    name.clone()
                });
            }
        }
        let [train, test] = [names.train, names.test].map(|part| archive.part(part));
        match train? {
            Some(train) => Ok((train, test?)),
            None => Err(archive.without("images to train on")),
        }
    }
}
