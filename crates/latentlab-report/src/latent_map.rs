//! Where test images lie in the latent space of a trained model, and what the space decodes to.

mod plane;

use std::{fs, ops::Range};

use crate::picture::Grid;
use candle_core::{DType, Device, Tensor};
use latentlab_core::Reconstruct;
use latentlab_data::{Dataset, Split};

use crate::{
    drawing::Canvas,
    evenly::evenly,
    plots::{Scatter, scatter},
};
use latentlab_evaluate::{at_once, in_batches};
use latentlab_run::{Error, Result, RunDir, Session};
use plane::Plane;

/// Folder of the maps in a run directory.
pub(crate) const FOLDER: &str = "latent";
/// The scatter of codes in [`FOLDER`].
pub(crate) const CODES: &str = "codes.svg";
/// The grid of decodings in [`FOLDER`].
pub(crate) const DECODED: &str = "latent-map.png";

/// Test images that are encoded, at most.
const POINTS: usize = 2_000;
/// Images that pass through the model at once, at most.
const CHUNK: usize = 250;
/// Decodings in a row and in a column of the map.
const SIDE: usize = 20;
/// The share of codes that an axis leaves out at either end, so that a few do not set its scale.
const OUTLIERS: f64 = 0.005;

/// Draws the map of the model of `session` into the run directory: the codes of test images in the
/// plane, or on a line by their class, and what one or two latent dimensions decode to.
///
/// Nothing is drawn of a model that cannot encode, and of codes that are no numbers or all the same.
///
/// # Errors
/// If the model fails or a file cannot be written.
pub(crate) fn draw(session: &Session, directory: &RunDir) -> Result<()> {
    let folder = directory.join(FOLDER);
    if folder.is_dir() {
        // It shows the model as it was when the run ended before.
        fs::remove_dir_all(&folder).map_err(Error::file(&folder))?;
    }
    let Some(reconstructor) = session.shown().reconstructor() else {
        return Ok(());
    };
    let at_once = at_once(session.dataset.info().shape, CHUNK);
    let (codes, classes) = encode(reconstructor, &session.dataset, &session.device, at_once)?;
    let dimensions = codes.first().map_or(0, Vec::len);
    let Some(plane) = Plane::of(&codes) else {
        return Ok(());
    };
    let mut points: Vec<[f64; 2]> = codes.iter().map(|code| plane.place(code)).collect();
    let mut axes = plane.axes();
    if plane.is_line() {
        if classes.is_none() {
            axes[1].clear();
        }
        for (index, point) in points.iter_mut().enumerate() {
            let class = classes.as_ref().map_or(0, |classes| classes[index]);
            point[1] = class as f64 + beside(index);
        }
    }
    let ranges = [0, 1].map(|axis| range(points.iter().map(|point| point[axis])));
    let shown = points
        .iter()
        .filter(|point| (0..2).all(|axis| ranges[axis].contains(&point[axis])))
        .count();
    let note = match plane.shares {
        None => format!("{} test images, {shown} of them shown", points.len()),
        Some([first, second]) => format!(
            "{} test images, {:.1} % of the variance of {dimensions} dimensions",
            points.len(),
            100.0 * (first + second)
        ),
    };
    let svg = scatter(&Scatter {
        axes,
        ranges: ranges.clone(),
        points,
        classes,
        note,
    });
    directory.write(&format!("{FOLDER}/{CODES}"), svg.as_bytes())?;
    if plane.shares.is_none() && session.dataset.info().are_pictures() {
        let images = match plane.is_line() {
            true => decode_line(reconstructor, &ranges[0], &session.device)?,
            false => decode(reconstructor, &ranges, &session.device, at_once)?,
        };
        let picture = Canvas::of(&session.dataset).draw(&images, &Grid::new(SIDE))?;
        directory.write(&format!("{FOLDER}/{DECODED}"), &picture.to_png())?;
    }
    Ok(())
}

/// Codes of images, one after the other, and their classes if they have any.
type Codes = (Vec<Vec<f64>>, Option<Vec<usize>>);

/// Encodes test images spread over the test set.
fn encode(
    model: &dyn Reconstruct,
    dataset: &Dataset,
    device: &Device,
    at_once: usize,
) -> Result<Codes> {
    let chosen: Vec<usize> = evenly(dataset.len(Split::Test), POINTS).collect();
    let (mut codes, mut classes) = (Vec::new(), Some(Vec::new()));
    for indices in chosen.chunks(at_once) {
        let batch = dataset.images(Split::Test, indices, device)?;
        let latent = model.encode(&batch.images)?.to_device(&Device::Cpu)?;
        codes.extend(latent.flatten_from(1)?.to_dtype(DType::F64)?.to_vec2()?);
        classes = match (classes, batch.labels) {
            (Some(mut classes), Some(labels)) => {
                let labels: Vec<u32> = labels.to_device(&Device::Cpu)?.to_vec1()?;
                classes.extend(labels.into_iter().map(|label| label as usize));
                Some(classes)
            }
            _ => None,
        };
    }
    Ok((codes, classes))
}

/// How far up or down the point of this number is moved, so that those of a class do not hide each
/// other: the golden ratio spreads them evenly.
fn beside(index: usize) -> f64 {
    0.7 * ((index as f64 * 0.618_033_988_749_895).fract() - 0.5)
}

/// The middle of one of [`SIDE`] equal parts of a range.
fn middle(range: &Range<f64>, index: usize) -> f32 {
    (range.start + (range.end - range.start) * (index as f64 + 0.5) / SIDE as f64) as f32
}

/// What points along a line decode to, from left to right.
fn decode_line(model: &dyn Reconstruct, range: &Range<f64>, device: &Device) -> Result<Tensor> {
    let latent: Vec<f32> = (0..SIDE).map(|index| middle(range, index)).collect();
    Ok(model.decode(&Tensor::from_vec(latent, (SIDE, 1), device)?)?) // [SIDE, C, H, W]
}

/// What a grid over the plane decodes to, the first axis to the right and the second up.
fn decode(
    model: &dyn Reconstruct,
    ranges: &[Range<f64>; 2],
    device: &Device,
    at_once: usize,
) -> Result<Tensor> {
    let place = |axis: usize, index: usize| middle(&ranges[axis], index);
    let latent: Vec<f32> = (0..SIDE * SIDE)
        .flat_map(|index| [place(0, index % SIDE), place(1, SIDE - 1 - index / SIDE)])
        .collect();
    let latent = Tensor::from_vec(latent, (SIDE * SIDE, 2), device)?;
    in_batches(&latent, at_once, |latent| Ok(model.decode(latent)?)) // [SIDE², C, H, W]
}

/// The range of some values, a few outliers left out, with a margin; never empty.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let place = |share: f64| ((values.len() - 1) as f64 * share).round() as usize;
    let (low, high) = (values[place(OUTLIERS)], values[place(1.0 - OUTLIERS)]);
    let least = (low.abs().max(high.abs()) * 1e-3).max(f64::MIN_POSITIVE);
    let margin = ((high - low) * 0.04).max(least);
    (low - margin)..(high + margin)
}

#[cfg(test)]
mod tests;
