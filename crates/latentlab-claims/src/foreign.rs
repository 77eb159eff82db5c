//! Images that are no digits: what a model of digits should not be at home with.

use candle_core::{Device, Tensor};
use latentlab_core::Result;
use latentlab_tensor::Rng;

const SIDE: usize = 28;

/// The pixels of each image `[N, 1, 28, 28]` in another order, the same for all: every pixel keeps
/// its distribution, only what lies beside what is lost.
pub(crate) fn shuffled(images: &Tensor) -> Result<Tensor> {
    let order = Rng::stream(0, "claims/shuffled", 0).permutation(SIDE * SIDE);
    let order = Tensor::new(order, &Device::Cpu)?;
    let pixels = images.flatten_from(1)?.index_select(&order, 1)?;
    Ok(pixels.reshape(images.shape())?)
}

/// Images `[N, 1, 28, 28]` whose every pixel is that of another of `images` at the same place: each
/// keeps its distribution, and none knows of another, as in samples of a model that learned only
/// where it tends to be light.
pub(crate) fn independent(images: &Tensor) -> Result<Tensor> {
    const PIXELS: usize = SIDE * SIDE;
    let count = images.dim(0)?;
    let values: Vec<f32> = images.flatten_all()?.to_vec1()?;
    let mut mixed = vec![0.0; values.len()];
    for pixel in 0..PIXELS {
        let order = Rng::stream(0, "claims/independent", pixel as u64).permutation(count);
        for (image, other) in order.into_iter().enumerate() {
            mixed[image * PIXELS + pixel] = values[other as usize * PIXELS + pixel];
        }
    }
    Ok(Tensor::from_vec(mixed, images.shape(), &Device::Cpu)?)
}

/// Each image moved to the right by `pixels`; what leaves is lost, what comes in is black.
pub(crate) fn shifted(images: &Tensor, pixels: usize) -> Result<Tensor> {
    let kept = images.narrow(3, 0, SIDE - pixels)?;
    Ok(kept.pad_with_zeros(3, pixels, 0)?)
}

/// Light and dark exchanged.
pub(crate) fn inverted(images: &Tensor) -> Result<Tensor> {
    Ok(images.affine(-1.0, 1.0)?)
}

/// `count` drawings that are no digits, white on black: rings, boxes and grids of lines, with a
/// stroke as wide as a pen's, at random places.
pub(crate) fn drawings(count: usize) -> Result<Tensor> {
    let mut rng = Rng::stream(0, "claims/drawings", 0);
    let mut values = Vec::with_capacity(count * SIDE * SIDE);
    for index in 0..count {
        let mut between = |least: f64, most: f64| least + (most - least) * rng.unit();
        let (x, y, size) = (between(10.0, 18.0), between(10.0, 18.0), between(5.0, 9.0));
        let (slope, phase) = (between(-1.0, 1.0), between(0.0, 6.0));
        for pixel in 0..SIDE * SIDE {
            let (row, column) = ((pixel / SIDE) as f64 - y, (pixel % SIDE) as f64 - x);
            let distance = match index % 3 {
                0 => (row.hypot(column) - size).abs().min(row.abs()),
                1 => (row.abs().max(column.abs()) - size).abs(),
                _ if row.abs().max(column.abs()) > size => 9.0,
                _ => (row + slope * column + phase).rem_euclid(6.0) - 3.0,
            };
            values.push((1.8 - distance.abs()).clamp(0.0, 1.0) as f32);
        }
    }
    Ok(Tensor::from_vec(
        values,
        (count, 1, SIDE, SIDE),
        &Device::Cpu,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_keeps_every_image_its_values() {
        let images = drawings(3).unwrap();
        let sums = |images: &Tensor| -> Vec<f32> {
            let sums = images.flatten_from(1).unwrap().sum(1).unwrap();
            sums.to_vec1().unwrap()
        };
        let shuffled = shuffled(&images).unwrap();
        for (before, after) in sums(&images).into_iter().zip(sums(&shuffled)) {
            assert!((before - after).abs() < 1e-2, "{before} {after}");
        }
    }

    #[test]
    fn independent_pixels_keep_their_values_over_all_images_and_leave_theirs() {
        let images = drawings(60).unwrap();
        let mixed = independent(&images).unwrap();
        let columns = |images: &Tensor| -> Vec<Vec<f32>> {
            let columns = images.flatten_from(1).unwrap().t().unwrap();
            columns.to_vec2().unwrap()
        };
        let (mut before, mut after) = (columns(&images), columns(&mixed));
        assert_ne!(before, after);
        for column in before.iter_mut().chain(&mut after) {
            column.sort_by(f32::total_cmp);
        }
        assert_eq!(before, after);
        // What one pixel is says nothing of its neighbour: the variance of an image's sum is that of
        // its pixels, where the pixels of a drawing are light together.
        let spread = |images: &Tensor| -> f32 {
            let sums = images.flatten_from(1).unwrap().sum(1).unwrap();
            sums.var(0).unwrap().to_scalar().unwrap()
        };
        assert!(spread(&mixed) < spread(&images) / 4.0);
    }

    #[test]
    fn a_shifted_image_starts_black_and_goes_on_as_before() {
        let images = drawings(1).unwrap();
        let moved = shifted(&images, 3).unwrap();
        let row = |images: &Tensor| -> Vec<f32> {
            images
                .squeeze(0)
                .unwrap()
                .squeeze(0)
                .unwrap()
                .get(14)
                .unwrap()
                .to_vec1()
                .unwrap()
        };
        assert_eq!(row(&moved)[..3], [0.0; 3]);
        assert_eq!(row(&moved)[3..], row(&images)[..25]);
    }

    #[test]
    fn drawings_have_about_as_much_ink_as_digits() {
        let mean = drawings(300).unwrap().mean_all().unwrap();
        let mean: f32 = mean.to_scalar().unwrap();
        assert!(
            (0.08..0.25).contains(&mean),
            "digits have 0.13, these {mean}"
        );
    }
}
