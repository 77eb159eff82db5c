//! `latentlab compare`: several runs on one page.

use std::{fs, path::PathBuf};

use clap::Args;

use super::say;
use latentlab_report::compare::side_by_side;
use latentlab_run::{Error, Result};

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directories, also of runs that are under way
    #[arg(value_name = "DIR", required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// The HTML file to write
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8> {
    let page = side_by_side(&arguments.runs)?;
    let out = &arguments.out;
    fs::write(out, page).map_err(Error::file(out))?;
    let (count, out) = (arguments.runs.len(), out.display());
    say(format!("{count} runs side by side: {out}"));
    Ok(0)
}
