//! Points in the plane whose distribution is known: a ring, a grid and a spiral.
//!
//! A point is an image of two channels and one pixel. Ring and grid are the mixtures on which mode
//! collapse is measured (Srivastava et al. 2017, VEEGAN; Lin et al. 2018, PacGAN).

use std::f64::consts::PI;

use latentlab_core::ValueRange;
use latentlab_tensor::Rng;

use crate::{Result, images::Loaded, synthetic::Synthetic};

/// Standard deviation of each coordinate around a centre of the ring.
pub const RING_DEVIATION: f64 = 0.01;
/// Standard deviation of each coordinate around a centre of the grid.
pub const GRID_DEVIATION: f64 = 0.05;
/// Standard deviation of each coordinate around an arm of the spiral.
pub const SPIRAL_DEVIATION: f64 = 0.02;

/// The centres of the ring, by label: eight points at equal distances on the unit circle,
/// counter-clockwise from (1, 0).
pub fn ring_modes() -> Vec<[f64; 2]> {
    let angles = (0..8).map(|mode| f64::from(mode) * PI / 4.0);
    angles
        .map(|angle| [libm::cos(angle), libm::sin(angle)])
        .collect()
}

/// The centres of the grid, by label: {−4, −2, 0, 2, 4}², row by row from (−4, −4).
pub fn grid_modes() -> Vec<[f64; 2]> {
    let line = [-4.0, -2.0, 0.0, 2.0, 4.0];
    line.iter().flat_map(|y| line.map(|x| [x, *y])).collect()
}

/// The point of arm 0 or 1 of the spiral at a share `t` in `[0, 1]` of its length of angle: its
/// radius is t, its angle 3πt + π·arm.
pub fn spiral_point(arm: u32, t: f64) -> [f64; 2] {
    let angle = 3.0 * PI * t + PI * f64::from(arm);
    [t * libm::cos(angle), t * libm::sin(angle)]
}

pub(crate) fn ring(counts: &Synthetic, seed: u64) -> Result<Loaded> {
    mixture("ring", counts, seed, &ring_modes(), RING_DEVIATION)
}

pub(crate) fn grid(counts: &Synthetic, seed: u64) -> Result<Loaded> {
    mixture("grid", counts, seed, &grid_modes(), GRID_DEVIATION)
}

/// Labels are the arms. The share of the angle is √u, u uniform, so that an arm is about equally
/// dense along its length.
pub(crate) fn spiral(counts: &Synthetic, seed: u64) -> Result<Loaded> {
    counts.draw("spiral", ValueRange::Real, seed, |rng| {
        let arm = rng.below(2) as u32;
        let centre = spiral_point(arm, rng.unit().sqrt());
        (arm, scatter(centre, SPIRAL_DEVIATION, rng))
    })
}

/// Gaussians of equal weight; labels are the modes.
fn mixture(
    name: &str,
    counts: &Synthetic,
    seed: u64,
    modes: &[[f64; 2]],
    deviation: f64,
) -> Result<Loaded> {
    counts.draw(name, ValueRange::Real, seed, |rng| {
        let mode = rng.below(modes.len() as u64);
        (mode as u32, scatter(modes[mode as usize], deviation, rng))
    })
}

fn scatter([x, y]: [f64; 2], deviation: f64, rng: &mut Rng) -> [f32; 2] {
    let (dx, dy) = rng.normal_pair();
    [(x + deviation * dx) as f32, (y + deviation * dy) as f32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Images;

    /// Mean square distance of the points to their mode, and the number of points in each mode.
    fn spread(images: &Images, modes: &[[f64; 2]]) -> (f64, Vec<u32>) {
        let rows: Vec<u32> = (0..images.labels.as_ref().unwrap().len() as u32).collect();
        let batch = images.gather(&rows);
        let (mut squares, mut counts) = (0.0, vec![0; modes.len()]);
        for (point, label) in batch.values.chunks(2).zip(batch.labels.unwrap()) {
            let [x, y] = modes[label as usize];
            squares += (f64::from(point[0]) - x).powi(2) + (f64::from(point[1]) - y).powi(2);
            counts[label as usize] += 1;
        }
        (squares / rows.len() as f64, counts)
    }

    #[test]
    fn points_lie_around_their_modes_with_the_stated_deviation() {
        let counts = Synthetic {
            train: 50_000,
            test: 0,
        };
        let cases = [
            (ring(&counts, 0), ring_modes(), RING_DEVIATION),
            (grid(&counts, 0), grid_modes(), GRID_DEVIATION),
        ];
        for (loaded, modes, deviation) in cases {
            let (squares, counts) = spread(&loaded.unwrap().images, &modes);
            // Two coordinates; the mean of 50,000 squares of a pair has a deviation of 2σ²/√50,000.
            let variance = 2.0 * deviation * deviation;
            assert!(
                (squares / variance - 1.0).abs() < 4.0 / 50_000f64.sqrt(),
                "{squares}"
            );
            // Binomial counts, five deviations.
            let mean = 50_000.0 / modes.len() as f64;
            assert!(
                counts
                    .iter()
                    .all(|n| (f64::from(*n) - mean).abs() < 5.0 * mean.sqrt())
            );
        }
    }

    #[test]
    fn the_arms_of_the_spiral_face_each_other_and_end_at_radius_one() {
        let ([x, y], [u, v]) = (spiral_point(0, 1.0), spiral_point(1, 1.0));
        assert!((x + u).abs() < 1e-12 && (y + v).abs() < 1e-12);
        assert!((x.hypot(y) - 1.0).abs() < 1e-12);
    }
}
