//! Patterns: a share between two colours for every point, antialiased.

use std::f64::consts::TAU;

use crate::random::{Stream, lattice};

/// A share in `[0, 1]` for every point of the plane; lengths are in units of 1/32 of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    kind: Kind,
    /// Cosine and sine of the turn, over the period: two points a period apart are 1 apart.
    turn: [f64; 2],
    period: f64,
    shift: [f64; 2],
    seed: u64,
}

/// What is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 0 everywhere.
    Plain,
    /// From 0 to 1 within a period, and constant beyond.
    Gradient,
    /// From 0 at a point to 1 a period away from it.
    Glow,
    /// Half of a period 0, the other half 1.
    Stripes,
    /// A sine.
    Waves,
    /// Squares with sides of half a period.
    Checker,
    /// Discs, one for each square of the period.
    Dots,
    /// Regions around random points, each with a random share.
    Cells,
    /// Smooth noise of three scales, the largest that of the period.
    Noise,
    /// A random share for every pixel of a picture of 32 pixels a side.
    Grain,
}

impl Pattern {
    /// A pattern of such a period, turned and shifted at random.
    pub fn new(kind: Kind, period: f64, stream: &mut Stream) -> Self {
        let angle = stream.between(0.0, TAU);
        Self {
            kind,
            turn: [libm::cos(angle) / period, libm::sin(angle) / period],
            period,
            shift: [stream.between(0.0, 64.0), stream.between(0.0, 64.0)],
            seed: stream.bits(),
        }
    }

    /// The same around the point `(x, y)`: gradients are half way there, and glows begin there.
    pub fn around(self, [x, y]: [f64; 2]) -> Self {
        Self {
            shift: [-x, -y],
            ..self
        }
    }

    /// About the mean share.
    pub fn mean(&self) -> f64 {
        match self.kind {
            Kind::Plain => 0.0,
            _ => 0.5,
        }
    }

    /// The share at a point, of a pixel with sides of `pixel`.
    pub fn at(&self, [x, y]: [f64; 2], pixel: f64) -> f64 {
        let (x, y) = (x + self.shift[0], y + self.shift[1]);
        let [cosine, sine] = self.turn;
        let (u, v) = (x * cosine + y * sine, y * cosine - x * sine);
        let pixel = pixel / self.period;
        match self.kind {
            Kind::Plain => 0.0,
            Kind::Gradient => (u + 0.5).clamp(0.0, 1.0),
            Kind::Glow => (u * u + v * v).sqrt().min(1.0),
            Kind::Stripes => square_wave(u, pixel),
            Kind::Waves => 0.5 + 0.5 * libm::sin(TAU * u),
            Kind::Checker => {
                let (a, b) = (square_wave(u, pixel), square_wave(v, pixel));
                a + b - 2.0 * a * b
            }
            Kind::Dots => {
                let (u, v) = (u - u.floor() - 0.5, v - v.floor() - 0.5);
                covered((u * u + v * v).sqrt() - 0.32, pixel)
            }
            Kind::Cells => cells(self.seed, u, v, pixel),
            Kind::Noise => {
                let octave = |level: u64| {
                    let scale = (1u64 << level) as f64;
                    smooth_noise(self.seed.wrapping_add(level), u * scale, v * scale)
                };
                (4.0 * octave(0) + 2.0 * octave(1) + octave(2)) / 7.0
            }
            Kind::Grain => lattice(self.seed, x.floor() as i64, y.floor() as i64),
        }
    }
}

/// The share of a pixel that lies inside of an outline at a distance (negative inside).
pub(crate) fn covered(distance: f64, pixel: f64) -> f64 {
    (0.5 - distance / pixel).clamp(0.0, 1.0)
}

/// 1 in the first half of every period of 1 and 0 in the second, with edges as wide as a pixel.
fn square_wave(u: f64, pixel: f64) -> f64 {
    let place = u - u.floor();
    // The distance to the nearer edge, 0.25 in the middle of either half.
    covered((place - 0.5).abs() - 0.25, pixel)
}

/// The share of the nearest of the random points, one of which lies in each square of the lattice;
/// where two are as near as each other to within a pixel, between theirs.
fn cells(seed: u64, u: f64, v: f64, pixel: f64) -> f64 {
    let (column, row) = (u.floor() as i64, v.floor() as i64);
    let (mut nearest, mut second) = ((f64::MAX, 0.0), (f64::MAX, 0.0));
    for (x, y) in (-1..=1).flat_map(|y| (-1..=1).map(move |x| (column + x, row + y))) {
        let value = |purpose: u64| lattice(seed.wrapping_add(purpose), x, y);
        let (across, down) = (x as f64 + value(1) - u, y as f64 + value(2) - v);
        let found = ((across * across + down * down).sqrt(), value(3));
        if found.0 < nearest.0 {
            (nearest, second) = (found, nearest);
        } else if found.0 < second.0 {
            second = found;
        }
    }
    let own = covered((nearest.0 - second.0) / 2.0, pixel);
    own * nearest.1 + (1.0 - own) * second.1
}

/// Random values of a lattice, joined by smooth steps (Perlin 2002).
fn smooth_noise(seed: u64, u: f64, v: f64) -> f64 {
    let (column, row) = (u.floor(), v.floor());
    let step = |share: f64| share * share * (3.0 - 2.0 * share);
    let (across, down) = (step(u - column), step(v - row));
    let corner = |x: i64, y: i64| lattice(seed, column as i64 + x, row as i64 + y);
    let above = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * across;
    let below = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * across;
    above + (below - above) * down
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 10] = [
        Kind::Plain,
        Kind::Gradient,
        Kind::Glow,
        Kind::Stripes,
        Kind::Waves,
        Kind::Checker,
        Kind::Dots,
        Kind::Cells,
        Kind::Noise,
        Kind::Grain,
    ];

    fn points() -> impl Iterator<Item = [f64; 2]> {
        (0..64).flat_map(|y| (0..64).map(move |x| [f64::from(x) / 2.0, f64::from(y) / 2.0]))
    }

    #[test]
    fn shares_are_between_0_and_1_and_do_not_depend_on_what_was_asked_before() {
        for kind in KINDS {
            let pattern = Pattern::new(kind, 5.0, &mut Stream::new(1, 2));
            let shares = || {
                points()
                    .map(|point| pattern.at(point, 1.0))
                    .collect::<Vec<_>>()
            };
            assert!(
                shares().iter().all(|share| (0.0..=1.0).contains(share)),
                "{kind:?}"
            );
            assert_eq!(shares(), shares());
        }
    }

    #[test]
    fn half_of_a_plane_of_stripes_waves_and_checkers_is_light() {
        for kind in [Kind::Stripes, Kind::Waves, Kind::Checker] {
            let pattern = Pattern::new(kind, 3.0, &mut Stream::new(1, 3));
            let mean = points().map(|point| pattern.at(point, 0.1)).sum::<f64>() / 4096.0;
            assert!((mean - 0.5).abs() < 0.03, "{kind:?}: {mean}");
        }
    }

    #[test]
    fn a_pattern_repeats_after_its_period_and_not_before() {
        for kind in [Kind::Stripes, Kind::Waves, Kind::Checker, Kind::Dots] {
            let pattern = Pattern::new(kind, 6.0, &mut Stream::new(1, 4));
            let [cosine, sine] = pattern.turn.map(|part| part * 6.0);
            let change = |length: f64| -> f64 {
                let moved = |[x, y]: [f64; 2]| [x + length * cosine, y + length * sine];
                let change =
                    points().map(|p| (pattern.at(p, 1.0) - pattern.at(moved(p), 1.0)).abs());
                change.sum::<f64>() / 4096.0
            };
            assert!(change(6.0) < 1e-9, "{kind:?}: {}", change(6.0));
            assert!(change(3.0) > 0.2, "{kind:?}: {}", change(3.0));
        }
    }

    #[test]
    fn an_edge_is_as_wide_as_a_pixel() {
        for (distance, share) in [
            (-2.0, 1.0),
            (-0.5, 1.0),
            (0.0, 0.5),
            (0.25, 0.25),
            (0.5, 0.0),
        ] {
            assert_eq!(covered(distance, 1.0), share);
            assert_eq!(covered(2.0 * distance, 2.0), share);
        }
    }
}
