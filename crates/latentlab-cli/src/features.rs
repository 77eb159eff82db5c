//! `latentlab features`: the network of a run, to compare images by.

use std::{fs, path::PathBuf};

use clap::Args;
use latentlab_core::Registry;
use toml::Table;

use super::say;
use latentlab_run::{Error, Result, RunModel};

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
    let run = RunModel {
        directory: &arguments.run,
        best: arguments.best,
        changes: &Table::new(),
    };
    let model = run.trained(registry)?;
    let bytes = model.feature_file()?;
    let out = arguments.out.as_path();
    fs::write(out, &bytes).map_err(Error::file(out))?;
    say(format!(
        "{}: {} bytes, model of step {}",
        out.display(),
        bytes.len(),
        model.step
    ));
    Ok(0)
}
