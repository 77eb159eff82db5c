//! The least value of a smooth function of many numbers.

use std::collections::VecDeque;

/// Steps that the curvature is learned from.
const MEMORY: usize = 10;
/// The share of the slope that a step must gain.
const GAIN: f64 = 1e-4;
/// How often a step may be halved before rounding is all that is left.
const HALVINGS: usize = 40;

/// Where `function` (value and gradient at a place) is least, from `start` on, by L-BFGS (Nocedal 1980)
/// with steps halved until they gain enough. Ends when no entry of the gradient exceeds `tolerance`,
/// no step gains anything, or after `steps`; says whether the gradient was that small.
pub fn minimise(
    function: impl Fn(&[f64]) -> (f64, Vec<f64>),
    start: Vec<f64>,
    tolerance: f64,
    steps: usize,
) -> (Vec<f64>, bool) {
    let mut place = start;
    let (mut value, mut gradient) = function(&place);
    let mut past = VecDeque::with_capacity(MEMORY);
    for _ in 0..steps {
        if is_flat(&gradient, tolerance) {
            break;
        }
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
            break;
        };
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
    let flat = is_flat(&gradient, tolerance);
    (place, flat)
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

fn is_flat(gradient: &[f64], tolerance: f64) -> bool {
    gradient.iter().all(|entry| entry.abs() <= tolerance)
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
        let (place, flat) = minimise(function, vec![-1.2, 1.0], 1e-8, 200);
        assert!(flat);
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
        let (place, flat) = minimise(function, vec![0.0; 30], 1e-9, 300);
        assert!(
            flat && place
                .iter()
                .enumerate()
                .all(|(n, x)| (x - n as f64).abs() < 1e-8)
        );
        assert!(!minimise(function, vec![0.0; 30], 1e-9, 2).1);
    }
}
