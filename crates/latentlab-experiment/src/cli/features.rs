//! `latentlab features`: the network of a run, to compare images by.

use std::{fs, path::PathBuf};

use clap::Args;
use latentlab_core::Registry;

use super::say;
use crate::{Error, Result, Session, features::feature_file};

/// Arguments of `features`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directory of a model that classifies or encodes
    #[arg(value_name = "DIR")]
    run: PathBuf,
    /// The file to write, for `evaluate --by FILE`
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// Take the best checkpoint instead of the latest
    #[arg(long)]
    best: bool,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    let (session, step) = Session::of_run(&arguments.run, registry, arguments.best)?;
    let bytes = feature_file(&session)?;
    let out = arguments.out.as_path();
    fs::write(out, &bytes).map_err(Error::file(out))?;
    say(format!(
        "{}: {} bytes, model of step {step}",
        out.display(),
        bytes.len()
    ));
    Ok(0)
}
