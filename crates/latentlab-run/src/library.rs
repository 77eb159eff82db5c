//! The experiments that come with the program, embedded as the TOML files of `experiments/`.

use std::{fs, path::Path};

use toml::Table;

use crate::{Error, Result};

/// Name and text of every embedded experiment, in the order of the study they grew out of.
pub const EMBEDDED: [(&str, &str); 10] = [
    ("ae-mnist", include_str!("../experiments/ae-mnist.toml")),
    ("vae-mnist", include_str!("../experiments/vae-mnist.toml")),
    ("gan-mnist", include_str!("../experiments/gan-mnist.toml")),
    (
        "dcgan-mnist",
        include_str!("../experiments/dcgan-mnist.toml"),
    ),
    ("vae-folder", include_str!("../experiments/vae-folder.toml")),
    (
        "dcgan-folder",
        include_str!("../experiments/dcgan-folder.toml"),
    ),
    ("gan-ring", include_str!("../experiments/gan-ring.toml")),
    ("gan-dice", include_str!("../experiments/gan-dice.toml")),
    (
        "digit-classifier",
        include_str!("../experiments/digit-classifier.toml"),
    ),
    (
        "picture-classifier",
        include_str!("../experiments/picture-classifier.toml"),
    ),
];

/// Name and text of every paper that is reproduced, in the order of their years.
pub const PAPERS: [(&str, &str); 5] = [
    (
        "deep-ae-2006",
        include_str!("../experiments/papers/deep-ae-2006.toml"),
    ),
    (
        "pytorch-vae",
        include_str!("../experiments/papers/pytorch-vae.toml"),
    ),
    ("iwae", include_str!("../experiments/papers/iwae.toml")),
    (
        "vae-2x256",
        include_str!("../experiments/papers/vae-2x256.toml"),
    ),
    (
        "packing",
        include_str!("../experiments/papers/packing.toml"),
    ),
];

/// An experiment file, read but not yet checked.
#[derive(Clone, Debug)]
pub struct Source {
    /// The embedded name, or the file's name without its ending.
    pub name: String,
    /// What the file says.
    pub table: Table,
}

/// The embedded experiment `which`, or the experiment file at that path.
///
/// # Errors
/// If there is neither; if the file is no TOML, with line and column.
pub fn find(which: impl AsRef<Path>) -> Result<Source> {
    let path = which.as_ref();
    if let Some((name, text)) = EMBEDDED.iter().find(|(name, _)| Path::new(name) == path) {
        return parse(name, name, text);
    }
    let which = &*path.to_string_lossy();
    if !path.is_file() && path.extension().is_none() {
        let known = EMBEDDED.map(|(name, _)| name);
        return Err(latentlab_core::Error::unknown("experiment", which, known).into());
    }
    let text = fs::read_to_string(path)
        .map_err(|error| Error::Argument(format!("cannot read {which}: {error}")))?;
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    parse(&stem.to_string_lossy(), which, &text)
}

fn parse(name: &str, file: &str, text: &str) -> Result<Source> {
    let table = text
        .parse()
        .map_err(|error| Error::Argument(format!("{file}: {error}")))?;
    Ok(Source {
        name: name.to_owned(),
        table,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_experiment_is_met_with_the_nearest() {
        let message = find("gan-minst").unwrap_err().to_string();
        assert!(message.contains("did you mean `gan-mnist`?"), "{message}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = find("no/such.toml").unwrap_err();
        assert!(error.to_string().contains("no/such.toml"));
    }
}
