//! A loaded die: the smallest distribution on which a generator can be judged exactly.

use latentlab_core::ValueRange;

use crate::{Result, images::Loaded, synthetic::Synthetic};

/// The probabilities of the die's six faces: face 5 (the six) in half of the throws, faces 3 and 4
/// never.
///
/// Its entropy is 1.24245 nats; to a fair die, the total variation distance is 1/3.
pub const DICE: [f64; 6] = [1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0, 0.0, 0.0, 0.5];

/// Throws of the die as one-hot images of six channels and one pixel; labels are the faces 0 to 5.
pub(crate) fn load(counts: &Synthetic, seed: u64) -> Result<Loaded> {
    counts.draw("dice", ValueRange::Unit, seed, |rng| {
        let face = [0, 1, 2, 5, 5, 5][rng.below(6) as usize];
        let mut image = [0.0; 6];
        image[face] = 1.0;
        (face as u32, image)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_come_up_as_often_as_the_die_is_loaded() {
        let counts = Synthetic {
            train: 60_000,
            test: 0,
        };
        let images = load(&counts, 0).unwrap().images;
        let rows: Vec<u32> = (0..60_000).collect();
        for (share, probability) in images.mean(&rows).into_iter().zip(DICE) {
            let deviation = (probability * (1.0 - probability) / 60_000.0).sqrt();
            assert!(
                (f64::from(share) - probability).abs() <= 4.0 * deviation,
                "{share}"
            );
        }
    }

    #[test]
    fn the_label_is_the_face_that_is_one() {
        let images = load(
            &Synthetic {
                train: 100,
                test: 0,
            },
            0,
        )
        .unwrap()
        .images;
        let batch = images.gather(&(0..100).collect::<Vec<u32>>());
        for (image, label) in batch.values.chunks(6).zip(batch.labels.unwrap()) {
            assert_eq!(image.iter().sum::<f32>(), 1.0);
            assert_eq!(image[label as usize], 1.0);
        }
    }
}
