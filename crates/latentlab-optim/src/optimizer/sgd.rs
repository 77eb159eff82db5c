//! Gradient descent with momentum (Sutskever et al. 2013, in PyTorch's form).
//!
//! With `g` the gradient plus `weight_decay · θ`:
//!
//! ```text
//! b ← μ b + g        θ ← θ - lr · b
//! ```
//!
//! Values and defaults are those of `torch.optim.SGD` without dampening and Nesterov's variant.

use candle_core::Tensor;
use num_traits::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{At, negative, outside_unit, settled};
use crate::parallel::{SLOTS, real};
use latentlab_core::Result;

/// Gradient descent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// Share of the last move that is added to the next, 0 to 1.
    pub momentum: f64,
    /// Multiple of the parameter added to its gradient.
    pub weight_decay: f64,
}

impl Sgd {
    #[inline(always)]
    pub(super) fn update<T: Float>(
        &self,
        at: At,
        values: &mut [T],
        source: &[T],
        slots: [&mut [T]; SLOTS],
    ) {
        let (lr, decay) = (real::<T>(at.lr), real::<T>(self.weight_decay));
        let momentum = real::<T>(self.momentum);
        let [buffer, ..] = slots;
        let elements = values.iter_mut().zip(source);
        if self.momentum == 0.0 {
            for (x, g) in elements {
                *x = *x - lr * (*g + decay * *x);
            }
        } else {
            for ((x, g), b) in elements.zip(buffer) {
                *b = settled(momentum * *b + (*g + decay * *x));
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
        let mut direction = (g + (x * self.weight_decay)?)?;
        if let Some(buffer) = slots.get_mut(0) {
            direction = ((&*buffer * self.momentum)? + direction)?;
            *buffer = direction.clone();
        }
        Ok((x - (direction * at.lr)?)?)
    }

    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        outside_unit(&[("momentum", self.momentum)])
            .or_else(|| negative(&[("weight_decay", self.weight_decay)]))
    }
}
