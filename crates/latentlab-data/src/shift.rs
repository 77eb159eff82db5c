//! Shifted images: each moved by a few pixels, so that a network does not learn where things lie.

use latentlab_core::ImageShape;
use latentlab_tensor::Rng;

/// Moves each image of `values` `[N, C, H, W]` by `-most` to `most` pixels along both axes, every
/// distance as likely as any other; what comes in at the border is 0.
pub(crate) fn random(values: &mut [f32], shape: ImageShape, most: usize, rng: &mut Rng) {
    let mut before = vec![0.0; shape.pixels()];
    let mut distance = || rng.below(2 * most as u64 + 1) as isize - most as isize;
    for image in values.chunks_exact_mut(shape.pixels()) {
        let (down, right) = (distance(), distance());
        before.copy_from_slice(image);
        let rows = image.chunks_exact_mut(shape.width);
        for (index, row) in rows.enumerate() {
            let (plane, y) = (index / shape.height, index % shape.height);
            let from = y.checked_add_signed(-down).filter(|y| *y < shape.height);
            let Some(from) = from else {
                row.fill(0.0);
                continue;
            };
            let start = (plane * shape.height + from) * shape.width;
            shifted(row, &before[start..start + shape.width], right);
        }
    }
}

fn shifted(row: &mut [f32], before: &[f32], right: isize) {
    for (x, value) in row.iter_mut().enumerate() {
        let from = x.checked_add_signed(-right);
        *value = from.and_then(|x| before.get(x)).copied().unwrap_or(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape {
        channels: 2,
        height: 3,
        width: 3,
    };

    #[test]
    fn a_pixel_goes_to_every_place_within_reach_equally_often_and_keeps_its_plane() {
        let mut image = vec![0.0f32; SHAPE.pixels()];
        (image[4], image[13]) = (1.0, 2.0); // the middle of both planes
        let mut values = image.repeat(9_000);
        random(&mut values, SHAPE, 1, &mut Rng::stream(0, "test", 0));
        let mut places = [0u32; 9];
        for image in values.chunks_exact(SHAPE.pixels()) {
            let place = image.iter().position(|value| *value == 1.0).unwrap();
            assert_eq!(image[9 + place], 2.0);
            assert_eq!(image.iter().sum::<f32>(), 3.0);
            places[place] += 1;
        }
        // Four standard deviations of 30 each.
        assert!(
            places.iter().all(|count| count.abs_diff(1000) < 120),
            "{places:?}"
        );
    }

    #[test]
    fn what_leaves_is_gone_and_what_comes_in_is_0() {
        let mut row = [1.0, 2.0, 3.0];
        shifted(&mut row, &[1.0, 2.0, 3.0], 1);
        assert_eq!(row, [0.0, 1.0, 2.0]);
        shifted(&mut row, &[1.0, 2.0, 3.0], -2);
        assert_eq!(row, [3.0, 0.0, 0.0]);
        shifted(&mut row, &[1.0, 2.0, 3.0], 5);
        assert_eq!(row, [0.0; 3]);
    }
}
