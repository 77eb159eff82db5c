//! Normalisation of every channel by its mean and variance, for values whose channels come last.

use super::{
    ActivationKind,
    pool::{self, Shared},
    uninitialised,
};
use crate::vectorised;

/// Values that one task handles.
const TASK: usize = 16 * 1024;

/// Mean and variance of every channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// `[C]`.
    pub mean: Vec<f64>,
    /// `[C]`, divided by the number of rows.
    pub variance: Vec<f64>,
}

/// How a channel is normalised: `φ((x − mean) · scale + bias)`.
#[derive(Clone, Copy, Debug)]
pub struct Normal<'a> {
    /// The activation.
    pub kind: ActivationKind,
    /// `[C]`.
    pub mean: &'a [f32],
    /// `[C]`.
    pub scale: &'a [f32],
    /// `[C]`.
    pub bias: &'a [f32],
}

/// The statistics of the rows of `x` `[rows, channels]`.
///
/// Sums are of differences from the first row, so that a mean that is large against the deviation
/// costs no digits.
///
/// # Panics
/// If there is no row.
pub fn statistics(x: &[f32], channels: usize) -> Statistics {
    let origin = &x[..channels];
    let sums = row_sums(x.len(), channels, |range, sums| {
        let (sum, square) = sums.split_at_mut(channels);
        add_moments(&x[range], origin, sum, square);
    });
    let rows = (x.len() / channels) as f64;
    let (sum, square) = sums.split_at(channels);
    let shift = sum.iter().map(|sum| sum / rows);
    let spread = square.iter().zip(shift.clone());
    Statistics {
        mean: origin
            .iter()
            .zip(shift)
            .map(|(first, shift)| f64::from(*first) + shift)
            .collect(),
        variance: spread
            .map(|(square, shift)| (square / rows - shift * shift).max(0.0))
            .collect(),
    }
}

/// The normalised rows of `x` `[rows, C]`.
pub fn normalise(x: &[f32], normal: Normal<'_>) -> Vec<f32> {
    let size = task_size(normal.mean.len());
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is written as a whole.
    let mut y = unsafe { uninitialised(x.len()) };
    pool::for_each_part(&mut y, size, |task, y| {
        let start = task * size;
        normalise_rows(&x[start..start + y.len()], normal, y);
    });
    y
}

/// What a gradient by the normalised rows comes to.
#[derive(Debug)]
pub struct Gradients {
    /// By `x`, whose mean and variance depend on it, `[rows, C]`.
    pub x: Vec<f32>,
    /// By the weight, `[C]`.
    pub weight: Vec<f32>,
    /// By the bias, `[C]`.
    pub bias: Vec<f32>,
}

/// The gradients by `x`, weight and bias of `y = normalise(x)`, where the scale is
/// `weight / deviation` and `inverse` is `1 / deviation` (Ioffe and Szegedy 2015, section 3).
pub fn gradients([x, y, gradient]: [&[f32]; 3], normal: Normal<'_>, inverse: &[f32]) -> Gradients {
    let channels = normal.mean.len();
    let rows = (x.len() / channels) as f64;
    let sums = row_sums(x.len(), channels, |range, sums| {
        let (sum, product) = sums.split_at_mut(channels);
        let at = [&x[range.clone()], &y[range.clone()], &gradient[range]];
        add_gradient_sums(at, normal, sum, product);
    });
    let (sum, product) = sums.split_at(channels);
    let inverses = inverse.iter().map(|inverse| f64::from(*inverse));
    let weight: Vec<f64> = product
        .iter()
        .zip(inverses.clone())
        .map(|(p, i)| p * i)
        .collect();
    // dx = scale · (dz − Σdz/n − x̂ Σ(dz x̂)/n)
    let mean_bias: Vec<f32> = sum.iter().map(|sum| (sum / rows) as f32).collect();
    let slope = weight.iter().zip(inverses);
    let slope: Vec<f32> = slope.map(|(w, i)| (w * i / rows) as f32).collect();
    let size = task_size(channels);
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is written as a whole.
    let mut result = unsafe { uninitialised(x.len()) };
    pool::for_each_part(&mut result, size, |task, result| {
        let range = task * size..task * size + result.len();
        let at = [&x[range.clone()], &y[range.clone()], &gradient[range]];
        write_gradient(at, normal, &mean_bias, &slope, result);
    });
    Gradients {
        x: result,
        weight: weight.iter().map(|value| *value as f32).collect(),
        bias: sum.iter().map(|value| *value as f32).collect(),
    }
}

/// Whole rows of about [`TASK`] values.
fn task_size(channels: usize) -> usize {
    (TASK / channels.max(1)).max(1) * channels
}

/// Two sums for each channel: in `f32` over the rows of a task, in `f64` over the tasks.
fn row_sums(
    count: usize,
    channels: usize,
    add: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync,
) -> Vec<f64> {
    let size = task_size(channels);
    let tasks = count.div_ceil(size.max(1));
    let mut partial = vec![0.0; tasks * 2 * channels];
    let shared = Shared::new(&mut partial);
    pool::for_each(tasks, |task| {
        #[allow(unsafe_code, reason = "parts of one slice on several threads")]
        // SAFETY: every task has its own row of sums.
        let sums = unsafe { shared.part(task * 2 * channels, 2 * channels) };
        add(task * size..count.min((task + 1) * size), sums);
    });
    let mut sums = vec![0.0; 2 * channels];
    for partial in partial.chunks_exact(2 * channels) {
        for (sum, partial) in sums.iter_mut().zip(partial) {
            *sum += f64::from(*partial);
        }
    }
    sums
}

/// Calls the function with the slope of the kind, a function of its value.
macro_rules! with_slope {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            ActivationKind::Identity => $function($($argument),*, |_| 1.0),
            ActivationKind::Leaky(slope) => {
                $function($($argument),*, |y: f32| if y > 0.0 { 1.0 } else { slope })
            }
            ActivationKind::Elu => $function($($argument),*, |y: f32| if y > 0.0 { 1.0 } else { y + 1.0 }),
            ActivationKind::Tanh => $function($($argument),*, |y: f32| 1.0 - y * y),
            ActivationKind::Sigmoid => $function($($argument),*, |y: f32| y * (1.0 - y)),
        }
    };
}

vectorised! {
    fn add_moments(x: &[f32], origin: &[f32], sums: &mut [f32], squares: &mut [f32]) {
        for row in x.chunks_exact(origin.len()) {
            let channels = row.iter().zip(origin).zip(sums.iter_mut()).zip(squares.iter_mut());
            for (((x, origin), sum), square) in channels {
                let difference = x - origin;
                *sum += difference;
                *square += difference * difference;
            }
        }
    }

    fn normalise_rows(x: &[f32], normal: Normal<'_>, y: &mut [f32]) {
        let channels = normal.mean.len();
        for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
            let constants = normal.mean.iter().zip(normal.scale).zip(normal.bias);
            for ((y, x), ((mean, scale), bias)) in y.iter_mut().zip(x).zip(constants) {
                *y = (x - mean) * scale + bias;
            }
        }
        super::activate(normal.kind, None, y);
    }

    /// Adds `Σ dz` and `Σ dz (x − mean)`.
    fn add_gradient_sums(
        at: [&[f32]; 3],
        normal: Normal<'_>,
        sums: &mut [f32],
        products: &mut [f32],
    ) {
        with_slope!(normal.kind, gradient_sums(at, normal.mean, sums, products));
    }

    fn write_gradient(
        at: [&[f32]; 3],
        normal: Normal<'_>,
        mean_bias: &[f32],
        slope: &[f32],
        result: &mut [f32],
    ) {
        with_slope!(normal.kind, gradient_rows(at, normal, mean_bias, slope, result));
    }
}

#[inline(always)]
fn gradient_sums(
    [x, y, gradient]: [&[f32]; 3],
    mean: &[f32],
    sums: &mut [f32],
    products: &mut [f32],
    slope: impl Fn(f32) -> f32,
) {
    let channels = mean.len();
    let rows = x.chunks_exact(channels).zip(y.chunks_exact(channels));
    for ((x, y), gradient) in rows.zip(gradient.chunks_exact(channels)) {
        let values = x.iter().zip(y).zip(gradient).zip(mean);
        let sums = sums.iter_mut().zip(products.iter_mut());
        for ((((x, y), gradient), mean), (sum, product)) in values.zip(sums) {
            let dz = gradient * slope(*y);
            *sum += dz;
            *product += dz * (x - mean);
        }
    }
}

#[inline(always)]
fn gradient_rows(
    [x, y, gradient]: [&[f32]; 3],
    normal: Normal<'_>,
    mean_bias: &[f32],
    factors: &[f32],
    result: &mut [f32],
    slope: impl Fn(f32) -> f32,
) {
    let channels = normal.mean.len();
    let rows = x.chunks_exact(channels).zip(y.chunks_exact(channels));
    let rows = rows.zip(gradient.chunks_exact(channels));
    for (((x, y), gradient), result) in rows.zip(result.chunks_exact_mut(channels)) {
        let constants = normal
            .mean
            .iter()
            .zip(normal.scale)
            .zip(mean_bias)
            .zip(factors);
        let values = result.iter_mut().zip(x).zip(y).zip(gradient);
        for ((((result, x), y), gradient), (((mean, scale), mean_bias), factor)) in
            values.zip(constants)
        {
            let dz = gradient * slope(*y);
            *result = scale * (dz - mean_bias - (x - mean) * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_much_larger_than_the_deviation_costs_no_digits() {
        // 1000 ± 1 in turns: mean 1000, variance 1.
        let x: Vec<f32> = (0..40_000)
            .map(|row| 999.0 + 2.0 * (row / 2 % 2) as f32)
            .collect();
        let Statistics { mean, variance } = statistics(&x, 2);
        for (mean, variance) in mean.iter().zip(variance) {
            assert!((mean - 1000.0).abs() < 1e-6, "{mean}");
            assert!((variance - 1.0).abs() < 1e-6, "{variance}");
        }
    }
}
