//! Images from an `.npz` file, the format of `numpy.savez` and of Keras' data sets.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    sync::Arc,
};

use latentlab_core::{ImageShape, ValueRange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zip::ZipArchive;

use crate::{
    Error, Result,
    fingerprint::sha256,
    idx::LARGEST_EXPANSION,
    images::{Images, Loaded, Values},
    npy::{self, Array, Numbers},
    split::{check_fraction, test_share},
};

/// An `.npz` file with either the arrays `x_train`, `x_test` and optionally `y_train`, `y_test`, or
/// the array `images` and optionally `labels`.
///
/// Images are `[N, H, W]` or `[N, H, W, C]` with C = 1 or 3, bytes or floats in [0, 1]; labels are
/// `[N]`, integers from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Npz {
    /// The file, seen from the working folder of the program unless it starts at the root. Required.
    pub path: PathBuf,
    /// Share of the images to test on, chosen at random, where the file has no `x_test`.
    pub test_fraction: f64,
}

impl Default for Npz {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            test_fraction: 0.1,
        }
    }
}

/// Labels stay below this number.
const LABEL_LIMIT: i64 = 1 << 16;

impl Npz {
    pub(crate) fn load(&self, seed: u64) -> Result<Loaded> {
        check_fraction(self.test_fraction)?;
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
        let (images, labels, train_count) = self.arrays(bytes)?;
        let count = images.dims.first().copied().unwrap_or(0);
        let labels = labels
            .map(|labels| self.labels(labels, count))
            .transpose()?;
        let (shape, values) = self.images(images)?;
        let (train, test) = match train_count {
            Some(first) => ((0..first).collect(), (first..count as u32).collect()),
            None => test_share(count, self.test_fraction, seed),
        };
        Ok(Loaded {
            images: Arc::new(Images {
                shape,
                values,
                labels,
            }),
            range: ValueRange::Unit,
            train,
            test,
            fingerprints: vec![fingerprint],
        })
    }

    /// All images, all labels and, where the file says so, how many of the first are for training.
    fn arrays(&self, bytes: Vec<u8>) -> Result<(Array, Option<Array>, Option<u32>)> {
        let mut file = NpzFile::open(&self.path, bytes)?;
        if let Some(train) = file.array("x_train")? {
            let test = file.require("x_test", "x_train")?;
            let labels = match file.array("y_train")? {
                Some(labels) => {
                    let test_labels = file.require("y_test", "y_train")?;
                    Some(self.concatenate(labels, test_labels)?)
                }
                None => None,
            };
            let train_count = train.dims.first().map(|count| *count as u32);
            Ok((self.concatenate(train, test)?, labels, train_count))
        } else if let Some(images) = file.array("images")? {
            Ok((images, file.array("labels")?, None))
        } else {
            let problem = "holds neither `x_train` and `x_test` nor `images`";
            Err(Error::file(&self.path, problem))
        }
    }

    /// The rows of the training array, then those of the test array.
    fn concatenate(&self, mut train: Array, test: Array) -> Result<Array> {
        let alike = !train.dims.is_empty() && train.dims.get(1..) == test.dims.get(1..);
        match (&mut train.numbers, test.numbers) {
            (Numbers::Bytes(numbers), Numbers::Bytes(more)) if alike => numbers.extend(more),
            (Numbers::Floats(numbers), Numbers::Floats(more)) if alike => numbers.extend(more),
            (Numbers::Integers(numbers), Numbers::Integers(more)) if alike => numbers.extend(more),
            _ => {
                let (train, test) = (&train.dims, &test.dims);
                let problem = format!(
                    "its training array {train:?} and test array {test:?} differ in type or in \
                     more than the first dimension"
                );
                return Err(Error::file(&self.path, problem));
            }
        }
        train.dims[0] += test.dims[0];
        Ok(train)
    }

    /// Shape and values of `[N, H, W]` or `[N, H, W, C]`, turned into `[N, C, H, W]`.
    fn images(&self, array: Array) -> Result<(ImageShape, Values)> {
        let shape = match array.dims[..] {
            [_, height, width] => ImageShape {
                channels: 1,
                height,
                width,
            },
            [_, height, width, channels @ (1 | 3)] => ImageShape {
                channels,
                height,
                width,
            },
            _ => {
                let problem = format!(
                    "its images have shape {:?}, expected [N, H, W] or [N, H, W, C] with C = 1 or 3",
                    array.dims
                );
                return Err(Error::file(&self.path, problem));
            }
        };
        let values = match array.numbers {
            Numbers::Bytes(bytes) => Values::Bytes(planes(bytes, shape)),
            Numbers::Floats(floats) => {
                if let Some(odd) = floats.iter().find(|value| !(0.0..=1.0).contains(*value)) {
                    let problem = format!("its images hold {odd}, expected floats in [0, 1]");
                    return Err(Error::file(&self.path, problem));
                }
                Values::Floats(planes(floats, shape))
            }
            Numbers::Integers(_) => {
                let problem = "its images are wide integers, expected |u1, <f4 or <f8";
                return Err(Error::file(&self.path, problem));
            }
        };
        Ok((shape, values))
    }

    fn labels(&self, array: Array, count: usize) -> Result<Vec<u32>> {
        if array.dims != [count] {
            let have = array.dims;
            let problem = format!("its labels have shape {have:?}, but there are {count} images");
            return Err(Error::file(&self.path, problem));
        }
        match array.numbers {
            Numbers::Bytes(labels) => Ok(labels.into_iter().map(u32::from).collect()),
            Numbers::Integers(labels) => labels
                .into_iter()
                .map(|label| match label {
                    0..LABEL_LIMIT => Ok(label as u32),
                    _ => {
                        let problem = format!("has a label {label}, expected 0 to 65535");
                        Err(Error::file(&self.path, problem))
                    }
                })
                .collect(),
            Numbers::Floats(_) => Err(Error::file(&self.path, "its labels are no integers")),
        }
    }
}

struct NpzFile<'a> {
    path: &'a Path,
    archive: ZipArchive<Cursor<Vec<u8>>>,
    /// The most bytes that one array can have.
    most: u64,
}

impl<'a> NpzFile<'a> {
    fn open(path: &'a Path, bytes: Vec<u8>) -> Result<Self> {
        let most = bytes.len() as u64 * LARGEST_EXPANSION;
        let archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Error::file(path, format!("is no .npz file: {error}")))?;
        Ok(Self {
            path,
            archive,
            most,
        })
    }

    /// The array `name`, where the file has one.
    fn array(&mut self, name: &str) -> Result<Option<Array>> {
        let entry = format!("{name}.npy");
        if self.archive.index_for_name(&entry).is_none() {
            return Ok(None);
        }
        let path = self.path.join(&entry);
        let stream = self.archive.by_name(&entry);
        let stream = stream.map_err(|error| Error::file(&path, error.to_string()))?;
        npy::read(&path, stream, self.most).map(Some)
    }

    fn require(&mut self, name: &str, other: &str) -> Result<Array> {
        let path = self.path;
        self.array(name)?
            .ok_or_else(|| Error::file(path, format!("holds `{other}` but no `{name}`")))
    }
}

/// Turns `[N, H, W, C]` into `[N, C, H, W]`.
fn planes<T: Copy>(values: Vec<T>, shape: ImageShape) -> Vec<T> {
    let channels = shape.channels;
    if channels == 1 {
        return values;
    }
    let mut planes = Vec::with_capacity(values.len());
    for image in values.chunks_exact(shape.pixels()) {
        for channel in 0..channels {
            planes.extend(image[channel..].iter().step_by(channels));
        }
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_move_into_planes() {
        let shape = ImageShape {
            channels: 3,
            height: 1,
            width: 2,
        };
        assert_eq!(planes(vec![1, 2, 3, 4, 5, 6], shape), [1, 4, 2, 5, 3, 6]);
    }
}
