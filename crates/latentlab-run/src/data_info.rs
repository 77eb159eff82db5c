//! What a model is built from of its data, kept in the run directory: `data.safetensors`.
//!
//! The shape, range and number of classes are the description of the file, the mean image is its one
//! tensor. Whoever draws from a trained model needs no other byte of the data.

use std::{fs, path::Path};

use candle_core::{Device, Tensor};
use latentlab_core::{DataInfo, ImageShape, ValueRange};
use latentlab_tensor::{decode_tensors, description, encode_described};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The file in a run directory.
pub(crate) const FILE: &str = "data.safetensors";
/// The mean image in it, `[C, H, W]`.
const MEAN: &str = "mean";

/// All of a [`DataInfo`] but the mean image.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    shape: ImageShape,
    range: ValueRange,
    classes: Option<usize>,
}

/// The bytes of the file.
///
/// # Errors
/// If the mean image has not as many values as an image.
pub(crate) fn encode(info: &DataInfo) -> Result<Vec<u8>> {
    let ImageShape {
        channels,
        height,
        width,
    } = info.shape;
    let mean = Tensor::from_slice(&info.mean, (channels, height, width), &Device::Cpu)?;
    let description = Description {
        shape: info.shape,
        range: info.range,
        classes: info.classes,
    };
    let text =
        serde_json::to_string(&description).map_err(|error| Error::Argument(error.to_string()))?;
    let tensors = [(MEAN.to_owned(), mean)].into_iter().collect();
    Ok(encode_described(&tensors, &text)?)
}

/// What the run in `directory` was built from; none, where the run is of a version that did not
/// record it.
///
/// # Errors
/// If the file is damaged.
pub(crate) fn read(directory: &Path) -> Result<Option<DataInfo>> {
    let file = directory.join(FILE);
    if !file.exists() {
        return Ok(None);
    }
    let bytes = fs::read(&file).map_err(Error::file(&file))?;
    let wrong = |problem: String| Error::format(&file, problem);
    let text = description(&bytes).map_err(|error| wrong(error.to_string()))?;
    let text = text.ok_or_else(|| wrong("does not say what it holds".to_owned()))?;
    let Description {
        shape,
        range,
        classes,
    } = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let tensors = decode_tensors(&bytes).map_err(|error| wrong(error.to_string()))?;
    let mean = tensors.get(MEAN).filter(|mean| {
        let sides = [shape.channels, shape.height, shape.width];
        mean.dims() == sides
    });
    let mean = mean.ok_or_else(|| wrong("holds no mean image of the shape it names".to_owned()))?;
    Ok(Some(DataInfo {
        shape,
        range,
        classes,
        mean: mean.flatten_all()?.to_vec1()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_comes_back_and_what_is_damaged_does_not() {
        let info = DataInfo {
            shape: ImageShape {
                channels: 2,
                height: 1,
                width: 3,
            },
            range: ValueRange::Unit,
            classes: Some(7),
            mean: vec![0.1, 0.2, f32::MIN_POSITIVE, 0.4, 0.5, 1.0],
        };
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        let bytes = encode(&info).unwrap();
        fs::write(folder.path().join(FILE), &bytes).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Some(info));
        for end in 0..bytes.len() {
            fs::write(folder.path().join(FILE), &bytes[..end]).unwrap();
            let error = read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(FILE), "{end}: {error}");
        }
    }
}
