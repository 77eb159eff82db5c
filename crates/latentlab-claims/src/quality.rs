//! What samples of digits are worth, by the classifier that comes with the program.

use candle_core::Tensor;
use latentlab_data::Split;
use latentlab_metrics::{self as metrics, ClassCounts, Features, Moments};
use latentlab_run::{Error, Result};

use crate::{Lab, finding::number, foreign};

/// Judges samples by how they compare with MNIST's test images.
pub(crate) struct Judge<'a> {
    lab: &'a Lab,
    real: Moments,
}

/// What samples are worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// Fréchet distance of the classifier's features from those of the test images.
    pub frechet: f64,
    /// Share that the classifier is at least 90 % sure of.
    pub sure: f64,
    /// Digits that at least one sample in a hundred is taken for.
    pub digits: usize,
}

/// What samples must be worth for their generator to have learned the digits: every digit is made,
/// and they come nearer to the test images than images of independent pixels do.
///
/// Below that a comparison says nothing: generators that have all collapsed are alike. The bound is
/// measured of the data, not chosen, so that no verdict could be wished for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    /// The Fréchet distance of images whose pixels are independent.
    frechet: f64,
}

/// Digits that there are.
const DIGITS: usize = 10;
/// The share of the samples from which on a digit counts as made.
const MADE: f64 = 0.01;

impl Quality {
    /// Whether a generator of such samples has learned the digits.
    pub fn is_above(&self, floor: &Floor) -> bool {
        self.digits >= DIGITS && self.frechet < floor.frechet
    }
}

impl Floor {
    /// Why these GANs are not compared, if one of them has not learned the digits.
    pub fn obstacle(&self, gans: &[Quality]) -> Option<String> {
        let below = gans.iter().filter(|gan| !gan.is_above(self)).count();
        let count = gans.len();
        (below > 0 || count == 0)
            .then(|| format!("{below} of {count} GANs have not learned the digits"))
    }

    /// Of what quality these GANs are, which took `steps` of the `whole` that `gan-mnist` takes, and
    /// what they are held to.
    pub fn remark(&self, gans: &[Quality], steps: u64, whole: u64) -> String {
        let distances = || gans.iter().map(|gan| gan.frechet);
        let nearest = distances().fold(f64::INFINITY, f64::min);
        let farthest = distances().fold(f64::NEG_INFINITY, f64::max);
        let fewest = gans.iter().map(|gan| gan.digits).min().unwrap_or(0);
        format!(
            "Of what quality these {} GANs are: their Fréchet distances go from {} to {}, and the one \
             with the fewest digits makes {fewest} of {DIGITS}. They took {steps} steps, where the \
             experiment `gan-mnist` takes {whole} (the [README](../../README.md) has its figures by \
             `evaluate`): what is found here is found of GANs of this quality. {}",
            gans.len(),
            number(nearest),
            number(farthest),
            self.explanation()
        )
    }

    /// What GANs are held to before they are compared.
    pub fn explanation(&self) -> String {
        format!(
            "A GAN has learned the digits, and is compared, if each of them is at least one sample in \
             a hundred, and its Fréchet distance is below {}: that of images which take every pixel \
             from another training image, so that none knows of its neighbour. A figure of GANs that \
             have not is not judged.",
            number(self.frechet)
        )
    }
}

impl<'a> Judge<'a> {
    /// A judge who has seen all 10,000 test images.
    pub fn new(lab: &'a Lab) -> Result<Self> {
        let images = lab.mnist(Split::Test, 10_000)?.images;
        let features = Features::of(&lab.digits().of(&images)?)?;
        Ok(Self {
            lab,
            real: Moments::of(&features)?,
        })
    }

    /// What samples must be worth to be compared.
    pub fn floor(&self) -> Result<Floor> {
        let images = self.lab.mnist(Split::Train, 10_000)?.images;
        let frechet = self.quality(&foreign::independent(&images)?)?.frechet;
        Ok(Floor { frechet })
    }

    /// What `images` `[N, 1, 28, 28]` are worth; clipped to `[0, 1]` first.
    pub fn quality(&self, images: &Tensor) -> Result<Quality> {
        let digits = self.lab.digits();
        let features = digits.of(&images.clamp(0.0, 1.0)?)?;
        let probabilities = digits
            .class_probabilities(&features)?
            .ok_or_else(|| Error::Argument("the digits have no classifier".to_owned()))?;
        let moments = Moments::of(&Features::of(&features)?)?;
        let probabilities = Features::of(&probabilities)?;
        let shares = ClassCounts::predicted(&probabilities).shares()?;
        Ok(Quality {
            frechet: metrics::frechet_distance(&self.real, &moments)?.value,
            sure: metrics::confident_share(&probabilities, 0.9)?.value,
            digits: shares.iter().filter(|share| **share >= MADE).count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(frechet: f64, digits: usize) -> Quality {
        Quality {
            frechet,
            sure: 1.0,
            digits,
        }
    }

    const FLOOR: Floor = Floor { frechet: 2000.0 };

    #[test]
    fn generators_that_have_not_learned_are_not_compared() {
        let good = quality(30.0, 10);
        assert_eq!(FLOOR.obstacle(&[good, good]), None);
        for bad in [quality(30.0, 9), quality(2000.0, 10), quality(f64::NAN, 10)] {
            let found = FLOOR.obstacle(&[good, bad, good]);
            let found = found.unwrap_or_else(|| panic!("{bad:?} is compared"));
            assert_eq!(found, "1 of 3 GANs have not learned the digits");
        }
        assert!(FLOOR.obstacle(&[]).is_some(), "nothing to compare");
    }

    #[test]
    fn a_page_tells_of_what_quality_its_generators_are() {
        let gans = [quality(912.34, 8), quality(601.2, 10)];
        let text = FLOOR.remark(&gans, 6000, 16_000);
        for part in [
            "these 2 GANs",
            "from 601.2 to 912.3",
            "makes 8 of 10",
            "below 2000",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("6000 steps") && text.contains("takes 16000"));
    }

    #[test]
    fn independent_pixels_are_worse_than_digits_and_a_collapse_is_worse_still() {
        let folder = tempfile::tempdir().unwrap();
        let lab = Lab::new(folder.path(), true).unwrap();
        let judge = Judge::new(&lab).unwrap();
        let floor = judge.floor().unwrap();
        let train = lab.mnist(Split::Train, 2_000).unwrap().images;
        let digits = judge.quality(&train).unwrap();
        assert!(digits.is_above(&floor), "{digits:?}, {floor:?}");
        let one = train.narrow(0, 0, 1).unwrap();
        let collapsed = one.broadcast_as(train.shape()).unwrap();
        let collapsed = judge.quality(&collapsed).unwrap();
        assert!(!collapsed.is_above(&floor), "{collapsed:?}, {floor:?}");
        assert!(
            collapsed.frechet > floor.frechet,
            "and not for its digits alone"
        );
    }
}
