//! Features that a script in Python makes as well, to the last bit.

use latentlab_metrics::Features;

/// Rows of `scale · (u + v) + shift · column` with u and v the next numbers of a linear congruential
/// generator, in [0, 1):
///
/// ```python
/// def features(seed, count, size, scale, shift):
///     state, rows = seed, np.empty((count, size))
///     for n in range(count * size):
///         unit = 0.0
///         for _ in range(2):
///             state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
///             unit += (state >> 33) / 2**31
///         rows[n // size, n % size] = scale * unit + shift * (n % size)
///     return rows
/// ```
pub fn features(seed: u64, count: usize, size: usize, scale: f64, shift: f64) -> Features {
    let mut state = seed;
    let mut unit = || {
        let (factor, summand) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        state = state.wrapping_mul(factor).wrapping_add(summand);
        (state >> 33) as f64 / 2f64.powi(31)
    };
    let mut values = Vec::with_capacity(count * size);
    for n in 0..count * size {
        let sum = 0.0 + unit() + unit();
        values.push(scale * sum + shift * (n % size) as f64);
    }
    Features::new(values, size).unwrap()
}
