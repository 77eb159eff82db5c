//! Random numbers without a stream of the library's.

use std::f64::consts::TAU;

/// Standard normal numbers (Box and Muller 1958, on SplitMix64), the same for the same seed.
pub fn normals(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95);
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let normal = |_| ((-2.0 * (1.0 - uniform()).ln()).sqrt() * (TAU * uniform()).cos()) as f32;
    (0..count).map(normal).collect()
}

#[test]
fn they_have_the_moments_of_a_normal_distribution() {
    let values = normals(100_000, 1);
    let moment = |power| {
        values
            .iter()
            .map(|x| f64::from(*x).powi(power))
            .sum::<f64>()
            / 1e5
    };
    // Five standard errors: of x 1, of x² 2, of x⁴ 96, over the number of values.
    for (power, exact, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (4, 3.0, 96.0)] {
        let error = (moment(power) - exact).abs();
        assert!(error < 5.0 * f64::sqrt(variance / 1e5), "{power}: {error}");
    }
}
