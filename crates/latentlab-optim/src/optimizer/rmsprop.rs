//! RMSprop (Tieleman and Hinton 2012, lecture 6.5), with the momentum of PyTorch's version.
//!
//! With `g` the gradient plus `weight_decay · θ`:
//!
//! ```text
//! v ← α v + (1 - α) g²        b ← μ b + g/(√v + ε)        θ ← θ - lr · b
//! ```
//!
//! With `centered`, the root is of the variance `v - m²` instead (Graves 2013, equations 38 to 45):
//!
//! ```text
//! m ← α m + (1 - α) g        b ← μ b + g/(√(v - m²) + ε)
//! ```
//!
//! Values and defaults are those of `torch.optim.RMSprop`, but for its learning rate of 0.01.

use candle_core::Tensor;
use num_traits::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{At, mean_of_squares, negative, outside_unit, ratio, settled};
use crate::parallel::{SLOTS, real};
use latentlab_core::Result;

/// Gradient descent at a pace set by the running mean of the squared gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// Share of the squared gradients' running mean that a step keeps, 0 to 1.
    pub alpha: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Divide by the deviation of the gradient, not by its root mean square.
    pub centered: bool,
    /// Share of the last move that is added to the next, 0 to 1.
    pub momentum: f64,
    /// Multiple of the parameter added to its gradient.
    pub weight_decay: f64,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            alpha: 0.99,
            eps: 1e-8,
            centered: false,
            momentum: 0.0,
            weight_decay: 0.0,
        }
    }
}

impl RmsProp {
    pub(super) fn slots(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum == 0.0) {
            (false, true) => &["square_avg"],
            (false, false) => &["square_avg", "momentum_buffer"],
            (true, true) => &["square_avg", "grad_avg"],
            (true, false) => &["square_avg", "grad_avg", "momentum_buffer"],
        }
    }

    #[inline(always)]
    pub(super) fn update<T: Float>(
        &self,
        at: At,
        values: &mut [T],
        source: &[T],
        slots: [&mut [T]; SLOTS],
    ) {
        let (alpha, one_minus_alpha) = (real::<T>(self.alpha), real::<T>(1.0 - self.alpha));
        let (eps, decay) = (real::<T>(self.eps), real::<T>(self.weight_decay));
        let (momentum, lr) = (real::<T>(self.momentum), real::<T>(at.lr));
        let scaled = |x: T, g: T, v: &mut T| {
            let g = g + decay * x;
            *v = mean_of_squares(alpha, *v, one_minus_alpha, g);
            ratio(g, v.sqrt() + eps)
        };
        let centred = |x: T, g: T, v: &mut T, m: &mut T| {
            let g = g + decay * x;
            *v = mean_of_squares(alpha, *v, one_minus_alpha, g);
            *m = settled(alpha * *m + one_minus_alpha * g);
            ratio(g, deviation(*v, *m) + eps)
        };
        let [square, second, third] = slots;
        let elements = values.iter_mut().zip(source).zip(square);
        match (self.centered, self.momentum == 0.0) {
            (false, true) => {
                for ((x, g), v) in elements {
                    *x = *x - lr * scaled(*x, *g, v);
                }
            }
            (false, false) => {
                for (((x, g), v), b) in elements.zip(second) {
                    *b = settled(momentum * *b + scaled(*x, *g, v));
                    *x = *x - lr * *b;
                }
            }
            (true, true) => {
                for (((x, g), v), m) in elements.zip(second) {
                    *x = *x - lr * centred(*x, *g, v, m);
                }
            }
            (true, false) => {
                for ((((x, g), v), m), b) in elements.zip(second).zip(third) {
                    *b = settled(momentum * *b + centred(*x, *g, v, m));
                    *x = *x - lr * *b;
                }
            }
        }
    }

    pub(super) fn compose(
        &self,
        at: At,
        x: &Tensor,
        g: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<Tensor> {
        let g = (g + (x * self.weight_decay)?)?;
        let blend =
            |mean: &Tensor, new: &Tensor| (mean * self.alpha)? + (new * (1.0 - self.alpha))?;
        slots[0] = blend(&slots[0], &g.sqr()?)?;
        let mut variance = slots[0].clone();
        let mut buffer = 1;
        if self.centered {
            slots[1] = blend(&slots[1], &g)?;
            variance = (variance - slots[1].sqr()?)?.relu()?;
            buffer = 2;
        }
        let mut direction = (g / (variance.sqrt()? + self.eps)?)?;
        if let Some(buffer) = slots.get_mut(buffer) {
            direction = ((&*buffer * self.momentum)? + direction)?;
            *buffer = direction.clone();
        }
        Ok((x - (direction * at.lr)?)?)
    }

    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        outside_unit(&[("alpha", self.alpha), ("momentum", self.momentum)])
            .or_else(|| negative(&[("eps", self.eps), ("weight_decay", self.weight_decay)]))
    }
}

/// The deviation of what has this mean and mean of squares; rounding takes none below 0.
#[inline(always)]
fn deviation<T: Float>(square: T, mean: T) -> T {
    let variance = square - mean * mean;
    if variance > T::zero() {
        variance.sqrt()
    } else {
        T::zero()
    }
}
