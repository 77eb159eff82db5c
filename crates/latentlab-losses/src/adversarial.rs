//! The two sides of an adversarial game, from the logits of its discriminator.
//!
//! `l` is a logit, `D = σ(l)` the probability the discriminator gives to "real". For the objectives
//! that know no probability (least squares, hinge, Wasserstein) the logit is the critic's score.
//! Every loss is a mean over the batch and is to be minimised by the side it belongs to.

use candle_core::Tensor;
use latentlab_tensor::{Error, Result, reshape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fused::{self, Term},
    numerics::softplus,
};

/// What discriminator and generator play for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// `min_G max_D V(D, G)`, the zero-sum game itself (Goodfellow et al. 2014, eq. 1). The
    /// generator's gradient `−σ(l)` vanishes where the discriminator is sure.
    Minimax,
    /// The same discriminator; the generator maximises `E ln D(G(z))` instead, whose gradient
    /// `σ(l) − 1` is largest where the discriminator is sure (Goodfellow et al. 2014, section 3).
    NonSaturating,
    /// Squared distances from the targets 1 for real and 0 for fake (Mao et al. 2017, eq. 9).
    LeastSquares,
    /// Margins of 1 around 0 (Miyato et al. 2018, eq. 16 and 17).
    Hinge,
    /// The difference of mean scores, for a critic kept Lipschitz by a penalty
    /// (Arjovsky et al. 2017, eq. 2).
    Wasserstein,
}

/// What the discriminator is to answer, each in `[0, 1]`; the default is no smoothing.
///
/// A `real` of 0.9 and a `fake` of 0 is one-sided label smoothing (Salimans et al. 2016, section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Smoothing {
    /// The target for real images; 1 by default.
    pub real: f64,
    /// The target for generated images; 0 by default.
    pub fake: f64,
}

impl Default for Smoothing {
    fn default() -> Self {
        Self {
            real: 1.0,
            fake: 0.0,
        }
    }
}

impl Objective {
    /// The loss of the discriminator, with `r` and `f` the targets of `smoothing`:
    ///
    /// | objective | loss | range |
    /// | --- | --- | --- |
    /// | minimax, non-saturating | `E H(r, σ(l_real)) + E H(f, σ(l_fake))`; without smoothing `−V` | `[0, ∞)`, nats |
    /// | least squares | `½ E (l_real − r)² + ½ E (l_fake − f)²` | `[0, ∞)` |
    /// | hinge | `E max(0, 1 − l_real) + E max(0, 1 + l_fake)` | `[0, ∞)` |
    /// | Wasserstein | `E l_fake − E l_real` | any |
    ///
    /// where `H(t, D) = −t ln D − (1−t) ln(1−D)`. Both logits are of any shape, `[N]` or `[N, 1]`
    /// say, and need not be as many; the loss is `[]`.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use latentlab_losses::adversarial::{Objective, Smoothing};
    /// let undecided = Tensor::new(&[0f64, 0.0], &Device::Cpu)?;
    /// let loss = Objective::NonSaturating
    ///     .discriminator_loss(&undecided, &undecided, Smoothing::default())
    ///     .unwrap();
    /// assert_eq!(loss.to_scalar::<f64>()?, 4f64.ln());
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a target is outside `[0, 1]`, or set for hinge or Wasserstein, which have none.
    pub fn discriminator_loss(
        self,
        real_logits: &Tensor,
        fake_logits: &Tensor,
        smoothing: Smoothing,
    ) -> Result<Tensor> {
        self.check(smoothing)?;
        let (real, fake) = match self {
            Self::Minimax | Self::NonSaturating => {
                let real = mean_cross_entropy(real_logits, smoothing.real)?;
                return Ok((real + mean_cross_entropy(fake_logits, smoothing.fake)?)?);
            }
            Self::LeastSquares => (
                half_square(real_logits, smoothing.real)?,
                half_square(fake_logits, smoothing.fake)?,
            ),
            Self::Hinge => (
                real_logits.affine(-1.0, 1.0)?.relu()?,
                fake_logits.affine(1.0, 1.0)?.relu()?,
            ),
            Self::Wasserstein => (real_logits.neg()?, fake_logits.clone()),
        };
        Ok((real.mean_all()? + fake.mean_all()?)?)
    }

    /// The loss of the generator:
    ///
    /// | objective | loss | range |
    /// | --- | --- | --- |
    /// | minimax | `E ln(1 − σ(l_fake))` | `(−∞, 0]`, nats |
    /// | non-saturating | `−E ln σ(l_fake)` | `[0, ∞)`, nats |
    /// | least squares | `½ E (l_fake − 1)²` | `[0, ∞)` |
    /// | hinge, Wasserstein | `−E l_fake` | any |
    ///
    /// `fake_logits` of any shape to `[]`.
    pub fn generator_loss(self, fake_logits: &Tensor) -> Result<Tensor> {
        let loss = match self {
            Self::Minimax => return Ok(mean_cross_entropy(fake_logits, 0.0)?.neg()?),
            Self::NonSaturating => return mean_cross_entropy(fake_logits, 1.0),
            Self::LeastSquares => half_square(fake_logits, 1.0)?,
            Self::Hinge | Self::Wasserstein => fake_logits.neg()?,
        };
        Ok(loss.mean_all()?)
    }

    /// Whether the objective has these targets; both losses check it themselves.
    ///
    /// # Errors
    /// For a target outside of `[0, 1]`, or any smoothing of an objective without targets.
    pub fn check(self, smoothing: Smoothing) -> Result<()> {
        if matches!(self, Self::Hinge | Self::Wasserstein) && smoothing != Smoothing::default() {
            return Err(Error::Argument(format!(
                "label smoothing is not defined for the {} objective, which has no targets: \
                 remove real = {} and fake = {}",
                if self == Self::Hinge {
                    "hinge"
                } else {
                    "wasserstein"
                },
                smoothing.real,
                smoothing.fake
            )));
        }
        for (name, target) in [("real", smoothing.real), ("fake", smoothing.fake)] {
            if !(0.0..=1.0).contains(&target) {
                return Err(Error::Argument(format!(
                    "the label smoothing target `{name}` must be between 0 and 1, not {target}"
                )));
            }
        }
        Ok(())
    }
}

/// `V(D, G) = E ln D(x) + E ln(1 − D(G(z)))`, the value of the game (Goodfellow et al. 2014, eq. 1).
///
/// Logits of any shape to `[]`, in nats, in `(−∞, 0]`. The best discriminator, `D = p/(p+q)`, reaches
/// `−ln 4 + 2 JS(p, q)` (theorem 1 there), and the undecided one `−ln 4`.
pub fn value(real_logits: &Tensor, fake_logits: &Tensor) -> Result<Tensor> {
    let loss =
        Objective::Minimax.discriminator_loss(real_logits, fake_logits, Smoothing::default())?;
    Ok(loss.neg()?)
}

/// The mean of `−t ln σ(l) − (1−t) ln(1−σ(l))`; written with both tails, so that a sure answer keeps
/// its digits.
fn mean_cross_entropy(logits: &Tensor, target: f64) -> Result<Tensor> {
    let count = logits.elem_count();
    if fused::is_for(logits, logits) {
        let row = reshape(logits, (1, count))?;
        let targets = Tensor::full(target as f32, (1, count), logits.device())?;
        let sum = fused::sum_per_image(&row, &targets, Term::CrossEntropy)?; // [1]
        return Ok((sum.squeeze(0)? / count as f64)?);
    }
    let is_real = (softplus(&logits.neg()?)? * target)?;
    let is_fake = (softplus(logits)? * (1.0 - target))?;
    Ok((is_real + is_fake)?.mean_all()?)
}

fn half_square(scores: &Tensor, target: f64) -> Result<Tensor> {
    Ok(((scores - target)?.sqr()? * 0.5)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn discriminator_loss(objective: Objective, real: f64, fake: f64) -> Result<Tensor> {
        let logits = Tensor::new(&[0.5f64, -2.0], &Device::Cpu)?;
        objective.discriminator_loss(&logits, &logits, Smoothing { real, fake })
    }

    #[test]
    fn smoothing_is_refused_where_there_are_no_targets() {
        for objective in [Objective::Hinge, Objective::Wasserstein] {
            assert!(discriminator_loss(objective, 1.0, 0.0).is_ok());
            let problem = discriminator_loss(objective, 0.9, 0.0).unwrap_err();
            assert!(problem.to_string().contains("real = 0.9"), "{problem}");
        }
    }

    #[test]
    fn a_target_outside_of_0_to_1_is_refused() {
        for (real, fake) in [(1.1, 0.0), (1.0, -0.1), (f64::NAN, 0.0)] {
            for objective in [Objective::NonSaturating, Objective::LeastSquares] {
                assert!(discriminator_loss(objective, real, fake).is_err());
            }
        }
        let problem = discriminator_loss(Objective::Minimax, 1.0, 2.0).unwrap_err();
        let expected = "the label smoothing target `fake` must be between 0 and 1, not 2";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn an_objective_is_written_in_snake_case() {
        let objective = serde_json::from_str::<Objective>("\"non_saturating\"").unwrap();
        assert_eq!(objective, Objective::NonSaturating);
        let smoothing = serde_json::from_str::<Smoothing>("{\"real\": 0.9}").unwrap();
        assert_eq!(
            smoothing,
            Smoothing {
                real: 0.9,
                fake: 0.0
            }
        );
        assert!(serde_json::from_str::<Smoothing>("{\"reel\": 0.9}").is_err());
    }
}
