//! `latentlab sample`, `reconstruct` and `interpolate`: pictures from a trained model.

use std::{
    fs,
    path::{Path, PathBuf},
};

use candle_core::Tensor;
use clap::Args;
use latentlab_core::{GenerativeModel, Registry};
use latentlab_data::{Background, DataConfig, Split};
use latentlab_tensor::Rng;
use latentlab_train::Picture;
use toml::Table;

use super::{assignments, outputs::refuse_among_data, say};
use crate::{
    Error, Experiment, Result, RunModel, Trained,
    batches::{at_once, in_batches},
    drawing::{self, Canvas},
    own_pictures,
};

/// Images in one picture at most: more than anybody looks at.
const MOST: usize = 10_000;
/// Images that pass through the model at once, at most.
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
    /// Where the data of the run lie now, such as data.dir=DIR
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,
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
    /// Pictures of your own in the place of test images; may be repeated
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "count")]
    image: Vec<PathBuf>,
    #[command(flatten)]
    own: Own,
}

/// How pictures of one's own are read.
#[derive(Debug, Args)]
struct Own {
    /// What is seen through transparent parts of pictures of your own: white, black, #rrggbb; as the
    /// pictures of the run were read without it, or white
    #[arg(long, value_name = "COLOUR")]
    background: Option<Background>,
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
    /// Walk between test images instead of draws from the prior; a model that has no prior always
    /// does
    #[arg(long)]
    test_images: bool,
    /// Walk from this picture of your own to that of --to, in one row
    #[arg(long, value_name = "FILE", requires = "to", conflicts_with_all = ["rows", "test_images"])]
    from: Option<PathBuf>,
    /// Where that walk ends
    #[arg(long, value_name = "FILE", requires = "from")]
    to: Option<PathBuf>,
    #[command(flatten)]
    own: Own,
    /// Seed of the ends
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
    let run = arguments.which.run()?;
    let trained = run.model().trained(registry)?;
    refuse_among_data(&arguments.which.out, &trained.experiment)?;
    let sampler = trained.shown().sampler();
    let sampler = sampler.ok_or_else(|| cannot(&trained.experiment, trained.shown(), "sample"))?;
    let mut rng = Rng::stream(arguments.seed, "cli/sample", 0);
    let latent = sampler.prior(arguments.count, &mut rng)?;
    let images = in_batches(&latent, at_once(trained.info.shape, CHUNK), |latent| {
        Ok(sampler.generate(latent, None)?)
    })?;
    let columns = (arguments.count as f64).sqrt().ceil() as usize;
    let picture = run.canvas(&trained)?.draw(&images, columns)?;
    arguments.which.write(&picture, trained.step)
}

pub(super) fn reconstruct(arguments: &ReconstructArguments, registry: &Registry) -> Result<u8> {
    within("--count", arguments.count, 1, MOST)?;
    let run = arguments.which.run()?;
    if !arguments.image.is_empty() {
        return reconstruct_own(arguments, &run, registry);
    }
    let (session, step) = run.model().session(registry)?;
    refuse_among_data(&arguments.which.out, &session.experiment)?;
    let drawn = drawing::reconstructions(
        session.shown(),
        &session.dataset,
        arguments.count,
        &session.device,
    )?;
    let picture =
        drawn.ok_or_else(|| cannot(&session.experiment, session.shown(), "reconstruct"))?;
    arguments.which.write(&picture, step)
}

/// What a model makes of pictures from anywhere, which needs no other data.
fn reconstruct_own(arguments: &ReconstructArguments, run: &Run, registry: &Registry) -> Result<u8> {
    let trained = run.model().trained(registry)?;
    refuse_among_data(&arguments.which.out, &trained.experiment)?;
    let model = trained.shown();
    let reconstructor = model.reconstructor();
    let reconstructor =
        reconstructor.ok_or_else(|| cannot(&trained.experiment, model, "reconstruct"))?;
    let images = arguments.own.read(&trained, &arguments.image)?;
    let at_once = at_once(trained.info.shape, CHUNK);
    let restored = in_batches(&images, at_once, |images| {
        Ok(reconstructor.reconstruct(images)?)
    })?;
    let picture = drawing::pairs(&images, &restored)?;
    arguments.which.write(&picture, trained.step)
}

pub(super) fn interpolate(arguments: &InterpolateArguments, registry: &Registry) -> Result<u8> {
    within("--rows", arguments.rows, 1, 100)?;
    within("--columns", arguments.columns, 2, 100)?;
    let run = arguments.which.run()?;
    let trained = run.model().trained(registry)?;
    refuse_among_data(&arguments.which.out, &trained.experiment)?;
    let [from, to] = ends(&run, &trained, arguments)?;
    let mut walks = Vec::new();
    for row in 0..from.dim(0)? {
        let (from, to) = (from.get(row)?, to.get(row)?);
        for column in 0..arguments.columns {
            let share = column as f64 / (arguments.columns - 1) as f64;
            walks.push(((&from * (1.0 - share))? + (&to * share)?)?);
        }
    }
    let latent = Tensor::stack(&walks, 0)?; // [rows * columns, D]
    let model = trained.shown();
    let images = in_batches(&latent, at_once(trained.info.shape, CHUNK), |latent| {
        decode(model, latent)
    })?;
    let picture = run.canvas(&trained)?.draw(&images, arguments.columns)?;
    arguments.which.write(&picture, trained.step)
}

/// Latent vectors to walk between, both `[rows, D]`: draws from the prior, or the codes of test
/// images of a model that has no prior.
fn ends(run: &Run, trained: &Trained, arguments: &InterpolateArguments) -> Result<[Tensor; 2]> {
    let model = trained.shown();
    let rng = |which| Rng::stream(arguments.seed, "cli/interpolate", which);
    if let (Some(from), Some(to)) = (&arguments.from, &arguments.to) {
        let Some(reconstructor) = model.reconstructor() else {
            return Err(Error::Argument(format!(
                "--from: the model `{}` cannot encode pictures; leave it out to walk between draws \
                 from its prior",
                trained.experiment.model.name
            )));
        };
        let read = |file: &PathBuf| -> Result<Tensor> {
            let image = arguments.own.read(trained, std::slice::from_ref(file))?;
            Ok(reconstructor.encode(&image)?)
        };
        return Ok([read(from)?, read(to)?]);
    }
    match (model.sampler(), model.reconstructor()) {
        (Some(sampler), _) if !arguments.test_images => {
            let draw = |which| sampler.prior(arguments.rows, &mut rng(which));
            Ok([draw(0)?, draw(1)?])
        }
        (_, Some(reconstructor)) => {
            let dataset = run.model().data(&trained.experiment)?;
            let count = dataset.len(Split::Test) as u64;
            let encode = |which| -> Result<Tensor> {
                let mut rng = rng(which);
                let places = (0..arguments.rows).map(|_| rng.below(count) as usize);
                let places: Vec<usize> = places.collect();
                let batch = dataset.images(Split::Test, &places, &trained.device)?;
                Ok(reconstructor.encode(&batch.images)?)
            };
            Ok([encode(0)?, encode(1)?])
        }
        (Some(_), None) => Err(Error::Argument(format!(
            "--test-images: the model `{}` cannot encode images; leave it out to walk between draws \
             from its prior",
            trained.experiment.model.name
        ))),
        (None, None) => Err(cannot(&trained.experiment, model, "interpolate")),
    }
}

fn decode(model: &dyn GenerativeModel, latent: &Tensor) -> Result<Tensor> {
    match (model.reconstructor(), model.sampler()) {
        (Some(reconstructor), _) => Ok(reconstructor.decode(latent)?),
        (None, Some(sampler)) => Ok(sampler.generate(latent, None)?),
        (None, None) => Err(Error::Argument("the model decodes nothing".to_owned())),
    }
}

impl Own {
    /// Pictures of one's own `[N, C, H, W]` in the form of the images of a model.
    fn read(&self, trained: &Trained, files: &[PathBuf]) -> Result<Tensor> {
        let source = DataConfig::from_table(&trained.experiment.data)?.source;
        let reader = own_pictures::reader(&source, &trained.info, self.background)?;
        Ok(reader.pictures(files)?.to_device(&trained.device)?)
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

impl Which {
    fn run(&self) -> Result<Run<'_>> {
        Ok(Run {
            directory: &self.run,
            best: self.best,
            changes: assignments(&self.set)?,
        })
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
