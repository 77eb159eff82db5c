//! The closed set of update rules.

use candle_core::Tensor;
use num_traits::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Adam, AdamW, RmsProp, Sgd};
use crate::parallel::SLOTS;
use latentlab_core::Result;

/// How a gradient moves a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Rule {
    /// Adam, weight decay as a part of the gradient.
    Adam(Adam),
    /// Adam, weight decay apart from the gradient.
    AdamW(AdamW),
    /// RMSprop, optionally with momentum.
    RmsProp(RmsProp),
    /// Gradient descent, optionally with momentum.
    Sgd(Sgd),
}

/// The learning rate of one update, and its number from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) lr: f64,
    pub(super) count: u64,
}

impl Rule {
    /// The names in experiment files.
    pub const NAMES: [&'static str; 4] = ["adam", "adamw", "rmsprop", "sgd"];

    /// PyTorch's names of what the rule remembers for each parameter.
    pub(super) fn slots(&self) -> &'static [&'static str] {
        match self {
            Self::Adam(_) | Self::AdamW(_) => &["exp_avg", "exp_avg_sq"],
            Self::RmsProp(rule) => rule.slots(),
            Self::Sgd(rule) if rule.momentum == 0.0 => &[],
            Self::Sgd(_) => &["momentum_buffer"],
        }
    }

    /// Updates a part of a parameter and of its slots in place.
    #[inline(always)]
    pub(super) fn update<T: Float>(
        &self,
        at: At,
        values: &mut [T],
        source: &[T],
        slots: [&mut [T]; SLOTS],
    ) {
        match self {
            Self::Adam(rule) => rule.coefficients(at).update(values, source, slots),
            Self::AdamW(rule) => rule.coefficients(at).update(values, source, slots),
            Self::RmsProp(rule) => rule.update(at, values, source, slots),
            Self::Sgd(rule) => rule.update(at, values, source, slots),
        }
    }

    /// The same of whole tensors, by operations that every device has; returns the parameter.
    pub(super) fn compose(
        &self,
        at: At,
        parameter: &Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<Tensor> {
        match self {
            Self::Adam(rule) => rule.coefficients(at).compose(parameter, gradient, slots),
            Self::AdamW(rule) => rule.coefficients(at).compose(parameter, gradient, slots),
            Self::RmsProp(rule) => rule.compose(at, parameter, gradient, slots),
            Self::Sgd(rule) => rule.compose(at, parameter, gradient, slots),
        }
    }

    /// What is wrong with the values, with the key it is about.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Adam(rule) => rule.problem(),
            Self::AdamW(rule) => rule.problem(),
            Self::RmsProp(rule) => rule.problem(),
            Self::Sgd(rule) => rule.problem(),
        }
    }
}

/// A running mean of gradients, or 0 where it is next to nothing: below 2⁻¹⁰³ in `f32`.
///
/// What a rule remembers of a parameter without gradient (behind a dead unit, say) decays in every
/// step, and in `f32` reaches the subnormal numbers within a thousand; each operation on
/// one of those, or with such a result, takes some processors as long as a hundred others.
#[inline(always)]
pub(super) fn settled<T: Float>(mean: T) -> T {
    zero_below(T::min_positive_value() / T::epsilon(), mean)
}

/// `keep · mean + take · g²`, a running mean of squares, in which nothing is subnormal
/// either: squares below 2⁻¹⁰³ count as 0.
#[inline(always)]
pub(super) fn mean_of_squares<T: Float>(keep: T, mean: T, take: T, g: T) -> T {
    let square = settled(zero_below(T::min_positive_value().sqrt(), g) * g);
    zero_below(T::min_positive_value(), keep * mean + take * square)
}

/// `a / b`, or 0 where `b` is: a parameter whose squares are 0 stays where it is without an `eps`.
#[inline(always)]
pub(super) fn ratio<T: Float>(a: T, b: T) -> T {
    if b == T::zero() { T::zero() } else { a / b }
}

#[inline(always)]
fn zero_below<T: Float>(least: T, value: T) -> T {
    if value.abs() < least {
        T::zero()
    } else {
        value
    }
}

/// The first key whose value is outside of `[0, 1)`.
pub(super) fn outside_unit(values: &[(&'static str, f64)]) -> Option<(&'static str, String)> {
    let (key, value) = values
        .iter()
        .find(|(_, value)| !(0.0..1.0).contains(value))?;
    Some((
        key,
        format!("{value} is not in the range 0 to 1 (1 excluded)"),
    ))
}

/// The first key whose value is negative or not finite.
pub(super) fn negative(values: &[(&'static str, f64)]) -> Option<(&'static str, String)> {
    let fits = |value: f64| value >= 0.0 && value.is_finite();
    let (key, value) = values.iter().find(|(_, value)| !fits(*value))?;
    Some((key, format!("{value} is not a number from 0 up")))
}
