//! `latentlab sample`, `reconstruct` and `interpolate`: pictures from a trained model.

mod interpolate;
mod reconstruct;
mod sample;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use candle_core::Tensor;
use clap::Args;
use latentlab_core::GenerativeModel;
use latentlab_data::{Background, DataConfig};
use toml::Table;

use super::assignments;
use crate::own_pictures;
use latentlab_report::drawing::Canvas;
use latentlab_run::{Error, Experiment, Result, RunModel, Trained};

pub(super) use interpolate::{InterpolateArguments, interpolate};
pub(super) use reconstruct::{ReconstructArguments, reconstruct};
pub(super) use sample::{SampleArguments, sample};

/// Images in one picture at most: more than anybody looks at.
const MOST: usize = 10_000;
/// Images that pass through the model at once, at most.
const CHUNK: usize = 500;

/// Which trained model.
#[derive(Debug, Args)]
struct Which {
    /// The run directory
    #[arg(value_name = "DIR")]
    run: PathBuf,
    /// Take the best checkpoint instead of the latest
    #[arg(long)]
    best: bool,
    /// Where the data of the run lie now, such as data.dir=DIR
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,
}

impl Which {
    fn run(&self) -> Result<Run<'_>> {
        Ok(Run {
            directory: &self.run,
            best: self.best,
            changes: assignments(&self.set)?,
        })
    }
}

/// A run directory, and where its data lie now.
struct Run<'a> {
    directory: &'a Path,
    best: bool,
    changes: Table,
}

impl Run<'_> {
    fn model(&self) -> RunModel<'_> {
        RunModel {
            directory: self.directory,
            best: self.best,
            changes: &self.changes,
        }
    }

    fn canvas(&self, trained: &Trained) -> Result<Canvas> {
        Canvas::for_images(&trained.info, || self.model().data(&trained.experiment))
    }
}

/// How pictures of one's own are read.
#[derive(Debug, Args)]
struct Own {
    /// What is seen through transparent parts of pictures of your own: white, black, #rrggbb; as the
    /// pictures of the run were read without it, or white
    #[arg(long, value_name = "COLOUR")]
    background: Option<Background>,
}

impl Own {
    /// Pictures of one's own `[N, C, H, W]` in the form of the images of a model.
    fn read(&self, trained: &Trained, files: &[PathBuf]) -> Result<Tensor> {
        let source = DataConfig::from_table(&trained.experiment.data)?.source;
        let reader = own_pictures::reader(&source, &trained.info, self.background)?;
        let (pictures, notes) = reader.pictures(files)?;
        for note in notes {
            // A closed stream hears nothing.
            let _ = writeln!(io::stderr(), "note: of the pictures, {note}");
        }
        Ok(pictures.to_device(&trained.device)?)
    }
}

pub(super) fn within(argument: &str, value: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let problem = format!("{argument} {value}: must be from {least} to {most}");
    Err(Error::Argument(problem))
}

/// Why a model cannot be asked for `what`, and what it can be asked for.
fn cannot(experiment: &Experiment, model: &dyn GenerativeModel, what: &str) -> Error {
    let instead = match (model.sampler(), model.reconstructor()) {
        (Some(_), _) => "sample",
        (None, Some(_)) => "reconstruct",
        (None, None) => "evaluate",
    };
    Error::Argument(format!(
        "the model `{}` on these data cannot {what}; try `{instead}`",
        experiment.model.name
    ))
}
