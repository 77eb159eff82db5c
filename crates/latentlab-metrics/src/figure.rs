//! A measured value, with how sure it is and how much it was measured on.

use crate::confidence::standard_error;

/// A measured value, with how sure it is and how much it was measured on.
///
/// Most figures of samples are biased by their number: those of 1,000 samples cannot be compared with
/// those of 10,000. So every figure says what it was computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The value itself, in the unit that the function which measured it states.
    pub value: f64,
    /// The standard error of the value, where there is an estimate of it.
    pub error: Option<f64>,
    /// The number of items of the data that went into it, images or rows of features; 0 where it is
    /// about samples alone.
    pub real: usize,
    /// The number of samples that went into it; 0 where it is about the data, or what a model makes of
    /// them, alone.
    pub generated: usize,
}

impl Figure {
    /// A value without an estimate of its error.
    pub(crate) fn new(value: f64, real: usize, generated: usize) -> Self {
        Self {
            value,
            error: None,
            real,
            generated,
        }
    }

    /// The mean of `values` (of which there must be one), with its standard error if there are two
    /// and none is infinite.
    pub fn mean(values: &[f64], real: usize, generated: usize) -> Self {
        Self {
            value: values.iter().sum::<f64>() / values.len() as f64,
            error: standard_error(values).filter(|error| error.is_finite()),
            real,
            generated,
        }
    }
}
