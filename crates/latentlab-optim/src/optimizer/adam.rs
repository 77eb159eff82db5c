//! Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019, algorithm 2).
//!
//! With `t` the number of the update and `g` the gradient:
//!
//! ```text
//! m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
//! θ ← θ - lr · m/(1 - β₁ᵗ) / (√(v/(1 - β₂ᵗ)) + ε)
//! ```
//!
//! The two differ in weight decay `λ`: Adam adds `λ θ` to the gradient, so that it is scaled like
//! the rest of it; AdamW takes `lr · λ θ` off the parameter directly. Values and defaults are
//! those of `torch.optim.Adam` and `torch.optim.AdamW`.

use candle_core::Tensor;
use num_traits::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{At, mean_of_squares, negative, outside_unit, ratio, settled};
use crate::parallel::{SLOTS, real};
use latentlab_core::Result;

/// Adam with weight decay as a part of the gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Share of the gradients' running mean that a step keeps, 0 to 1.
    pub beta1: f64,
    /// Share of the squared gradients' running mean that a step keeps, 0 to 1.
    pub beta2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Multiple of the parameter added to its gradient.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// Adam with weight decay apart from the gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// Share of the gradients' running mean that a step keeps, 0 to 1.
    pub beta1: f64,
    /// Share of the squared gradients' running mean that a step keeps, 0 to 1.
    pub beta2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Share of the parameter taken off in each step, as a multiple of the learning rate.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
        }
    }
}

impl Adam {
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        outside_unit(&[("beta1", self.beta1), ("beta2", self.beta2)])
            .or_else(|| negative(&[("eps", self.eps), ("weight_decay", self.weight_decay)]))
    }

    pub(super) fn coefficients(&self, at: At) -> Coefficients {
        let count = at.count as f64;
        Coefficients {
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.eps,
            decay_in_gradient: self.weight_decay,
            keep: 1.0,
            pace: at.lr / (1.0 - self.beta1.powf(count)),
            root: 1.0 / (1.0 - self.beta2.powf(count)).sqrt(),
        }
    }
}

impl AdamW {
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        self.without_decay()
            .problem()
            .or_else(|| negative(&[("weight_decay", self.weight_decay)]))
    }

    pub(super) fn coefficients(&self, at: At) -> Coefficients {
        Coefficients {
            keep: 1.0 - at.lr * self.weight_decay,
            ..self.without_decay().coefficients(at)
        }
    }

    fn without_decay(&self) -> Adam {
        Adam {
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.eps,
            weight_decay: 0.0,
        }
    }
}

/// The constants of one update, the same for every element.
pub(super) struct Coefficients {
    beta1: f64,
    beta2: f64,
    eps: f64,
    decay_in_gradient: f64,
    /// Share of the parameter that is left before it moves.
    keep: f64,
    /// `lr / (1 - β₁ᵗ)`.
    pace: f64,
    /// `1 / √(1 - β₂ᵗ)`.
    root: f64,
}

impl Coefficients {
    #[inline(always)]
    pub(super) fn update<T: Float>(
        &self,
        values: &mut [T],
        source: &[T],
        slots: [&mut [T]; SLOTS],
    ) {
        let (beta1, one_minus_beta1) = (real::<T>(self.beta1), real::<T>(1.0 - self.beta1));
        let (beta2, one_minus_beta2) = (real::<T>(self.beta2), real::<T>(1.0 - self.beta2));
        let (eps, decay) = (real::<T>(self.eps), real::<T>(self.decay_in_gradient));
        let (keep, pace, root) = (
            real::<T>(self.keep),
            real::<T>(self.pace),
            real::<T>(self.root),
        );
        let [mean, square, _] = slots;
        let means = mean.iter_mut().zip(square);
        for ((x, g), (m, v)) in values.iter_mut().zip(source).zip(means) {
            let g = *g + decay * *x;
            *m = settled(beta1 * *m + one_minus_beta1 * g);
            *v = mean_of_squares(beta2, *v, one_minus_beta2, g);
            *x = keep * *x - ratio(pace * *m, v.sqrt() * root + eps);
        }
    }

    pub(super) fn compose(&self, x: &Tensor, g: &Tensor, slots: &mut [Tensor]) -> Result<Tensor> {
        let g = (g + (x * self.decay_in_gradient)?)?;
        let mean = ((&slots[0] * self.beta1)? + (&g * (1.0 - self.beta1))?)?;
        let square = ((&slots[1] * self.beta2)? + (g.sqr()? * (1.0 - self.beta2))?)?;
        let denominator = ((square.sqrt()? * self.root)? + self.eps)?;
        let moved = ((x * self.keep)? - ((&mean * self.pace)? / denominator)?)?;
        slots.clone_from_slice(&[mean, square]);
        Ok(moved)
    }
}
