//! Mirrored images: half of a batch, left to right.

use latentlab_core::ImageShape;
use latentlab_tensor::Rng;

/// Mirrors each image of `values` `[N, C, H, W]` with probability one half.
pub(crate) fn random(values: &mut [f32], shape: ImageShape, rng: &mut Rng) {
    for image in values.chunks_exact_mut(shape.pixels()) {
        if rng.bits() & 1 == 1 {
            image
                .chunks_exact_mut(shape.width)
                .for_each(<[f32]>::reverse);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_half_of_the_images_are_mirrored_and_no_other_change_is_made() {
        let shape = ImageShape {
            channels: 2,
            height: 1,
            width: 2,
        };
        let mut values = [1.0f32, 2.0, 3.0, 4.0].repeat(10_000);
        random(&mut values, shape, &mut Rng::stream(0, "test", 0));
        let mirrored = values
            .chunks(4)
            .filter(|image| *image == [2.0, 1.0, 4.0, 3.0])
            .count();
        let kept = values
            .chunks(4)
            .filter(|image| *image == [1.0, 2.0, 3.0, 4.0])
            .count();
        assert_eq!(mirrored + kept, 10_000);
        // Four standard deviations of 50 each.
        assert!(mirrored.abs_diff(5000) < 200, "{mirrored}");
    }
}
