//! What makes pictures worse, in five strengths each (after Heusel et al. 2017, appendix A1).

use candle_core::{Device, Tensor};
use latentlab_run::Result;
use latentlab_tensor::Rng;

use crate::held_out::{Pictures, SIDE};

/// What makes pictures worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// A Gaussian blur; the strength is its deviation in pixels.
    Blur,
    /// Gaussian noise on every value, clipped to `[0, 1]`; the strength is its deviation.
    Noise,
    /// Fewer modes, whose pictures are repeated; the strength is the share that is left out.
    FewerModes,
    /// Five black rectangles; the strength is their side over that of the picture.
    Rectangles,
    /// Pixels that are black or white; the strength is their share.
    SaltAndPepper,
    /// A swirl about the middle; the strength is the angle there, in radians.
    Swirl,
}

/// Black rectangles in a picture.
const RECTANGLES: usize = 5;
/// Deviations of a blur up to which its weights are taken.
const REACH: f64 = 4.0;
/// Values of a plane.
const PLANE: usize = SIDE * SIDE;

impl Disturbance {
    /// All that there are.
    pub const ALL: [Self; 6] = [
        Self::Blur,
        Self::Noise,
        Self::FewerModes,
        Self::Rectangles,
        Self::SaltAndPepper,
        Self::Swirl,
    ];

    /// What it is called in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blur => "blur",
            Self::Noise => "noise",
            Self::FewerModes => "fewer modes",
            Self::Rectangles => "black rectangles",
            Self::SaltAndPepper => "salt and pepper",
            Self::Swirl => "swirl",
        }
    }

    /// The strengths, from the weakest.
    pub fn strengths(self) -> [f64; 5] {
        match self {
            Self::Blur => [0.7, 1.0, 1.5, 2.0, 3.0],
            Self::Noise => [0.05, 0.1, 0.15, 0.25, 0.4],
            Self::FewerModes => [0.5, 0.75, 0.875, 0.9375, 0.96875],
            Self::Rectangles => [0.1, 0.2, 0.3, 0.4, 0.5],
            Self::SaltAndPepper => [0.01, 0.02, 0.05, 0.1, 0.2],
            Self::Swirl => [0.5, 1.0, 1.5, 2.0, 3.0],
        }
    }

    /// As many pictures as there are in `pictures`, disturbed. What is random depends on the seed and
    /// the place of a picture, not on the strength: a stronger disturbance is more of the same.
    pub fn of(self, pictures: &Pictures, strength: f64, seed: u64) -> Result<Tensor> {
        if self == Self::FewerModes {
            return pictures.fewer_modes(strength, seed);
        }
        let mut values: Vec<f32> = pictures.images.flatten_all()?.to_vec1()?;
        for (index, image) in values.chunks_exact_mut(3 * PLANE).enumerate() {
            let mut rng = Rng::stream(seed, self.name(), index as u64);
            match self {
                Self::Blur => image
                    .chunks_exact_mut(PLANE)
                    .for_each(|plane| blur(plane, strength)),
                Self::Noise => noise(image, strength, &mut rng),
                Self::Rectangles => rectangles(image, strength, &mut rng),
                Self::SaltAndPepper => salt_and_pepper(image, strength, &mut rng),
                Self::Swirl => image
                    .chunks_exact_mut(PLANE)
                    .for_each(|plane| swirl(plane, strength)),
                Self::FewerModes => {}
            }
        }
        Ok(Tensor::from_vec(
            values,
            pictures.images.shape(),
            &Device::Cpu,
        )?)
    }
}

/// Blurs a plane; beyond the border it goes on as it is there.
fn blur(plane: &mut [f32], deviation: f64) {
    let reach = (REACH * deviation).ceil() as isize;
    let weight = |distance: isize| (-0.5 * (distance as f64 / deviation).powi(2)).exp();
    let sum: f64 = (-reach..=reach).map(weight).sum();
    let weights: Vec<f64> = (-reach..=reach).map(|at| weight(at) / sum).collect();
    for (along, across) in [(1, SIDE), (SIDE, 1)] {
        let before = plane.to_vec();
        for (line, place) in (0..SIDE).flat_map(|line| (0..SIDE).map(move |at| (line, at))) {
            let value = |at: isize| {
                let at = at.clamp(0, SIDE as isize - 1) as usize;
                f64::from(before[line * across + at * along])
            };
            let start = place as isize - reach;
            let mixed = weights
                .iter()
                .zip(start..)
                .map(|(weight, at)| weight * value(at));
            plane[line * across + place * along] = mixed.sum::<f64>() as f32;
        }
    }
}

fn noise(image: &mut [f32], deviation: f64, rng: &mut Rng) {
    for (value, normal) in image.iter_mut().zip(rng.normals(3 * PLANE)) {
        *value = (f64::from(*value) + deviation * normal).clamp(0.0, 1.0) as f32;
    }
}

fn rectangles(image: &mut [f32], side: f64, rng: &mut Rng) {
    let side = side * SIDE as f64;
    for _ in 0..RECTANGLES {
        let mut start = || rng.unit() * (SIDE as f64 - side);
        let (left, top) = (start(), start());
        let covered = |place: usize, start: f64| {
            let middle = place as f64 + 0.5;
            (start..start + side).contains(&middle)
        };
        for plane in image.chunks_exact_mut(PLANE) {
            for (at, value) in plane.iter_mut().enumerate() {
                if covered(at / SIDE, top) && covered(at % SIDE, left) {
                    *value = 0.0;
                }
            }
        }
    }
}

fn salt_and_pepper(image: &mut [f32], share: f64, rng: &mut Rng) {
    for pixel in 0..PLANE {
        let (hit, light) = (rng.unit() < share, rng.bits() & 1 == 1);
        if hit {
            for channel in 0..3 {
                image[channel * PLANE + pixel] = f32::from(u8::from(light));
            }
        }
    }
}

/// Turns a plane about its middle by `angle`, and less and less towards the border.
fn swirl(plane: &mut [f32], angle: f64) {
    let before = plane.to_vec();
    let middle = (SIDE as f64 - 1.0) / 2.0;
    let value = |row: f64, column: f64| {
        let last = SIDE as f64 - 1.0;
        f64::from(before[row.clamp(0.0, last) as usize * SIDE + column.clamp(0.0, last) as usize])
    };
    for (at, pixel) in plane.iter_mut().enumerate() {
        let (y, x) = ((at / SIDE) as f64 - middle, (at % SIDE) as f64 - middle);
        let turn = angle * (1.0 - x.hypot(y) / (SIDE as f64 / 2.0)).max(0.0);
        let (sine, cosine) = turn.sin_cos();
        let (row, column) = (
            middle + x * sine + y * cosine,
            middle + x * cosine - y * sine,
        );
        let (top, left) = (row.floor(), column.floor());
        let (down, right) = (row - top, column - left);
        let line = |row: f64| value(row, left) * (1.0 - right) + value(row, left + 1.0) * right;
        *pixel = (line(top) * (1.0 - down) + line(top + 1.0) * down) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emoji() -> Pictures {
        Pictures::emoji().unwrap().halves(50, 0).unwrap()[0].clone()
    }

    fn values(images: &Tensor) -> Vec<f32> {
        images.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn plane(value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        (0..PLANE).map(|at| value(at / SIDE, at % SIDE)).collect()
    }

    #[test]
    fn every_disturbance_changes_more_the_stronger_it_is_and_stays_in_range() {
        let pictures = emoji();
        let before = values(&pictures.images);
        for disturbance in Disturbance::ALL {
            let mut last = 0.0;
            for strength in disturbance.strengths() {
                let after = disturbance.of(&pictures, strength, 3).unwrap();
                let again = disturbance.of(&pictures, strength, 3).unwrap();
                let after = values(&after);
                assert_eq!(after, values(&again));
                assert!(after.iter().all(|value| (0.0..=1.0).contains(value)));
                let changes = before
                    .iter()
                    .zip(&after)
                    .map(|(a, b)| f64::from(a - b).powi(2));
                let change: f64 = changes.sum();
                // Repeated pictures are others, not changed ones.
                assert!(
                    change > last || disturbance == Disturbance::FewerModes,
                    "{disturbance:?} {strength}: {change}"
                );
                last = change;
            }
        }
    }

    #[test]
    fn a_blurred_point_is_a_gaussian_and_one_colour_stays() {
        let mut point = plane(|row, column| f32::from(u8::from((row, column) == (16, 16))));
        blur(&mut point, 2.0);
        let sum: f32 = point.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5);
        let at = |row: usize, column: usize| point[row * SIDE + column];
        let ratio = at(16, 18) / at(16, 16);
        assert!((ratio - (-0.5f32).exp()).abs() < 1e-5, "{ratio}");
        assert!((at(14, 16) - at(16, 18)).abs() < 1e-7);
        let mut one = plane(|_, _| 0.25);
        blur(&mut one, 3.0);
        assert!(one.iter().all(|value| (value - 0.25).abs() < 1e-6));
    }

    #[test]
    fn noise_has_its_deviation_where_nothing_is_clipped() {
        let mut image = vec![0.5; 3 * PLANE];
        noise(&mut image, 0.1, &mut Rng::stream(0, "test", 0));
        let squares = image.iter().map(|value| f64::from(value - 0.5).powi(2));
        let deviation = (squares.sum::<f64>() / (3 * PLANE) as f64).sqrt();
        // Five standard errors of 0.1/√(2·3072).
        assert!((deviation - 0.1).abs() < 5.0 * 0.0013, "{deviation}");
    }

    #[test]
    fn rectangles_and_dots_cover_what_their_strength_says() {
        let share = |image: &[f32], level: f32| {
            let count = image.iter().filter(|value| **value == level).count();
            count as f64 / image.len() as f64
        };
        let (mut covered, mut black, mut white) = (0.0, 0.0, 0.0);
        for index in 0..100 {
            let mut image = vec![0.5; 3 * PLANE];
            rectangles(&mut image, 0.25, &mut Rng::stream(0, "test", index));
            assert!(share(&image, 0.0) >= 1.0 / 16.0);
            covered += share(&image, 0.0) / 100.0;
            let mut image = vec![0.5; 3 * PLANE];
            salt_and_pepper(&mut image, 0.1, &mut Rng::stream(0, "test", index));
            black += share(&image, 0.0) / 100.0;
            white += share(&image, 1.0) / 100.0;
        }
        // Five rectangles of a sixteenth each, some of which overlap.
        assert!((0.2..5.0 / 16.0).contains(&covered), "{covered}");
        // Five standard errors of √(0.05·0.95/102400).
        assert!(
            (black - 0.05).abs() < 0.0035 && (white - 0.05).abs() < 0.0035,
            "{black} {white}"
        );
    }

    #[test]
    fn a_swirl_turns_the_middle_and_leaves_what_is_beyond_its_circle() {
        let left_half = |_: usize, column: usize| f32::from(u8::from(column < SIDE / 2));
        let before = plane(left_half);
        let mut after = before.clone();
        swirl(&mut after, std::f64::consts::PI);
        for (at, (after, before)) in after.iter().zip(&before).enumerate() {
            let from_middle = |place: usize| place as f64 + 0.5 - SIDE as f64 / 2.0;
            let distance = from_middle(at / SIDE).hypot(from_middle(at % SIDE));
            assert!(
                distance < SIDE as f64 / 2.0 || after == before,
                "pixel {at}"
            );
        }
        // Half a turn in the middle: what was to the left is to the right.
        assert!(after[15 * SIDE + 14] < 0.3 && after[15 * SIDE + 17] > 0.7);
        let mut still = before.clone();
        swirl(&mut still, 0.0);
        assert_eq!(still, before);
    }
}
