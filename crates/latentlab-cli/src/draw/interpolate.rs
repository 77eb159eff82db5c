//! `latentlab interpolate`: walks through the latent space of a model, as rows or in motion.

use std::{path::PathBuf, slice::from_ref};

use candle_core::Tensor;
use clap::Args;
use latentlab_core::{GenerativeModel, Registry};
use latentlab_data::Split;
use latentlab_tensor::Rng;

use super::{CHUNK, Own, Run, Which, cannot, within};
use crate::outputs::{Look, check_place, refuse_huge, write_picture};
use latentlab_evaluate::{at_once, in_batches};
use latentlab_run::{Error, Result, Trained};

/// Arguments of `interpolate`.
#[derive(Debug, Args)]
pub(crate) struct InterpolateArguments {
    #[command(flatten)]
    which: Which,
    /// The picture to write: .png, .jpg or .gif
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
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
    /// Show the walks in motion, all at once, there and back: an animated .png or .gif
    #[arg(long)]
    animate: bool,
    /// Walk between test images instead of draws from the prior; a model that has no prior always
    /// does
    #[arg(long)]
    test_images: bool,
    /// Walk from this picture of your own to that of --to
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
    #[command(flatten)]
    look: Look,
}

pub(crate) fn interpolate(arguments: &InterpolateArguments, registry: &Registry) -> Result<u8> {
    within("--rows", arguments.rows, 1, 100)?;
    within("--columns", arguments.columns, 2, 100)?;
    let run = arguments.which.run()?;
    let trained = run.model().trained(registry)?;
    check_place(&arguments.out, arguments.animate, &trained.experiment)?;
    let shape = trained.info.shape;
    let [from, to] = ends(&run, &trained, arguments)?;
    let (rows, columns) = (from.dim(0)?, arguments.columns);
    let across = match arguments.animate {
        true => (rows as f64).sqrt().ceil() as usize,
        false => columns,
    };
    let grid = arguments.look.grid(across, shape)?;
    refuse_huge(rows * columns, shape, &grid)?;
    let canvas = run.canvas(&trained)?;
    // One after the other along the walks, so that frames are neighbours.
    let steps = (0..columns).map(|column| {
        let share = column as f64 / (columns - 1) as f64;
        Ok(((&from * (1.0 - share))? + (&to * share)?)?) // [rows, D]
    });
    let steps = steps.collect::<Result<Vec<Tensor>>>()?;
    let model = trained.shown();
    let draw = |latent: &Tensor| {
        let images = in_batches(latent, at_once(shape, CHUNK), |latent| {
            decode(model, latent)
        })?;
        canvas.draw(&images, &grid)
    };
    let pictures = match arguments.animate {
        true => {
            let there = steps.iter().map(draw).collect::<Result<Vec<_>>>()?;
            let back = there[1..columns - 1].iter().rev().cloned();
            there.iter().cloned().chain(back).collect()
        }
        false => {
            let walks = Tensor::stack(&steps, 1)?.flatten_to(1)?; // [rows * columns, D]
            vec![draw(&walks)?]
        }
    };
    write_picture(&arguments.out, &pictures, trained.step)
}

/// Latent vectors to walk between, both `[rows, D]`: the codes of two pictures, draws from the prior,
/// or the codes of test images of a model that has no prior.
fn ends(run: &Run, trained: &Trained, arguments: &InterpolateArguments) -> Result<[Tensor; 2]> {
    let model = trained.shown();
    let name = &trained.experiment.model.name;
    let rng = |which| Rng::stream(arguments.seed, "cli/interpolate", which);
    if let (Some(from), Some(to)) = (&arguments.from, &arguments.to) {
        let Some(reconstructor) = model.reconstructor() else {
            return Err(Error::Argument(format!(
                "--from: the model `{name}` cannot encode pictures; leave it out to walk between \
                 draws from its prior"
            )));
        };
        let read = |file: &PathBuf| -> Result<Tensor> {
            Ok(reconstructor.encode(&arguments.own.read(trained, from_ref(file))?)?)
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
            "--test-images: the model `{name}` cannot encode images; leave it out to walk between \
             draws from its prior"
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
