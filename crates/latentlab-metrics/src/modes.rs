//! How many modes of a known mixture a generator finds.

use candle_core::Tensor;
use latentlab_core::{Error, Result};

use crate::{host::host_rows, nothing};

/// How samples spread over the modes of a mixture of Gaussians in the plane.
///
/// The definitions are VEEGAN's (Srivastava et al. 2017, section 4.1), which PacGAN (Lin et al. 2018)
/// shares; both draw 2,500 samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// Share of the samples that are of high quality: within three standard deviations of the mode
    /// nearest to them. That of the mixture itself is 1 − e^(−9/2) = 0.98889.
    pub high_quality: f64,
    /// Number of high-quality samples of each mode.
    pub samples_per_mode: Vec<usize>,
    /// Number of samples, of whatever quality.
    pub samples: usize,
}

impl Coverage {
    /// The number of modes with at least one high-quality sample.
    pub fn covered(&self) -> usize {
        self.samples_per_mode
            .iter()
            .filter(|samples| **samples > 0)
            .count()
    }
}

/// Counts the samples, `[N, 2]` or `[N, 2, 1, 1]`, of each of `modes`, round Gaussians whose
/// coordinates have the standard deviation `deviation`.
///
/// # Errors
/// If there are no samples, no modes, the samples are no points in the plane, or the deviation is
/// negative or not finite.
pub fn mode_coverage(samples: &Tensor, modes: &[[f64; 2]], deviation: f64) -> Result<Coverage> {
    let count = match samples.dims() {
        [count, 2] | [count, 2, 1, 1] => *count,
        other => {
            let problem = format!("expected samples of shape [N, 2, 1, 1], not {other:?}");
            return Err(Error::Data(problem));
        }
    };
    if count == 0 {
        return Err(nothing("samples"));
    }
    if !(0.0..f64::INFINITY).contains(&deviation) {
        let problem = format!("modes cannot have the deviation {deviation}: take one from 0 on");
        return Err(Error::Data(problem));
    }
    let points = host_rows(&samples.reshape((count, 2))?)?;
    let mut samples_per_mode = vec![0; modes.len()];
    for point in points {
        let distances = modes
            .iter()
            .map(|[x, y]| (point[0] - x).hypot(point[1] - y));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let (mode, distance) = nearest.ok_or_else(|| nothing("modes"))?;
        if distance <= 3.0 * deviation {
            samples_per_mode[mode] += 1;
        }
    }
    let good: usize = samples_per_mode.iter().sum();
    Ok(Coverage {
        high_quality: good as f64 / count as f64,
        samples_per_mode,
        samples: count,
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use latentlab_tensor::Rng;

    use super::*;

    const MODES: [[f64; 2]; 2] = [[0.0, 0.0], [1.0, 0.0]];

    #[test]
    fn a_sample_counts_for_its_nearest_mode_within_three_deviations() {
        let samples = [
            [0.0f64, 0.29],
            [0.0, 0.31],
            [0.9, 0.1],
            [1.0, 0.0],
            [f64::NAN, 0.0],
        ];
        let samples = Tensor::new(&samples, &Device::Cpu).unwrap();
        let coverage = mode_coverage(&samples, &MODES, 0.1).unwrap();
        assert_eq!(coverage.samples_per_mode, [1, 2]);
        assert_eq!((coverage.covered(), coverage.high_quality), (2, 0.6));
        assert_eq!(coverage.samples, 5);
    }

    #[test]
    fn a_collapsed_generator_covers_one_mode() {
        let samples = Tensor::zeros((50, 2, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let coverage = mode_coverage(&samples, &MODES, 0.1).unwrap();
        assert_eq!((coverage.covered(), coverage.high_quality), (1, 1.0));
    }

    #[test]
    fn the_mixture_itself_has_the_share_of_its_closed_form() {
        let normal = Rng::stream(0, "test", 0).normal((40_000, 2), DType::F64, &Device::Cpu);
        let coverage = mode_coverage(&normal.unwrap(), &[[0.0, 0.0]], 1.0).unwrap();
        let expected = 1.0 - (-4.5f64).exp();
        // Four standard deviations of a binomial share.
        let tolerance = 4.0 * (expected * (1.0 - expected) / 40_000.0).sqrt();
        assert!(
            (coverage.high_quality - expected).abs() < tolerance,
            "{coverage:?}"
        );
    }
}
