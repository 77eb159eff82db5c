//! The least value of a smooth function of many numbers.

use std::collections::VecDeque;

use latentlab_core::{Error, Result};

/// Steps that the curvature is learned from.
const MEMORY: usize = 10;
/// The share of the slope that a step must gain.
const GAIN: f64 = 1e-4;
/// How often a step may be halved before rounding is all that is left.
const HALVINGS: usize = 40;

/// Where a search ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    /// The last place.
    pub place: Vec<f64>,
    /// The steps that were taken.
    pub steps: usize,
    /// The largest entry of the gradient there, without its sign.
    pub slope: f64,
    /// The slope that was asked for.
    pub tolerance: f64,
    /// Whether no step gained anything any more.
    pub stuck: bool,
}

impl Minimum {
    /// The last place.
    ///
    /// # Errors
    /// If the slope there exceeds the tolerance; says why the search for `what` ended.
    pub fn found(self, what: &str) -> Result<Vec<f64>> {
        if self.slope <= self.tolerance {
            return Ok(self.place);
        }
        let reason = match self.stuck {
            true => "no further step gains anything",
            false => "no more are taken",
        };
        let problem = format!(
            "{what} was not fitted in {} steps: {reason}, and the largest slope is {:e}, not at most \
             {:e}",
            self.steps, self.slope, self.tolerance
        );
        Err(Error::Data(problem))
    }
}

/// Where `function` (value and gradient at a place) is least, from `start` on, by L-BFGS (Nocedal 1980)
/// with steps halved until they gain enough. Ends when no entry of the gradient exceeds `tolerance`,
/// no step gains anything, or after `steps`.
pub fn minimise(
    function: impl Fn(&[f64]) -> (f64, Vec<f64>),
    start: Vec<f64>,
    tolerance: f64,
    steps: usize,
) -> Minimum {
    let mut place = start;
    let (mut value, mut gradient) = function(&place);
    let mut past = VecDeque::with_capacity(MEMORY);
    let (mut taken, mut stuck) = (0, false);
    while largest(&gradient) > tolerance && taken < steps {
        let mut direction = quasi_newton(&past, &gradient);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            past.clear();
            direction = gradient.iter().map(|entry| -entry).collect();
            slope = -dot(&gradient, &gradient);
        }
        // Nothing is known of the scale before the first step.
        let first = match past.is_empty() {
            true => 1.0 / dot(&gradient, &gradient).sqrt().max(1.0),
            false => 1.0,
        };
        let mut lengths = (0..HALVINGS).map(|halvings| first * 0.5f64.powi(halvings as i32));
        let step = lengths.find_map(|length| {
            let next = place.iter().zip(&direction).map(|(x, d)| x + length * d);
            let next: Vec<f64> = next.collect();
            let (lower, slopes) = function(&next);
            (lower <= value + GAIN * length * slope).then_some((next, lower, slopes))
        });
        let Some((next, lower, slopes)) = step else {
            stuck = true;
            break;
        };
        taken += 1;
        let moved = difference(&next, &place);
        let bent = difference(&slopes, &gradient);
        let curvature = dot(&moved, &bent);
        // Pairs without positive curvature would make the next direction point up.
        if curvature > 1e-12 * dot(&bent, &bent) {
            if past.len() == MEMORY {
                past.pop_front();
            }
            past.push_back((moved, bent, curvature));
        }
        (place, value, gradient) = (next, lower, slopes);
    }
    Minimum {
        place,
        steps: taken,
        slope: largest(&gradient),
        tolerance,
        stuck,
    }
}

/// The two loops of L-BFGS: minus the gradient times what past steps say of the inverse Hessian.
fn quasi_newton(past: &VecDeque<(Vec<f64>, Vec<f64>, f64)>, gradient: &[f64]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|entry| -entry).collect();
    let mut weights = Vec::with_capacity(past.len());
    for (moved, bent, curvature) in past.iter().rev() {
        let weight = dot(moved, &direction) / curvature;
        add(&mut direction, bent, -weight);
        weights.push(weight);
    }
    if let Some((_, bent, curvature)) = past.back() {
        let scale = curvature / dot(bent, bent);
        direction.iter_mut().for_each(|entry| *entry *= scale);
    }
    for ((moved, bent, curvature), weight) in past.iter().zip(weights.into_iter().rev()) {
        let correction = dot(bent, &direction) / curvature;
        add(&mut direction, moved, weight - correction);
    }
    direction
}

/// The largest entry without its sign; infinite, if one is not a number.
fn largest(gradient: &[f64]) -> f64 {
    let sizes = gradient.iter().map(|entry| match entry.is_nan() {
        true => f64::INFINITY,
        false => entry.abs(),
    });
    sizes.fold(0.0, f64::max)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(sum: &mut [f64], summand: &[f64], factor: f64) {
    let pairs = sum.iter_mut().zip(summand);
    pairs.for_each(|(sum, summand)| *sum += factor * summand);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottom_of_a_curved_valley_is_found() {
        // Rosenbrock's function, least at (1, 1).
        let function = |x: &[f64]| {
            let (along, across) = (1.0 - x[0], x[1] - x[0] * x[0]);
            let value = along * along + 100.0 * across * across;
            let slope = vec![-2.0 * along - 400.0 * x[0] * across, 200.0 * across];
            (value, slope)
        };
        let found = minimise(function, vec![-1.2, 1.0], 1e-8, 200);
        let place = found.found("the valley").unwrap();
        assert!(place.iter().all(|x| (x - 1.0).abs() < 1e-7), "{place:?}");
    }

    #[test]
    fn a_bowl_of_many_widths_is_found_and_too_few_steps_are_told() {
        let function = |x: &[f64]| {
            let bowl = |(n, x): (usize, &f64)| (n + 1) as f64 * (x - n as f64);
            let gradient: Vec<f64> = x.iter().enumerate().map(bowl).collect();
            let terms = gradient.iter().enumerate();
            (
                terms.map(|(n, g)| 0.5 * g * g / (n + 1) as f64).sum(),
                gradient,
            )
        };
        let place = minimise(function, vec![0.0; 30], 1e-9, 300);
        let place = place.found("a bowl").unwrap();
        let mut places = place.iter().enumerate();
        assert!(places.all(|(n, x)| (x - n as f64).abs() < 1e-8));
        let few = minimise(function, vec![0.0; 30], 1e-9, 2);
        assert_eq!((few.steps, few.stuck), (2, false));
        assert_eq!(few.slope, largest(&function(&few.place).1));
        let message = few.found("a bowl").unwrap_err().to_string();
        let start = "a bowl was not fitted in 2 steps: no more are taken, and the largest slope";
        assert!(message.starts_with(start), "{message}");
    }

    #[test]
    fn a_search_that_no_step_helps_says_so_and_not_that_steps_were_too_few() {
        // A gradient that points the wrong way, and one that is no number.
        for (slope, told) in [(-2.0, "6e0"), (f64::NAN, "inf")] {
            let function = |x: &[f64]| (x[0] * x[0], vec![slope * x[0]]);
            let found = minimise(function, vec![3.0], 1e-6, 100);
            assert_eq!((found.steps, found.stuck), (0, true));
            let expected = format!(
                "a bowl was not fitted in 0 steps: no further step gains anything, and the largest \
                 slope is {told}, not at most 1e-6"
            );
            assert_eq!(found.found("a bowl").unwrap_err().to_string(), expected);
        }
    }
}
