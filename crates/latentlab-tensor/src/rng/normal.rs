//! Normal numbers out of bits, many at a time, by plain arithmetic in 64 bits.
//!
//! The functions of a system's library differ in their last digits from platform to platform, and
//! those of `libm` take one number after the other. These are the same everywhere, and loops of them
//! become vector instructions.
use latentlab_kernels::vectorised;

/// The two normal numbers of two uniform ones, given by 64 bits each (Box and Muller 1958):
/// `√(−2 ln(1 − u)) cos 2πv` and `√(−2 ln(1 − u)) sin 2πv`.
#[inline(always)]
pub(super) fn pair(u: u64, v: u64) -> [f64; 2] {
    let radius = (-2.0 * ln(1.0 - unit(u))).sqrt();
    let [cos, sin] = cos_sin_turns(unit(v));
    [radius * cos, radius * sin]
}

/// A number in `[0, 1)` on a grid of 2⁻⁵³.
#[inline(always)]
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

vectorised! {
    /// [`pair`] of each two of `bits`, written over the numbers' own bits.
    pub(super) fn pairs(bits: &mut [u64]) {
        let (pairs, _) = bits.as_chunks_mut::<2>();
        for [u, v] in pairs {
            let [first, second] = pair(*u, *v);
            (*u, *v) = (first.to_bits(), second.to_bits());
        }
    }
}

/// `ln x` for a normal `x` above 0, to 4e-16 of the value or, near 1, of the distance from 1.
///
/// `x = 2ᵉ m` with `m` in `[√½, √2)`, and `ln m = 2 artanh s` with `s = (m − 1) / (m + 1)` as its
/// power series to `s²¹`.
#[inline(always)]
fn ln(x: f64) -> f64 {
    /// The bits of √½, for which the exponent of a quotient by it is that of `m`.
    const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    // ln 2 in two parts: the first has so few digits that its product with the exponent is exact.
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let shifted = x.to_bits().wrapping_sub(ROOT_HALF);
    let exponent = (shifted as i64) >> 52;
    let m = f64::from_bits(x.to_bits().wrapping_sub((exponent as u64) << 52));
    let exponent = exponent as i32 as f64;
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let mut sum = 1.0 / 21.0;
    sum = sum * q + 1.0 / 19.0;
    sum = sum * q + 1.0 / 17.0;
    sum = sum * q + 1.0 / 15.0;
    sum = sum * q + 1.0 / 13.0;
    sum = sum * q + 1.0 / 11.0;
    sum = sum * q + 1.0 / 9.0;
    sum = sum * q + 1.0 / 7.0;
    sum = sum * q + 1.0 / 5.0;
    sum = sum * q + 1.0 / 3.0;
    exponent * LN_2_HIGH + (exponent * LN_2_LOW + (2.0 * s * q * sum + 2.0 * s))
}

/// Cosine and sine of `turns` whole turns, `turns` in `[0, 1)`, to 2e-16.
///
/// The angle from the nearest quarter turn is at most π/4: Taylor series there, exchanged and
/// negated as the quarter wants it.
#[inline(always)]
fn cos_sin_turns(turns: f64) -> [f64; 2] {
    /// Added and taken off again, it rounds to the nearest integer: 1.5 · 2⁵².
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let rounded = 4.0 * turns + ROUND;
    let quarter = rounded.to_bits() & 3;
    let angle = (turns - 0.25 * (rounded - ROUND)) * std::f64::consts::TAU;
    let q = angle * angle;
    let mut cos = 1.0 / 20_922_789_888_000.0;
    cos = cos * q - 1.0 / 87_178_291_200.0;
    cos = cos * q + 1.0 / 479_001_600.0;
    cos = cos * q - 1.0 / 3_628_800.0;
    cos = cos * q + 1.0 / 40_320.0;
    cos = cos * q - 1.0 / 720.0;
    cos = cos * q + 1.0 / 24.0;
    cos = cos * q - 0.5;
    cos = cos * q + 1.0;
    let mut sin = -1.0 / 1_307_674_368_000.0;
    sin = sin * q + 1.0 / 6_227_020_800.0;
    sin = sin * q - 1.0 / 39_916_800.0;
    sin = sin * q + 1.0 / 362_880.0;
    sin = sin * q - 1.0 / 5_040.0;
    sin = sin * q + 1.0 / 120.0;
    sin = sin * q - 1.0 / 6.0;
    sin = sin * q * angle + angle;
    // A quarter turn makes the cosine of the sine, and the sine of the negative cosine.
    let (even_cos, even_sin) = match quarter & 1 {
        0 => (cos, sin),
        _ => (-sin, cos),
    };
    match quarter & 2 {
        0 => [even_cos, even_sin],
        _ => [-even_cos, -even_sin],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use latentlab_kernels::{Instructions, instructions::limit};

    #[test]
    fn the_logarithm_is_that_of_the_system() {
        let mut worst = 0f64;
        for step in 1..200_000u32 {
            for x in [f64::from(step) / 2e5, f64::from(step) * 2f64.powi(-70)] {
                let error = (ln(x) - x.ln()).abs() / x.ln().abs().max((x - 1.0).abs());
                worst = worst.max(error);
            }
        }
        assert!(worst < 4e-16, "{worst}");
        assert_eq!(ln(1.0), 0.0);
        assert!((ln(2f64.powi(-53)) / 2f64.powi(-53).ln() - 1.0).abs() < 4e-16);
    }

    #[test]
    fn sine_and_cosine_are_those_of_the_system() {
        for step in 0..200_000u32 {
            let turns = f64::from(step) / 2e5;
            let [cos, sin] = cos_sin_turns(turns);
            // The angle itself is rounded by up to 4e-16.
            let (exact_sin, exact_cos) = (turns * std::f64::consts::TAU).sin_cos();
            assert!((cos - exact_cos).abs() < 1e-15, "{turns}");
            assert!((sin - exact_sin).abs() < 1e-15, "{turns}");
        }
        assert_eq!(cos_sin_turns(0.5)[0], -1.0);
        assert_eq!(cos_sin_turns(0.25)[1], 1.0);
    }

    #[test]
    fn loops_give_the_bits_of_single_pairs() {
        let bits: Vec<u64> = (0..1001u64)
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        let mut values = bits.clone();
        limit(Instructions::Avx512);
        pairs(&mut values);
        for (bits, values) in bits.chunks_exact(2).zip(values.chunks_exact(2)) {
            assert_eq!(pair(bits[0], bits[1]).map(f64::to_bits), values);
        }
    }
}
