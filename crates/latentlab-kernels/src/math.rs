//! Elementary functions in plain arithmetic, which the compiler turns into vector instructions.
//!
//! All are branch-free, take any finite `f32`, and agree with the exact function to the error that
//! each names.

/// `eˣ` with a relative error below 2e-7; 0 below −87.3 and at most 2.4e38 above 88.
///
/// Cody and Waite 1980, chapter 6: `x = n ln 2 + r` with `|r| ≤ ½ ln 2`, and a polynomial in `r`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// Added and taken off again, it rounds to the nearest integer: 1.5 · 2²³.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has so few digits that its product with n is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let kept = if x > 88.0 { 88.0 } else { x };
    let kept = if kept < -87.3 { -87.3 } else { kept };
    let rounded = kept * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (kept - n * LN_2_HIGH) - n * LN_2_LOW;
    // Coefficients of a minimax polynomial on ±½ ln 2 (Cephes, expf).
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    // The lowest bits of `rounded` are n: moved to the place of an exponent, they make 2ⁿ.
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    let value = p * power;
    // A NaN must stay one, whatever the bits above made of it.
    let value = if x < -87.3 { 0.0 } else { value };
    if x.is_nan() { x } else { value }
}

/// `eˣ − 1` with a relative error below 4e-7, also near 0; −1 below −87.3.
#[inline(always)]
pub fn exp_m1(x: f32) -> f32 {
    // The power series, to x⁸, where the difference loses digits.
    let p = 1.0 / 40_320.0;
    let p = p * x + 1.0 / 5_040.0;
    let p = p * x + 1.0 / 720.0;
    let p = p * x + 1.0 / 120.0;
    let p = p * x + 1.0 / 24.0;
    let p = p * x + 1.0 / 6.0;
    let p = p * x + 0.5;
    let near = x + x * x * p;
    let far = exp(x) - 1.0;
    if x.abs() < 0.5 { near } else { far }
}

/// `ln(1 + e)` for `e` in `[0, 1]`, with an error below 1e-7 of the value.
///
/// `2 artanh(s)` with `s = e / (2 + e) ≤ ⅓`, as its power series.
#[inline(always)]
pub fn ln_1p(e: f32) -> f32 {
    let s = e / (2.0 + e);
    // A subnormal square would take some processors a hundred times as long.
    let q = if s < 1e-10 { 0.0 } else { s * s };
    let p = 1.0 / 15.0;
    let p = p * q + 1.0 / 13.0;
    let p = p * q + 1.0 / 11.0;
    let p = p * q + 1.0 / 9.0;
    let p = p * q + 1.0 / 7.0;
    let p = p * q + 1.0 / 5.0;
    let p = p * q + 1.0 / 3.0;
    2.0 * (s + s * (q * p))
}

/// `1 / (1 + e⁻ˣ)`, in `[0, 1]`, with a relative error below 4e-7.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    // With e = exp(-|x|) neither side loses digits.
    let e = exp(-x.abs());
    let tail = if x < 0.0 { e } else { 1.0 };
    tail / (1.0 + e)
}

/// `ln(1 + eˣ)`, with a relative error below 4e-7.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let positive = if x > 0.0 { x } else { x * 0.0 };
    positive + ln_1p(exp(-x.abs()))
}

/// `tanh x`, in `[−1, 1]`, with an error below 3e-7 of the value.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let e = exp(-2.0 * x.abs());
    let far = (1.0 - e) / (1.0 + e);
    // Near 0 the difference 1 - e loses digits: the series (Cephes, tanhf) does not.
    let q = x * x;
    let p = -5.704_988_7e-3;
    let p = p * q + 2.063_909e-2;
    let p = p * q - 5.373_971_4e-2;
    let p = p * q + 1.333_144_2e-1;
    let p = p * q - 3.333_328e-1;
    let near = x + x * (q * p);
    let far = if x < 0.0 { -far } else { far };
    if x.abs() < 0.625 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest relative error over a fine grid of `[-range, range]`.
    fn worst(range: f64, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let steps = 200_000;
        let points = (-steps..=steps).map(|step| (range * f64::from(step) / 200_000.0) as f32);
        let errors = points.map(|x| {
            let (ours, exact) = (f64::from(ours(x)), exact(f64::from(x)));
            (ours - exact).abs() / exact.abs().max(1e-36)
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn they_agree_with_the_exact_functions() {
        assert!(worst(87.0, exp, f64::exp) < 2e-7);
        assert!(worst(80.0, exp_m1, f64::exp_m1) < 4e-7);
        assert!(worst(0.6, exp_m1, f64::exp_m1) < 4e-7);
        assert!(worst(1.0, |x| ln_1p(x.abs()), |x| x.abs().ln_1p()) < 2e-7);
        assert!(worst(80.0, sigmoid, |x| 1.0 / (1.0 + (-x).exp())) < 4e-7);
        let softplus_exact = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        assert!(worst(80.0, softplus, softplus_exact) < 4e-7);
        assert!(worst(20.0, tanh, f64::tanh) < 3e-7);
    }

    #[test]
    fn far_out_they_stay_finite_and_saturate() {
        assert_eq!(exp(-1e30), 0.0);
        assert!(exp(1e30).is_finite());
        assert_eq!((sigmoid(-1e30), sigmoid(1e30)), (0.0, 1.0));
        assert_eq!((tanh(-1e30), tanh(1e30)), (-1.0, 1.0));
        assert_eq!((softplus(-1e30), softplus(1e30)), (0.0, 1e30));
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for function in [exp, sigmoid, tanh, softplus] {
            assert!(function(f32::NAN).is_nan());
        }
        assert_eq!(softplus(f32::INFINITY), f32::INFINITY);
    }
}
