//! What a run draws of its model, chosen by what the model can do and what its data look like.

use std::sync::Arc;

use crate::{
    Picture,
    picture::{self, Grid},
};
use candle_core::{DType, Device, Tensor};
use latentlab_core::{DataInfo, GenerativeModel, ValueRange};
use latentlab_data::{Dataset, Split};
use latentlab_tensor::Rng;

use latentlab_evaluate::{at_once, in_batches};
use latentlab_run::Result;

/// Images in a row of a picture.
pub const COLUMNS: usize = 8;
/// Images that pass through a network at once, at most.
const AT_ONCE: usize = 4_096;
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
    /// What images that `info` is about are drawn as.
    fn of(info: &DataInfo) -> Self {
        match info.range {
            _ if info.are_pictures() => Self::Grid,
            ValueRange::Real => Self::Scatter,
            ValueRange::Unit => Self::Bars,
        }
    }
}

/// What images are drawn on: a grid, or a plot that shows the data as well.
#[derive(Clone, Debug)]
pub struct Canvas {
    form: Form,
    /// How many images pass through a network at once.
    at_once: usize,
    /// The data of a plot.
    data: Option<Arc<Dataset>>,
}

impl Canvas {
    /// The canvas for images like those of `dataset`.
    pub fn of(dataset: &Arc<Dataset>) -> Self {
        Self {
            form: Form::of(dataset.info()),
            at_once: at_once(dataset.info().shape, AT_ONCE),
            data: Some(Arc::clone(dataset)),
        }
    }

    /// The canvas for images that `info` is about; `open` is asked for the data only where these are
    /// part of what is drawn.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn for_images(info: &DataInfo, open: impl FnOnce() -> Result<Dataset>) -> Result<Self> {
        let form = Form::of(info);
        let data = match form {
            Form::Grid => None,
            Form::Scatter | Form::Bars => Some(Arc::new(open()?)),
        };
        Ok(Self {
            form,
            at_once: at_once(info.shape, AT_ONCE),
            data,
        })
    }

    /// Images as a picture of their form; `grid` is how a grid of them looks.
    pub fn draw(&self, images: &Tensor, grid: &Grid) -> Result<Picture> {
        match (self.form, &self.data) {
            (Form::Scatter, Some(data)) => {
                let points = some_test_images(data)?;
                let reach = reach(&points)?;
                Ok(picture::scatter(images, &points, (-reach, reach))?)
            }
            (Form::Bars, Some(data)) => {
                let truth = latentlab_metrics::class_shares(&some_test_images(data)?)?;
                let shares = latentlab_metrics::class_shares(images)?;
                let pairs: Vec<_> = truth.into_iter().zip(shares).collect();
                Ok(picture::bars(&pairs))
            }
            _ => Ok(grid.draw(images)?),
        }
    }

    /// How many images a picture of `wanted` shows: plots show more of them.
    fn count(&self, wanted: usize) -> usize {
        match self.form {
            Form::Grid => wanted,
            Form::Scatter | Form::Bars => POINTS,
        }
    }
}

/// New images from the latent vectors of `rng`: the same vectors whenever the stream is the same.
/// None if the model has no sampler.
pub fn samples(
    model: &dyn GenerativeModel,
    canvas: &Canvas,
    count: usize,
    rng: &mut Rng,
) -> Result<Option<Picture>> {
    let Some(sampler) = model.sampler() else {
        return Ok(None);
    };
    let latent = sampler.prior(canvas.count(count), rng)?;
    let images = in_batches(&latent, canvas.at_once, |latent| {
        sampler.generate(latent, None)
    })?;
    canvas.draw(&images, &Grid::new(COLUMNS)).map(Some)
}

/// The first `count` test images above what the model makes of them. None if the model cannot
/// reconstruct, or the data are no pictures.
pub fn reconstructions(
    model: &dyn GenerativeModel,
    dataset: &Dataset,
    count: usize,
    device: &Device,
    grid: &Grid,
) -> Result<Option<Picture>> {
    let Some(reconstructor) = model.reconstructor() else {
        return Ok(None);
    };
    if !dataset.info().are_pictures() {
        return Ok(None);
    }
    let originals = dataset.first(Split::Test, count, device)?.images;
    let at_once = at_once(dataset.info().shape, AT_ONCE);
    let restored = in_batches(&originals, at_once, |images| {
        reconstructor.reconstruct(images)
    })?;
    Ok(Some(grid.pairs(&originals, &restored)?))
}

/// Half the side of a square about the origin that holds `points` with some room.
fn reach(points: &Tensor) -> Result<f64> {
    let largest = points.abs()?.flatten_all()?.max(0)?.to_dtype(DType::F64)?;
    Ok(largest.to_scalar::<f64>()? * 1.25)
}

fn some_test_images(dataset: &Dataset) -> Result<Tensor> {
    let batch = dataset.first(Split::Test, POINTS, &Device::Cpu)?;
    Ok(batch.images)
}
