//! Which array of an `.npz` file is which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::archive::Archive;
use crate::{Error, Result};

/// The names of the arrays in an `.npz` file, where they are others than the usual ones. Once images
/// are named here, the file is searched for no other usual name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The images of a file that has no test images of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<String>,
    /// Their labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// The images to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_images: Option<String>,
    /// The labels of the images to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_labels: Option<String>,
    /// The images to test on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_images: Option<String>,
    /// The labels of the images to test on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<String>,
}

/// The names of the arrays of one part, where it has them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PartNames {
    pub images: Option<String>,
    pub labels: Option<String>,
}

/// The names of the arrays to train and to test on.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Names {
    pub train: PartNames,
    pub test: PartNames,
}

/// Usual names of images and labels to train on, and of those to test on.
const USUAL: [[&str; 4]; 3] = [
    ["x_train", "y_train", "x_test", "y_test"],
    ["images", "labels", "", ""],
    ["train_images", "train_labels", "test_images", "test_labels"],
];

/// The arrays that `keys` name, and those with usual names.
pub(super) fn choose(keys: &Keys, archive: &mut Archive) -> Result<Names> {
    let either =
        |short: &Option<String>, long: &Option<String>, names: [&str; 2]| match (short, long) {
            (Some(_), Some(_)) => {
                let problem = format!("names the same as `{}`; keep one of the two", names[1]);
                Err(Error::config(&format!("keys.{}", names[0]), problem))
            }
            (name, None) | (None, name) => Ok(name.clone()),
        };
    let images = either(&keys.images, &keys.train_images, ["images", "train_images"])?;
    let labels = either(&keys.labels, &keys.train_labels, ["labels", "train_labels"])?;
    let given = [
        ("images", &keys.images),
        ("labels", &keys.labels),
        ("train_images", &keys.train_images),
        ("train_labels", &keys.train_labels),
        ("test_images", &keys.test_images),
        ("test_labels", &keys.test_labels),
    ];
    for (key, name) in given {
        if let Some(name) = name.as_ref().filter(|name| !archive.has(name)) {
            let problem = format!("there is no array `{name}`; {}", archive.listing());
            return Err(Error::config(&format!("keys.{key}"), problem));
        }
    }
    let named = [
        images,
        labels,
        keys.test_images.clone(),
        keys.test_labels.clone(),
    ];
    let usual = match named[0].is_some() {
        true => [const { None }; 4],
        false => usual(archive)?,
    };
    let [images, labels, test_images, test_labels] = named;
    let [usual_images, usual_labels, usual_test, usual_test_labels] = usual;
    let train = PartNames {
        images: images.or(usual_images),
        labels: labels.or(usual_labels),
    };
    // Labels of test images mean nothing where those to train on have none, or there are none.
    let usual_test_labels = usual_test_labels.filter(|_| train.labels.is_some());
    let test = PartNames {
        images: test_images.or(usual_test),
        labels: test_labels.or(usual_test_labels),
    };
    match &test {
        PartNames {
            images: None,
            labels: Some(labels),
        } => Err(archive.without(&format!("images to test on for the labels `{labels}`"))),
        _ => Ok(Names { train, test }),
    }
}

/// The arrays with usual names; a single array is the images, whatever its name.
fn usual(archive: &mut Archive) -> Result<[Option<String>; 4]> {
    if let Some(names) = USUAL.iter().find(|names| archive.has(names[0])) {
        let there = |name: &str| archive.has(name).then(|| name.to_owned());
        return Ok(names.map(there));
    }
    match archive.names().as_slice() {
        [name] => Ok([Some(name.clone()), None, None, None]),
        _ => {
            let wanted = "images under a usual name (x_train, images or train_images), and `keys` \
                          names none";
            Err(archive.without(wanted))
        }
    }
}
