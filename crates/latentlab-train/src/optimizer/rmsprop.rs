//! RMSprop (Tieleman and Hinton 2012, lecture 6.5), with the momentum of PyTorch's version.
//!
//! With `g` the gradient plus `weight_decay · θ`:
//!
//! ```text
//! v ← α v + (1 - α) g²        b ← μ b + g/(√v + ε)        θ ← θ - lr · b
//! ```
//!
//! Values and defaults are those of `torch.optim.RMSprop`, but for its learning rate of 0.01.

use candle_core::Tensor;
use num_traits::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{At, mean_of_squares, negative, outside_unit, ratio, settled};
use crate::{Result, parallel::real};

/// Gradient descent at a pace set by the running mean of the squared gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// Share of the squared gradients' running mean that a step keeps, 0 to 1.
    pub alpha: f64,
    /// Added to the denominator.
    pub eps: f64,
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
            momentum: 0.0,
            weight_decay: 0.0,
        }
    }
}

impl RmsProp {
    #[inline(always)]
    pub(super) fn update<T: Float>(
        &self,
        at: At,
        values: &mut [T],
        source: &[T],
        slots: [&mut [T]; 2],
    ) {
        let (alpha, one_minus_alpha) = (real::<T>(self.alpha), real::<T>(1.0 - self.alpha));
        let (eps, decay) = (real::<T>(self.eps), real::<T>(self.weight_decay));
        let (momentum, lr) = (real::<T>(self.momentum), real::<T>(at.lr));
        let [square, buffer] = slots;
        let elements = values.iter_mut().zip(source).zip(square);
        let scaled = |x: T, g: T, v: &mut T| {
            let g = g + decay * x;
            *v = mean_of_squares(alpha, *v, one_minus_alpha, g);
            ratio(g, v.sqrt() + eps)
        };
        if self.momentum == 0.0 {
            for ((x, g), v) in elements {
                *x = *x - lr * scaled(*x, *g, v);
            }
        } else {
            for (((x, g), v), b) in elements.zip(buffer) {
                *b = settled(momentum * *b + scaled(*x, *g, v));
                *x = *x - lr * *b;
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
        slots[0] = ((&slots[0] * self.alpha)? + (g.sqr()? * (1.0 - self.alpha))?)?;
        let mut direction = (g / (slots[0].sqrt()? + self.eps)?)?;
        if let Some(buffer) = slots.get_mut(1) {
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
