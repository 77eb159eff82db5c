//! `latentlab sample`, `reconstruct` and `interpolate`: pictures from a trained model.

use std::{
    fs,
    path::{Path, PathBuf},
};

use candle_core::Tensor;
use clap::Args;
use latentlab_core::{GenerativeModel, Registry};
use latentlab_data::Split;
use latentlab_tensor::Rng;
use latentlab_train::Picture;

use super::say;
use crate::{Error, Result, Session, drawing};

/// Images in one picture at most: more than anybody looks at.
const MOST: usize = 10_000;
/// Images that pass through the model at once.
const CHUNK: usize = 500;

/// Which trained model, and where the picture goes.
#[derive(Debug, Args)]
struct Which {
    /// The run directory
    #[arg(value_name = "DIR")]
    run: PathBuf,
    /// The PNG file to write
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    /// Take the best checkpoint instead of the latest
    #[arg(long)]
    best: bool,
}

/// Arguments of `sample`.
#[derive(Debug, Args)]
pub(super) struct SampleArguments {
    #[command(flatten)]
    which: Which,
    /// How many images
    #[arg(
        long,
        value_name = "N",
        default_value_t = 64,
        allow_negative_numbers = true
    )]
    count: usize,
    /// Seed of the latent vectors
    #[arg(
        long,
        value_name = "S",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    seed: u64,
}

/// Arguments of `reconstruct`.
#[derive(Debug, Args)]
pub(super) struct ReconstructArguments {
    #[command(flatten)]
    which: Which,
    /// How many test images
    #[arg(
        long,
        value_name = "N",
        default_value_t = 32,
        allow_negative_numbers = true
    )]
    count: usize,
}

/// Arguments of `interpolate`.
#[derive(Debug, Args)]
pub(super) struct InterpolateArguments {
    #[command(flatten)]
    which: Which,
    /// How many walks, one a row
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        allow_negative_numbers = true
    )]
    rows: usize,
    /// Images in each walk, ends included
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        allow_negative_numbers = true
    )]
    columns: usize,
    /// Seed of the ends: test images, or draws from the prior of a model that cannot encode
    #[arg(
        long,
        value_name = "S",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    seed: u64,
}

pub(super) fn sample(arguments: &SampleArguments, registry: &Registry) -> Result<u8> {
    within("--count", arguments.count, 1, MOST)?;
    let (session, step) = arguments.which.open(registry)?;
    let sampler = session.shown().sampler();
    let sampler = sampler.ok_or_else(|| cannot(&session, "sample"))?;
    let mut rng = Rng::stream(arguments.seed, "cli/sample", 0);
    let latent = sampler.prior(arguments.count, &mut rng)?;
    let images = in_chunks(&latent, |latent| Ok(sampler.generate(latent, None)?))?;
    let columns = (arguments.count as f64).sqrt().ceil() as usize;
    let picture = drawing::images(&images, &session.dataset, columns)?;
    arguments.which.write(&picture, step)
}

pub(super) fn reconstruct(arguments: &ReconstructArguments, registry: &Registry) -> Result<u8> {
    within("--count", arguments.count, 1, MOST)?;
    let (session, step) = arguments.which.open(registry)?;
    let drawn = drawing::reconstructions(
        session.shown(),
        &session.dataset,
        arguments.count,
        &session.device,
    )?;
    let picture = drawn.ok_or_else(|| cannot(&session, "reconstruct"))?;
    arguments.which.write(&picture, step)
}

pub(super) fn interpolate(arguments: &InterpolateArguments, registry: &Registry) -> Result<u8> {
    within("--rows", arguments.rows, 1, 100)?;
    within("--columns", arguments.columns, 2, 100)?;
    let (session, step) = arguments.which.open(registry)?;
    let (from, to) = (ends(&session, arguments, 0)?, ends(&session, arguments, 1)?);
    let mut walks = Vec::new();
    for row in 0..arguments.rows {
        let (from, to) = (from.get(row)?, to.get(row)?);
        for column in 0..arguments.columns {
            let share = column as f64 / (arguments.columns - 1) as f64;
            walks.push(((&from * (1.0 - share))? + (&to * share)?)?);
        }
    }
    let latent = Tensor::stack(&walks, 0)?; // [rows * columns, D]
    let model = session.shown();
    let images = in_chunks(&latent, |latent| decode(model, latent))?;
    let picture = drawing::images(&images, &session.dataset, arguments.columns)?;
    arguments.which.write(&picture, step)
}

/// Latent vectors to walk between, `[rows, D]`: codes of test images, or draws from the prior of a
/// model that cannot encode.
fn ends(session: &Session, arguments: &InterpolateArguments, which: u64) -> Result<Tensor> {
    let mut rng = Rng::stream(arguments.seed, "cli/interpolate", which);
    match (session.shown().reconstructor(), session.shown().sampler()) {
        (Some(reconstructor), _) => {
            let count = session.dataset.len(Split::Test) as u64;
            let indices: Vec<usize> = (0..arguments.rows)
                .map(|_| rng.below(count) as usize)
                .collect();
            let batch = session
                .dataset
                .images(Split::Test, &indices, &session.device)?;
            Ok(reconstructor.encode(&batch.images)?)
        }
        (None, Some(sampler)) => Ok(sampler.prior(arguments.rows, &mut rng)?),
        (None, None) => Err(cannot(session, "interpolate")),
    }
}

fn decode(model: &dyn GenerativeModel, latent: &Tensor) -> Result<Tensor> {
    match (model.reconstructor(), model.sampler()) {
        (Some(reconstructor), _) => Ok(reconstructor.decode(latent)?),
        (None, Some(sampler)) => Ok(sampler.generate(latent, None)?),
        (None, None) => Err(Error::Argument("the model decodes nothing".to_owned())),
    }
}

fn in_chunks(latent: &Tensor, decode: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let count = latent.dim(0)?;
    let mut images = Vec::new();
    for start in (0..count).step_by(CHUNK) {
        images.push(decode(&latent.narrow(
            0,
            start,
            CHUNK.min(count - start),
        )?)?);
    }
    Ok(Tensor::cat(&images, 0)?)
}

impl Which {
    fn open(&self, registry: &Registry) -> Result<(Session, u64)> {
        Session::of_run(&self.run, registry, self.best)
    }

    fn write(&self, picture: &Picture, step: u64) -> Result<u8> {
        let out: &Path = &self.out;
        fs::write(out, picture.to_png()).map_err(Error::file(out))?;
        say(format!(
            "{}: {}x{} pixels, model of step {step}",
            out.display(),
            picture.width(),
            picture.height()
        ));
        Ok(0)
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
fn cannot(session: &Session, what: &str) -> Error {
    let model = session.shown();
    let instead = match (model.sampler(), model.reconstructor()) {
        (Some(_), _) => "sample",
        (None, Some(_)) => "reconstruct",
        (None, None) => "evaluate",
    };
    Error::Argument(format!(
        "the model `{}` on these data cannot {what}; try `{instead}`",
        session.experiment.model.name
    ))
}
