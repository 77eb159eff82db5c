//! Grey levels taken as probabilities of black and white.

use latentlab_tensor::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether grey levels become 0 or 1, each pixel being 1 with its grey level as the probability.
///
/// The log-likelihood of a Bernoulli decoder means something on binary pixels only. Figures on
/// fixed and on fresh draws differ by about 2 nats on MNIST, so say which was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Binarise {
    /// Grey levels stay.
    #[default]
    None,
    /// Drawn once for each image: the same in every epoch.
    Static,
    /// Drawn anew each time an image is trained on (Burda et al. 2016). Where images are
    /// evaluated, the draw of `static` is used, so that two evaluations agree.
    Dynamic,
}

/// Replaces each probability by a draw.
pub(crate) fn draw(values: &mut [f32], rng: &mut Rng) {
    for value in values {
        *value = f32::from(u8::from(rng.unit() < f64::from(*value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_one_as_often_as_their_grey_level() {
        let mut values = vec![0.3f32; 100_000];
        draw(&mut values, &mut Rng::stream(0, "test", 0));
        let share = values.iter().sum::<f32>() / 100_000.0;
        // Four standard deviations, √(0.3 · 0.7 / 100,000) each.
        assert!((share - 0.3).abs() < 4.0 * 0.00145, "{share}");
    }

    #[test]
    fn black_and_white_stay() {
        let mut values = [0.0f32, 1.0].repeat(1000);
        draw(&mut values, &mut Rng::stream(0, "test", 0));
        assert_eq!(values, [0.0f32, 1.0].repeat(1000));
    }
}
