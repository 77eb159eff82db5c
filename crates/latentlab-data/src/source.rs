//! The sources of images there are, by name.

use latentlab_core::{Error, Result, nearest};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::{Folder, Idx, Mnist, Npz, Options, Shapes, Synthetic};

/// A source of images.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Source {
    /// The embedded MNIST.
    Mnist(Mnist),
    /// A folder of IDX files.
    Idx(Idx),
    /// A folder of PNG and JPEG files.
    Folder(Folder),
    /// An `.npz` file.
    Npz(Npz),
    /// Eight Gaussians on a circle.
    Ring(Synthetic),
    /// Twenty-five Gaussians on a grid.
    Grid(Synthetic),
    /// Two arms of a spiral.
    Spiral(Synthetic),
    /// A loaded die.
    Dice(Synthetic),
    /// Drawn colour pictures.
    Shapes(Shapes),
}

const SUMMARIES: [(&str, &str); 9] = [
    (
        "mnist",
        "handwritten digits, 28x28 grey: 60,000 and 10,000, part of the program",
    ),
    (
        "idx",
        "a folder of IDX files, such as Fashion-MNIST or EMNIST",
    ),
    (
        "folder",
        "a folder of PNG and JPEG files, a sub-folder for each class",
    ),
    (
        "npz",
        "an .npz file with x_train and x_test, or with images; an .npy file",
    ),
    ("ring", "8 Gaussians on the unit circle, deviation 0.01"),
    (
        "grid",
        "25 Gaussians on a grid from -4 to 4, deviation 0.05",
    ),
    ("spiral", "two arms of a spiral of radius 1, deviation 0.02"),
    ("dice", "a die loaded 1:1:1:0:0:3, as one-hot images"),
    (
        "shapes",
        "drawn colour pictures of shapes with textures, 60 classes, 32x32: 48,000 and 6,000",
    ),
];

/// Name and one-line summary of every source.
pub fn names_and_summaries() -> impl Iterator<Item = (&'static str, &'static str)> {
    SUMMARIES.into_iter()
}

/// The JSON schema of a source's keys and the common ones beside `name`, with the doc comments as
/// descriptions.
///
/// # Errors
/// For an unknown name, with the nearest known one.
pub fn schema(name: &str) -> Result<Schema> {
    /// All keys beside `name`.
    #[derive(JsonSchema)]
    struct Keys<S> {
        #[serde(flatten)]
        _source: S,
        #[serde(flatten)]
        _options: Options,
    }
    Ok(match name {
        "mnist" => schema_for!(Keys<Mnist>),
        "idx" => schema_for!(Keys<Idx>),
        "folder" => schema_for!(Keys<Folder>),
        "npz" => schema_for!(Keys<Npz>),
        "ring" | "grid" | "spiral" | "dice" => schema_for!(Keys<Synthetic>),
        "shapes" => schema_for!(Keys<Shapes>),
        _ => return Err(unknown_source(name)),
    })
}

impl Source {
    /// The name of the source in a `[data]` table.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mnist(_) => "mnist",
            Self::Idx(_) => "idx",
            Self::Folder(_) => "folder",
            Self::Npz(_) => "npz",
            Self::Ring(_) => "ring",
            Self::Grid(_) => "grid",
            Self::Spiral(_) => "spiral",
            Self::Dice(_) => "dice",
            Self::Shapes(_) => "shapes",
        }
    }
}

pub(crate) fn known_sources() -> String {
    SUMMARIES.map(|(name, _)| name).join(", ")
}

pub(crate) fn unknown_source(name: &str) -> Error {
    let known = SUMMARIES.map(|(name, _)| name);
    let hint = did_you_mean(name, known);
    Error::config(
        "data.name",
        format!("no source `{name}`{hint}; known: {}", known_sources()),
    )
}

pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let hint = nearest(name, known).map(|near| format!(", did you mean `{near}`?"));
    hint.unwrap_or_default()
}
