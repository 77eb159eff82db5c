//! `latentlab reconstruct`: test images, or pictures of one's own, and what a model makes of them.

use std::path::PathBuf;

use clap::Args;
use latentlab_core::Registry;

use super::{CHUNK, MOST, Own, Run, Which, cannot, within};
use crate::outputs::{Look, check_place, refuse_huge, write_picture};
use latentlab_evaluate::{at_once, in_batches};
use latentlab_report::drawing::{COLUMNS, reconstructions};
use latentlab_run::Result;

/// Arguments of `reconstruct`.
#[derive(Debug, Args)]
pub(crate) struct ReconstructArguments {
    #[command(flatten)]
    which: Which,
    /// The picture to write: .png, .jpg or .gif
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How many test images
    #[arg(
        long,
        value_name = "N",
        default_value_t = 32,
        allow_negative_numbers = true
    )]
    count: usize,
    /// Pictures of your own in the place of test images
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "count")]
    image: Vec<PathBuf>,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    look: Look,
}

pub(crate) fn reconstruct(arguments: &ReconstructArguments, registry: &Registry) -> Result<u8> {
    within("--count", arguments.count, 1, MOST)?;
    let run = arguments.which.run()?;
    if !arguments.image.is_empty() {
        return reconstruct_own(arguments, &run, registry);
    }
    let (session, step) = run.model().session(registry)?;
    check_place(&arguments.out, false, &session.experiment)?;
    let shape = session.dataset.info().shape;
    let grid = arguments.look.grid(COLUMNS, shape)?;
    refuse_huge(2 * arguments.count, shape, &grid)?;
    let (model, dataset, device) = (session.shown(), &session.dataset, &session.device);
    let drawn = reconstructions(model, dataset, arguments.count, device, &grid)?;
    let picture = drawn.ok_or_else(|| cannot(&session.experiment, model, "reconstruct"))?;
    write_picture(&arguments.out, &[picture], step)
}

/// What a model makes of pictures from anywhere, which needs no other data.
fn reconstruct_own(arguments: &ReconstructArguments, run: &Run, registry: &Registry) -> Result<u8> {
    let trained = run.model().trained(registry)?;
    check_place(&arguments.out, false, &trained.experiment)?;
    let model = trained.shown();
    let reconstructor = model.reconstructor();
    let reconstructor =
        reconstructor.ok_or_else(|| cannot(&trained.experiment, model, "reconstruct"))?;
    let shape = trained.info.shape;
    let grid = arguments
        .look
        .grid(COLUMNS.min(arguments.image.len()), shape)?;
    refuse_huge(2 * arguments.image.len(), shape, &grid)?;
    let images = arguments.own.read(&trained, &arguments.image)?;
    let restored = in_batches(&images, at_once(shape, CHUNK), |images| {
        reconstructor.reconstruct(images)
    })?;
    let picture = grid.pairs(&images, &restored)?;
    write_picture(&arguments.out, &[picture], trained.step)
}
