//! What is known of the distribution that the data were drawn from, and how samples compare with it.

use candle_core::Tensor;
use latentlab_core::Result;
use latentlab_data::{DICE, GRID_DEVIATION, RING_DEVIATION, Source, grid_modes, ring_modes};
use latentlab_metrics::{self as metrics, Figure};

/// A distribution that can be written down.
pub(crate) enum Truth {
    /// A mixture of round Gaussians in the plane, with one deviation.
    Modes(Vec<[f64; 2]>, f64),
    /// Probabilities of outcomes.
    Shares(Vec<f64>),
}

impl Truth {
    /// The distribution of a source of data, if it is known.
    pub fn of(source: &Source) -> Option<Self> {
        match source {
            Source::Ring(_) => Some(Self::Modes(ring_modes(), RING_DEVIATION)),
            Source::Grid(_) => Some(Self::Modes(grid_modes(), GRID_DEVIATION)),
            Source::Dice(_) => Some(Self::Shares(DICE.to_vec())),
            _ => None,
        }
    }

    /// How `samples` `[N, C, H, W]` compare with it: `modes` and `high_quality` of a mixture,
    /// `total_variation` and `jensen_shannon` (nats) of outcomes.
    ///
    /// # Errors
    /// If the samples are of another shape, or no numbers.
    pub fn compare(&self, samples: &Tensor) -> Result<Vec<(&'static str, Figure)>> {
        let count = samples.dim(0)?;
        let figure = |value| Figure {
            value,
            error: None,
            real: 0,
            generated: count,
        };
        Ok(match self {
            Self::Modes(modes, deviation) => {
                let coverage = metrics::mode_coverage(samples, modes, *deviation)?;
                vec![
                    ("modes", figure(coverage.covered() as f64)),
                    ("high_quality", figure(coverage.high_quality)),
                ]
            }
            Self::Shares(truth) => {
                let shares = metrics::class_shares(samples)?;
                let distance = metrics::total_variation(&shares, truth)?;
                let divergence = metrics::jensen_shannon(&shares, truth)?;
                vec![
                    ("total_variation", figure(distance)),
                    ("jensen_shannon", figure(divergence)),
                ]
            }
        })
    }
}
