//! What pictures show.

use candle_core::{DType, Device, Tensor};

use super::Picture;
use crate::Result;

const BLACK: [u8; 3] = [0, 0, 0];
const GREY: [u8; 3] = [128, 128, 128];
const WHITE: [u8; 3] = [255, 255, 255];
const BLUE: [u8; 3] = [31, 119, 180];
const ORANGE: [u8; 3] = [255, 127, 14];

/// Images of at most this many rows are drawn at twice their size.
const SMALL: usize = 64;

/// Images `[N, C, H, W]` with values in `[0, 1]` (what exceeds them is clipped), row by row in
/// `columns` columns. One channel is drawn in grey, three are red, green and blue.
///
/// # Errors
/// If there are no images, or their channels are neither 1 nor 3.
pub fn image_grid(images: &Tensor, columns: usize) -> Result<Picture> {
    let (count, channels, height, width) = images.dims4()?;
    if count == 0 || columns == 0 || !matches!(channels, 1 | 3) {
        let problem = format!(
            "cannot draw images of shape {:?} in {columns} columns: at least one of each, and 1 or \
             3 channels, are needed",
            images.dims()
        );
        return Err(latentlab_core::Error::Data(problem).into());
    }
    let values: Vec<f32> = on_host(images)?.flatten_all()?.to_vec1()?;
    let zoom = if height.max(width) <= SMALL { 2 } else { 1 };
    let (tile_width, tile_height) = (width * zoom + 1, height * zoom + 1);
    let rows = count.div_ceil(columns);
    let mut picture = Picture::new(columns * tile_width + 1, rows * tile_height + 1, GREY);
    for index in 0..count {
        let left = 1 + index % columns * tile_width;
        let top = 1 + index / columns * tile_height;
        for row in 0..height {
            for column in 0..width {
                let value = |channel: usize| {
                    let plane = index * channels + channel.min(channels - 1);
                    let value = values[(plane * height + row) * width + column];
                    (value.clamp(0.0, 1.0) * 255.0).round() as u8
                };
                let colour = [value(0), value(1), value(2)];
                picture.fill(left + column * zoom, top + row * zoom, zoom, zoom, colour);
            }
        }
    }
    Ok(picture)
}

/// Originals `[N, C, H, W]` with their reconstructions below them, in `columns` columns; values as
/// in [`image_grid`].
pub fn pairs(originals: &Tensor, reconstructions: &Tensor, columns: usize) -> Result<Picture> {
    let count = originals.dim(0)?;
    let mut rows = Vec::new();
    for start in (0..count).step_by(columns.max(1)) {
        let length = columns.min(count - start);
        for images in [originals, reconstructions] {
            let row = images.narrow(0, start, length)?;
            rows.push(row.pad_with_zeros(0, 0, columns - length)?);
        }
    }
    image_grid(&Tensor::cat(&rows, 0)?, columns)
}

/// Points `[N, 2, ..]` (first coordinate to the right, second up) in the square from `bounds.0` to
/// `bounds.1`; points outside of it are left out.
pub fn scatter(points: &Tensor, bounds: (f64, f64)) -> Result<Picture> {
    const SIDE: usize = 400;
    let points: Vec<Vec<f32>> = on_host(points)?.flatten_from(1)?.to_vec2()?;
    let mut picture = Picture::new(SIDE, SIDE, WHITE);
    let place = |value: f32| {
        let share = (f64::from(value) - bounds.0) / (bounds.1 - bounds.0);
        (0.0..1.0)
            .contains(&share)
            .then_some((share * SIDE as f64) as usize)
    };
    for point in points {
        if let (Some(column), Some(row)) = (place(point[0]), place(point[1])) {
            picture.fill(
                column.saturating_sub(1),
                (SIDE - 1 - row).saturating_sub(1),
                3,
                3,
                BLUE,
            );
        }
    }
    Ok(picture)
}

/// For each outcome of a discrete distribution two bars: the truth (blue) and the model (orange),
/// both probabilities in `[0, 1]`. The top of the picture is the highest of them.
pub fn bars(probabilities: &[(f64, f64)]) -> Picture {
    const HEIGHT: usize = 200;
    const BAR: usize = 16;
    let slot = 2 * BAR + BAR / 2;
    let mut picture = Picture::new(slot * probabilities.len() + BAR / 2, HEIGHT + 1, WHITE);
    let highest = probabilities
        .iter()
        .map(|(a, b)| a.max(*b))
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut bar = |left: usize, value: f64, colour| {
        let height = (value / highest * HEIGHT as f64).round() as usize;
        picture.fill(left, HEIGHT - height.min(HEIGHT), BAR, height, colour);
    };
    for (index, (truth, model)) in probabilities.iter().enumerate() {
        let left = BAR / 2 + index * slot;
        bar(left, *truth, BLUE);
        bar(left + BAR, *model, ORANGE);
    }
    picture.fill(0, HEIGHT, picture.width(), 1, BLACK);
    picture
}

fn on_host(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_dtype(DType::F32)?.to_device(&Device::Cpu)?)
}
