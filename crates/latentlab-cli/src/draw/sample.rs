//! `latentlab sample`: new images, in one picture or in a file each.

use std::path::{Path, PathBuf};

use clap::Args;
use latentlab_core::{Registry, Sample};
use latentlab_tensor::Rng;
use latentlab_train::durable;

use super::{CHUNK, MOST, Which, cannot, within};
use crate::{
    outputs::{
        Look, check_place, empty_folder, numbered, refuse_among_data, refuse_huge, write_picture,
    },
    say,
};
use latentlab_evaluate::{at_once, in_batches};
use latentlab_run::{Error, Result, Trained};

/// Files that are written at most.
const MOST_FILES: usize = 100_000;

/// Arguments of `sample`.
#[derive(Debug, Args)]
pub(crate) struct SampleArguments {
    #[command(flatten)]
    which: Which,
    /// The picture to write: .png, .jpg or .gif
    #[arg(long, value_name = "FILE", required_unless_present = "each")]
    out: Option<PathBuf>,
    /// Write each image to a file of its own in DIR instead: PNG, at its own size, without a frame
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    each: Option<PathBuf>,
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
    #[command(flatten)]
    look: Look,
}

pub(crate) fn sample(arguments: &SampleArguments, registry: &Registry) -> Result<u8> {
    let most = if arguments.each.is_some() {
        MOST_FILES
    } else {
        MOST
    };
    within("--count", arguments.count, 1, most)?;
    let run = arguments.which.run()?;
    let trained = run.model().trained(registry)?;
    let sampler = trained.shown().sampler();
    let sampler = sampler.ok_or_else(|| cannot(&trained.experiment, trained.shown(), "sample"))?;
    if let Some(folder) = &arguments.each {
        return sample_each(arguments, folder, &trained, sampler);
    }
    let out = arguments.out.as_deref().unwrap_or(Path::new(""));
    check_place(out, false, &trained.experiment)?;
    let columns = (arguments.count as f64).sqrt().ceil() as usize;
    let grid = arguments.look.grid(columns, trained.info.shape)?;
    refuse_huge(arguments.count, trained.info.shape, &grid)?;
    let latent = sampler.prior(arguments.count, &mut stream(arguments))?;
    let images = in_batches(&latent, at_once(trained.info.shape, CHUNK), |latent| {
        sampler.generate(latent, None)
    })?;
    let picture = run.canvas(&trained)?.draw(&images, &grid)?;
    write_picture(out, &[picture], trained.step)
}

/// The images of [`sample`], some of which are in memory at a time.
fn sample_each(
    arguments: &SampleArguments,
    folder: &Path,
    trained: &Trained,
    sampler: &dyn Sample,
) -> Result<u8> {
    if !trained.info.are_pictures() {
        let problem = "--each: these images are points or throws of a die; draw them with --out";
        return Err(Error::Argument(problem.to_owned()));
    }
    let (count, shape) = (arguments.count, trained.info.shape);
    refuse_among_data(&numbered(folder, 0), &trained.experiment)?;
    let grid = arguments.look.grid(1, shape)?;
    empty_folder(folder)?;
    let latent = sampler.prior(count, &mut stream(arguments))?;
    let size = at_once(shape, CHUNK);
    for start in (0..count).step_by(size) {
        let some = latent.narrow(0, start, size.min(count - start))?;
        let pictures = grid.each(&sampler.generate(&some, None)?)?;
        for (place, picture) in pictures.into_iter().enumerate() {
            durable::replace(&numbered(folder, start + place), &picture)?;
        }
    }
    let (folder, step) = (folder.display(), trained.step);
    say(format!("{folder}: {count} pictures, model of step {step}"));
    Ok(0)
}

fn stream(arguments: &SampleArguments) -> Rng {
    Rng::stream(arguments.seed, "cli/sample", 0)
}
