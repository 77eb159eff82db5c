//! Activation functions whose slope is a function of their value, with a bias.

use super::{math, pool};
use crate::vectorised;

/// An activation function `y = φ(x)` whose slope can be told from `y`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ActivationKind {
    /// `x`.
    Identity,
    /// `x` above 0, and this much of it below; slope 1 above 0. With 0 it is the relu.
    Leaky(f32),
    /// `x` above 0 and `eˣ − 1` below.
    Elu,
    /// `tanh x`.
    Tanh,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
}

vectorised! {
    /// `values ← φ(values + bias)`, for one row of as many values as biases; no bias, no sum.
    pub fn activate(kind: ActivationKind, bias: Option<&[f32]>, values: &mut [f32]) {
        match kind {
            ActivationKind::Identity => each(values, bias, |x| x),
            ActivationKind::Leaky(slope) => each(values, bias, |x| if x > 0.0 { x } else { slope * x }),
            ActivationKind::Elu => {
                each(values, bias, |x| if x > 0.0 { x } else { math::exp(x) - 1.0 });
            }
            ActivationKind::Tanh => each(values, bias, math::tanh),
            ActivationKind::Sigmoid => each(values, bias, math::sigmoid),
        }
    }

    /// [`activate`] for each of several rows.
    pub fn activate_rows(kind: ActivationKind, bias: &[f32], values: &mut [f32]) {
        // Short rows go several at a time, so that they fill a vector.
        let mut wide = [0.0; WIDE];
        let bias = match bias.len() {
            columns @ 1..16 => {
                let wide = &mut wide[..columns * 16];
                for (wide, bias) in wide.iter_mut().zip(bias.iter().cycle()) {
                    *wide = *bias;
                }
                &*wide
            }
            _ => bias,
        };
        for row in values.chunks_mut(bias.len().max(1)) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
        activate(kind, None, values);
    }

    /// `result ← gradient · φ′`, the slope from the `values` of the activation; all of one length.
    pub fn activate_slope(kind: ActivationKind, values: &[f32], gradient: &[f32], result: &mut [f32]) {
        let parts = result.iter_mut().zip(gradient).zip(values);
        match kind {
            ActivationKind::Identity => result.copy_from_slice(gradient),
            ActivationKind::Leaky(slope) => {
                for ((result, gradient), value) in parts {
                    *result = if *value > 0.0 { *gradient } else { slope * *gradient };
                }
            }
            ActivationKind::Elu => {
                for ((result, gradient), value) in parts {
                    *result = *gradient * if *value > 0.0 { 1.0 } else { *value + 1.0 };
                }
            }
            ActivationKind::Tanh => {
                for ((result, gradient), value) in parts {
                    *result = *gradient * (1.0 - *value * *value);
                }
            }
            ActivationKind::Sigmoid => {
                for ((result, gradient), value) in parts {
                    *result = *gradient * (*value * (1.0 - *value));
                }
            }
        }
    }

    /// Adds the rows of `values`, each as long as `sums`, to `sums`: short rows in sixteen sums side
    /// by side, others in their order.
    pub fn add_column_sums(values: &[f32], sums: &mut [f32]) {
        let columns = sums.len();
        if columns == 0 || columns >= 16 {
            for row in values.chunks_exact(columns.max(1)) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += value;
                }
            }
            return;
        }
        let mut wide = [0.0; WIDE];
        let wide = &mut wide[..columns * 16];
        for rows in values.chunks(columns * 16) {
            for (sum, value) in wide.iter_mut().zip(rows) {
                *sum += value;
            }
        }
        for row in wide.chunks_exact(columns) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

/// `values ← φ(values + bias)`.
#[inline(always)]
fn each(values: &mut [f32], bias: Option<&[f32]>, kind: impl Fn(f32) -> f32) {
    match bias {
        Some(bias) => {
            for (value, bias) in values.iter_mut().zip(bias) {
                *value = kind(*value + bias);
            }
        }
        None => {
            for value in values {
                *value = kind(*value);
            }
        }
    }
}

/// Sixteen of the longest rows that are short.
const WIDE: usize = 15 * 16;

/// Values that one task handles: 64 KiB, so that what it reads and writes fits a core's cache.
const TASK: usize = 16 * 1024;

/// `values ← φ(values)`, on all threads.
pub fn activate_all(kind: ActivationKind, values: &mut [f32]) {
    pool::for_each_part(values, TASK, |_, part| activate(kind, None, part));
}

/// [`activate_slope`] on all threads.
pub fn slopes(kind: ActivationKind, values: &[f32], gradient: &[f32], result: &mut [f32]) {
    pool::for_each_part(result, TASK, |index, part| {
        let range = index * TASK..index * TASK + part.len();
        activate_slope(kind, &values[range.clone()], &gradient[range], part);
    });
}

/// [`activate_slope`] on all threads, for rows of as many values as there are `columns`. Returns the
/// sums of the columns of the result.
pub fn slopes_and_sums(
    kind: ActivationKind,
    values: &[f32],
    gradient: &[f32],
    columns: usize,
    result: &mut [f32],
) -> Vec<f32> {
    let size = (TASK / columns.max(1)).max(1) * columns;
    let tasks = result.len().div_ceil(size.max(1));
    let mut partial = vec![0.0; tasks * columns];
    let sums = pool::Shared::new(&mut partial);
    pool::for_each_part(result, size, |index, part| {
        let range = index * size..index * size + part.len();
        activate_slope(kind, &values[range.clone()], &gradient[range], part);
        #[allow(unsafe_code, reason = "parts of one slice on several threads")]
        // SAFETY: every task has its own row of sums.
        let sums = unsafe { sums.part(index * columns, columns) };
        add_column_sums(part, sums);
    });
    let mut total = vec![0.0; columns];
    add_column_sums(&partial, &mut total);
    total
}
