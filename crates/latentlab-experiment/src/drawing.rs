//! What a run draws of its model, chosen by what the model can do and what its data look like.

use candle_core::{DType, Tensor};
use latentlab_core::{DataInfo, GenerativeModel, ValueRange};
use latentlab_data::{Dataset, Split};
use latentlab_tensor::Rng;
use latentlab_train::{Picture, picture};

use crate::Result;

/// Images in a row of a picture.
const COLUMNS: usize = 8;
/// Points in a scatter plot, and throws of a die: pictures of images show fewer.
const POINTS: usize = 2_000;

/// What images of these data are drawn as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A grid of pictures.
    Grid,
    /// Points in the plane.
    Scatter,
    /// Shares of outcomes, for one-hot images of one pixel.
    Bars,
}

impl Form {
    fn of(info: &DataInfo) -> Self {
        let shape = info.shape;
        match (shape.height * shape.width, shape.channels, info.range) {
            (1, 2, ValueRange::Real) => Self::Scatter,
            (1, _, ValueRange::Unit) => Self::Bars,
            _ => Self::Grid,
        }
    }
}

/// Whether images of these data are pictures, rather than points or throws of a die.
pub fn are_pictures(dataset: &Dataset) -> bool {
    Form::of(dataset.info()) == Form::Grid
}

/// New images from the latent vectors of `rng`: the same vectors whenever the stream is the same.
/// None if the model has no sampler.
pub fn samples(
    model: &dyn GenerativeModel,
    dataset: &Dataset,
    count: usize,
    rng: &mut Rng,
) -> Result<Option<Picture>> {
    let Some(sampler) = model.sampler() else {
        return Ok(None);
    };
    let form = Form::of(dataset.info());
    let count = if form == Form::Grid { count } else { POINTS };
    let images = sampler.generate(&sampler.prior(count, rng)?, None)?;
    self::images(&images, dataset, COLUMNS).map(Some)
}

/// The first `count` test images above what the model makes of them. None if the model cannot
/// reconstruct, or the data are no pictures.
pub fn reconstructions(
    model: &dyn GenerativeModel,
    dataset: &Dataset,
    count: usize,
    device: &candle_core::Device,
) -> Result<Option<Picture>> {
    let Some(reconstructor) = model.reconstructor() else {
        return Ok(None);
    };
    if Form::of(dataset.info()) != Form::Grid {
        return Ok(None);
    }
    let originals = dataset.first(Split::Test, count, device)?.images;
    let restored = reconstructor.reconstruct(&originals)?;
    Ok(Some(picture::pairs(&originals, &restored, COLUMNS)?))
}

/// Images as a picture of their form; `columns` are those of a grid.
pub fn images(images: &Tensor, dataset: &Dataset, columns: usize) -> Result<Picture> {
    match Form::of(dataset.info()) {
        Form::Grid => Ok(picture::image_grid(images, columns)?),
        Form::Scatter => {
            let reach = reach(dataset)?;
            let data = some_test_images(dataset)?;
            Ok(picture::scatter(images, &data, (-reach, reach))?)
        }
        Form::Bars => {
            let shares = latentlab_metrics::class_shares(images)?;
            let pairs: Vec<_> = truth(dataset)?.into_iter().zip(shares).collect();
            Ok(picture::bars(&pairs))
        }
    }
}

/// Half the side of a square about the origin that holds the test points with some room.
fn reach(dataset: &Dataset) -> Result<f64> {
    let points = some_test_images(dataset)?;
    let largest = points.abs()?.flatten_all()?.max(0)?.to_dtype(DType::F64)?;
    Ok(largest.to_scalar::<f64>()? * 1.25)
}

/// Shares of the outcomes among test images.
fn truth(dataset: &Dataset) -> Result<Vec<f64>> {
    Ok(latentlab_metrics::class_shares(&some_test_images(
        dataset,
    )?)?)
}

fn some_test_images(dataset: &Dataset) -> Result<Tensor> {
    let batch = dataset.first(Split::Test, POINTS, &candle_core::Device::Cpu)?;
    Ok(batch.images)
}
