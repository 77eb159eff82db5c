//! Arrays of numbers as images and as labels.

use latentlab_core::ImageShape;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    array::{Array, Kind},
    images::Values,
};

/// Where the channels of an image lie in an array of four dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Where the lengths leave no doubt: a length of 1 to 4 beside a larger one, or a length beside two
    /// equal ones.
    #[default]
    Auto,
    /// Last, as TensorFlow, Keras and Pillow have them: `[N, H, W, C]`.
    Nhwc,
    /// Before the rows, as PyTorch has them: `[N, C, H, W]`.
    Nchw,
}

/// Which numbers stand for black and white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Floats lie in [0, 1], whole numbers from 0 to 255, and false is black.
    #[default]
    Auto,
    /// 0 and 1.
    Unit,
    /// −1 and 1.
    Signed,
    /// 0 and 255.
    Byte,
}

/// Labels stay below this number.
const LABEL_LIMIT: u32 = 1 << 16;

impl Layout {
    /// The shape of an image in an array of shape `dims`, and whether channels lie last in it.
    pub(crate) fn shape(self, dims: &[usize]) -> Result<(ImageShape, bool), String> {
        let [a, b, c] = match *dims {
            [_, height, width] => [height, width, 1],
            [_, a, b, c] => [a, b, c],
            _ => {
                return Err(format!(
                    "its images have shape {dims:?}, expected [N, H, W], [N, H, W, C] or [N, C, H, W]"
                ));
            }
        };
        let last = match self {
            _ if dims.len() == 3 => true,
            Self::Nhwc => true,
            Self::Nchw => false,
            Self::Auto => last(a, b, c).ok_or_else(|| {
                format!(
                    "its images have shape {dims:?}, which may be [N, H, W, C] or [N, C, H, W]: \
                     write layout = \"nhwc\" or \"nchw\""
                )
            })?,
        };
        let [channels, height, width] = if last { [c, a, b] } else { [a, b, c] };
        let shape = ImageShape {
            channels,
            height,
            width,
        };
        Ok((shape, last))
    }
}

/// Whether the channels are the last of three lengths rather than the first; `None` if that is open.
fn last(a: usize, b: usize, c: usize) -> Option<bool> {
    const MOST: usize = 4;
    match (a <= MOST, c <= MOST) {
        (false, true) => Some(true),
        (true, false) => Some(false),
        _ if [a, b, c] == [1; 3] => Some(true),
        _ if a == b && b != c => Some(true),
        _ if b == c && a != b => Some(false),
        _ => None,
    }
}

impl Scale {
    /// The values of images, in the order of the array, and what was done to them if it was something.
    pub(crate) fn values(self, array: Array) -> Result<(Values, Option<&'static str>), String> {
        if let Some(floats) = array.floats() {
            drop(array);
            return self.of_floats(floats);
        }
        let count = array.dims.iter().product();
        let limits = match (self, array.element.kind, array.element.width) {
            (Self::Auto | Self::Byte, Kind::Unsigned, 1) => {
                let note = is_binary(&array.bytes).then_some(BINARY);
                return Ok((Values::Bytes(array.bytes), note));
            }
            (Self::Auto | Self::Unit, Kind::Truth, _) | (Self::Unit, ..) => (0, 1, "0 and 1"),
            (Self::Auto | Self::Byte, ..) => (0, 255, "whole numbers from 0 to 255"),
            (Self::Signed, ..) => (-1, 1, "-1, 0 and 1"),
        };
        let (least, most, expected) = limits;
        // Gone through once to be checked and once to be taken, so that the length is known and no more
        // memory is taken than for the images.
        let numbers = || array.integers().into_iter().flatten();
        if let Some(odd) = numbers().find(|number| !(least..=most).contains(number)) {
            return Err(format!("its images hold {odd}, expected {expected}"));
        }
        Ok(match (self, most) {
            (Self::Signed, _) => {
                let floats = numbers().map(|number| (number + 1) as f32 / 2.0);
                (Values::Floats(exactly(count, floats)), Some(FROM_SIGNED))
            }
            (_, 1) => {
                let bytes = numbers().map(|number| number as u8 * 255);
                let note = (array.element.kind != Kind::Truth).then_some(FROM_UNIT);
                (Values::Bytes(exactly(count, bytes)), note)
            }
            _ => {
                let bytes = exactly(count, numbers().map(|number| number as u8));
                let note = is_binary(&bytes).then_some(BINARY);
                (Values::Bytes(bytes), note)
            }
        })
    }

    fn of_floats(self, mut floats: Vec<f32>) -> Result<(Values, Option<&'static str>), String> {
        let (least, most, note) = match self {
            Self::Auto | Self::Unit => (0.0, 1.0, None),
            Self::Signed => (-1.0, 1.0, Some(FROM_SIGNED)),
            Self::Byte => (0.0, 255.0, Some("values rescaled from 0 to 255")),
        };
        if let Some(odd) = floats.iter().find(|value| !(least..=most).contains(*value)) {
            let way_out = match self {
                Self::Auto | Self::Unit => way_out(&floats),
                _ => String::new(),
            };
            return Err(format!(
                "its images hold {odd}, expected floats in [{least}, {most}]{way_out}"
            ));
        }
        if self == Self::Byte && floats.iter().any(|v| *v > 0.0) && floats.iter().all(|v| *v <= 1.0)
        {
            let problem = "its images hold floats in [0, 1], which are all but black where 255 is white: \
                           leave scale = \"byte\" out";
            return Err(problem.to_owned());
        }
        let note = match self {
            Self::Signed if floats.iter().all(|value| *value >= 0.0) => Some(FROM_HALF),
            _ => note,
        };
        match self {
            Self::Auto | Self::Unit => {}
            Self::Signed => floats
                .iter_mut()
                .for_each(|value| *value = (*value + 1.0) / 2.0),
            Self::Byte => floats.iter_mut().for_each(|value| *value /= 255.0),
        }
        Ok((Values::Floats(floats), note))
    }
}

/// Numbers of which there are `count`.
fn exactly<T>(count: usize, numbers: impl Iterator<Item = T>) -> Vec<T> {
    let mut all = Vec::with_capacity(count);
    all.extend(numbers);
    all
}

/// Whether bytes are 0 and 1 and nothing else.
fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte <= 1) && bytes.contains(&1)
}

const FROM_UNIT: &str = "values taken from 0 and 1";
const FROM_SIGNED: &str = "values rescaled from -1 to 1";
const FROM_HALF: &str = "values rescaled from -1 to 1, though none is below 0: without scale = \"signed\" 0 is \
                         black";
const BINARY: &str = "0 and 1 taken as grey levels of 255, so all but black: scale = \"unit\" makes 1 \
                      white";

/// What to write for floats that are not in [0, 1].
fn way_out(floats: &[f32]) -> String {
    let within = |least: f32, most: f32| floats.iter().all(|v| (least..=most).contains(v));
    match (within(-1.0, 1.0), within(0.0, 255.0)) {
        (true, _) => "; write scale = \"signed\" if -1 is black and 1 white",
        (_, true) => "; write scale = \"byte\" if 255 is white",
        _ => {
            "; scale = \"signed\" takes [-1, 1] and \"byte\" 0 to 255, so save them in one of these"
        }
    }
    .to_owned()
}

/// Labels, of which there must be `count`: `[N]` or `[N, 1]`, whole numbers of any type.
pub(crate) fn labels(array: &Array, count: usize) -> Result<Vec<u32>, String> {
    let have = array.dims.first().copied().unwrap_or(0);
    match array.dims[..] {
        [_] | [_, 1] if have == count => {}
        [_] | [_, 1] => return Err(format!("holds {have} labels")),
        _ => {
            return Err(format!(
                "its labels have shape {:?}, expected [N] or [N, 1]; of one-hot rows save \
                 argmax(axis=1)",
                array.dims
            ));
        }
    }
    let wrong = |label: &dyn std::fmt::Display| {
        format!(
            "has a label {label}, expected whole numbers from 0 to {}",
            LABEL_LIMIT - 1
        )
    };
    if let Some(integers) = array.integers() {
        let label = |label: i128| match u32::try_from(label) {
            Ok(label) if label < LABEL_LIMIT => Ok(label),
            _ => Err(wrong(&label)),
        };
        return integers.map(label).collect();
    }
    let label = |label: f32| match label {
        _ if label.fract() == 0.0 && (0.0..LABEL_LIMIT as f32).contains(&label) => Ok(label as u32),
        _ => Err(wrong(&label)),
    };
    array.floats().into_iter().flatten().map(label).collect()
}

/// Turns `[N, H, W, C]` into `[N, C, H, W]`.
pub(crate) fn planes<T: Copy>(values: Vec<T>, shape: ImageShape) -> Vec<T> {
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

/// Swaps the rows and columns of every plane of images of `shape`.
pub(crate) fn transposed<T: Copy>(values: Vec<T>, shape: ImageShape) -> Vec<T> {
    let mut turned = Vec::with_capacity(values.len());
    for plane in values.chunks_exact(shape.height * shape.width) {
        for column in 0..shape.width {
            turned.extend(plane[column..].iter().step_by(shape.width));
        }
    }
    turned
}
