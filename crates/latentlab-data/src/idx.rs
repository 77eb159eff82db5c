//! IDX files, the format of MNIST and its kin, plain or gzip-compressed.
//!
//! A header may promise anything, so every size in it is checked against the length of the file
//! before memory is taken.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::read::MultiGzDecoder;
use latentlab_core::{ImageShape, ValueRange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    fingerprint::sha256,
    images::{Images, Loaded, Values, checked_size},
};

/// A folder of IDX files named like MNIST's (Fashion-MNIST, KMNIST): `train-images-idx3-ubyte`,
/// `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each with or
/// without `.gz`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Idx {
    /// The folder with the four files, seen from the working folder of the program unless it starts
    /// at the root. Required.
    pub dir: PathBuf,
}

/// Deflate cannot expand by more than this factor (zlib's technical notes).
pub(crate) const LARGEST_EXPANSION: u64 = 1032;

/// An array of bytes with its shape.
#[derive(Debug, PartialEq)]
pub(crate) struct Array {
    dims: Vec<usize>,
    values: Vec<u8>,
}

impl Idx {
    pub(crate) fn load(&self) -> Result<Loaded> {
        let mut fingerprints = Vec::new();
        let mut read = |part: &str, kind: &str, rank: usize| -> Result<(PathBuf, Array)> {
            let path = self.find(&format!("{part}-{kind}-idx{rank}-ubyte"))?;
            let bytes = fs::read(&path).map_err(|error| Error::io(&path, error))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            fingerprints.push((name.into_owned(), sha256([bytes.as_slice()])));
            let array = decode(&path, &bytes, rank)?;
            Ok((path, array))
        };
        let parts = [
            [read("train", "images", 3)?, read("train", "labels", 1)?],
            [read("t10k", "images", 3)?, read("t10k", "labels", 1)?],
        ];
        let (images, train) = join(parts)?;
        let all = images.labels.as_ref().map_or(0, Vec::len) as u32;
        Ok(Loaded {
            images: Arc::new(images),
            range: ValueRange::Unit,
            train: (0..train).collect(),
            test: (train..all).collect(),
            fingerprints,
        })
    }

    fn find(&self, name: &str) -> Result<PathBuf> {
        if self.dir.as_os_str().is_empty() {
            let what = "the folder of the IDX files";
            return Err(Error::unnamed("dir", what, "fashion-mnist"));
        }
        if !self.dir.is_dir() {
            return Err(Error::absent("dir", "folder", &self.dir));
        }
        [name.to_owned(), format!("{name}.gz")]
            .iter()
            .map(|name| self.dir.join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| Error::file(&self.dir, format!("holds neither {name} nor {name}.gz")))
    }
}

/// Images and labels of the training and of the test set as one, and the size of the former.
pub(crate) fn join(parts: [[(PathBuf, Array); 2]; 2]) -> Result<(Images, u32)> {
    for [(images_path, images), (labels_path, labels)] in &parts {
        let (have, want) = (labels.dims[0], images.dims[0]);
        if have != want {
            let images_path = images_path.display();
            let problem = format!("holds {have} labels, but {images_path} holds {want} images");
            return Err(Error::file(labels_path, problem));
        }
    }
    let [
        [(_, train), (_, train_labels)],
        [(test_path, test), (_, test_labels)],
    ] = parts;
    if train.dims[1..] != test.dims[1..] {
        let (have, want) = (&test.dims[1..], &train.dims[1..]);
        let problem = format!("holds images of {have:?} pixels, the training set of {want:?}");
        return Err(Error::file(&test_path, problem));
    }
    let shape = ImageShape {
        channels: 1,
        height: train.dims[1],
        width: train.dims[2],
    };
    let count = train.dims[0] as u32;
    let mut values = train.values;
    values.extend(test.values);
    let labels = train_labels.values.into_iter().chain(test_labels.values);
    let labels = Some(labels.map(u32::from).collect());
    Ok((
        Images {
            shape,
            values: Values::Bytes(values),
            labels,
        },
        count,
    ))
}

/// The array of `rank` dimensions in `bytes`, the contents of the file `path`.
pub(crate) fn decode(path: &Path, bytes: &[u8], rank: usize) -> Result<Array> {
    let length = bytes.len() as u64;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let most = length * LARGEST_EXPANSION;
        read_array(path, MultiGzDecoder::new(bytes), most, rank)
    } else {
        read_array(path, bytes, length, rank)
    }
}

/// Reads an array from a stream that can hold at most `most` bytes.
fn read_array(path: &Path, mut stream: impl Read, most: u64, rank: usize) -> Result<Array> {
    let cut = |error| Error::file(path, format!("cannot read its header: {error}"));
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).map_err(cut)?;
    // Two zeros, the type (8 is the unsigned byte), the number of dimensions.
    let expected = [0, 0, 8, rank as u8];
    if magic != expected {
        let problem = format!("starts with {magic:?}, an IDX file of this kind with {expected:?}");
        return Err(Error::file(path, problem));
    }
    let mut dims = Vec::with_capacity(rank);
    for _ in 0..rank {
        let mut dim = [0; 4];
        stream.read_exact(&mut dim).map_err(cut)?;
        dims.push(u64::from(u32::from_be_bytes(dim)));
    }
    let size = checked_size(path, &dims, 1)?;
    if size > most {
        let problem = format!(
            "its header promises {size} bytes of shape {dims:?}, more than a file of this length \
             can hold"
        );
        return Err(Error::file(path, problem));
    }
    let mut values = Vec::with_capacity(size as usize + 1);
    let torn = |error| Error::file(path, format!("cannot read its values: {error}"));
    // One byte more than there should be, to notice a file that is too long.
    stream
        .take(size + 1)
        .read_to_end(&mut values)
        .map_err(torn)?;
    if values.len() as u64 != size {
        let relation = if values.len() as u64 > size {
            "more"
        } else {
            "fewer"
        };
        let problem = format!("holds {relation} than the {size} bytes of its shape {dims:?}");
        return Err(Error::file(path, problem));
    }
    let dims = dims.into_iter().map(|dim| dim as usize).collect();
    Ok(Array { dims, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dims: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn problem(bytes: &[u8], rank: usize) -> String {
        decode(Path::new("digits"), bytes, rank)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn an_array_keeps_its_shape_and_values() {
        let array = decode(Path::new("digits"), &file(&[1, 2, 2], &[1, 2, 3, 4]), 3).unwrap();
        assert_eq!(
            array,
            Array {
                dims: vec![1, 2, 2],
                values: vec![1, 2, 3, 4]
            }
        );
    }

    #[test]
    fn a_shape_beyond_the_limit_is_refused() {
        let message = problem(&file(&[1 << 31, 1 << 31, 1 << 31], &[0; 8]), 3);
        assert!(message.contains("limit of 4 GiB"), "{message}");
    }

    #[test]
    fn a_shape_that_the_file_cannot_hold_is_refused() {
        let message = problem(&file(&[1 << 31], &[0; 8]), 1);
        assert!(
            message.contains("more than a file of this length can hold"),
            "{message}"
        );
    }

    #[test]
    fn another_number_of_dimensions_is_refused() {
        let message = problem(&file(&[2], &[0; 2]), 3);
        assert!(message.contains("starts with [0, 0, 8, 1]"), "{message}");
    }

    #[test]
    fn bytes_after_the_last_value_are_refused() {
        assert_eq!(
            problem(&file(&[2], &[0; 3]), 1),
            "digits: holds more than the 2 bytes of its shape [2]"
        );
    }
}
