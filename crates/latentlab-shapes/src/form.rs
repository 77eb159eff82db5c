//! Forms: how far a point lies from an outline, below 0 inside.

use std::f64::consts::TAU;

use crate::Form;

type Point = [f64; 2];

/// The distance of `point` from the outline of a form around the origin that reaches out to 1;
/// negative inside. Near the outline it is exact but for corners that point outwards.
pub(crate) fn distance(form: Form, point: Point) -> f64 {
    let [x, y] = point;
    let radius = (x * x + y * y).sqrt();
    match form {
        Form::Disc => radius - 0.9,
        Form::Ring => (radius - 0.72).abs() - 0.26,
        Form::Square => x.abs().max(y.abs()) - 0.74,
        Form::Triangle => triangle(point),
        Form::Star => star(point),
        Form::Cross => bar(x, y).min(bar(y, x)),
    }
}

/// A bar along x.
fn bar(x: f64, y: f64) -> f64 {
    (x.abs() - 0.94).max(y.abs() - 0.3)
}

/// The triangle of equal sides with a corner at (0, 1).
fn triangle([x, y]: Point) -> f64 {
    const HALF_ROOT_3: f64 = 0.866_025_403_784_438_6;
    let slanted = HALF_ROOT_3 * x.abs() + 0.5 * y;
    slanted.max(-y) - 0.5
}

/// The star with a point at (0, 1) and notches at a radius of 0.42. Its ten edges are one, turned and
/// mirrored.
fn star([x, y]: Point) -> f64 {
    /// A notch beside the point at (0, 1): 0.42 times sine and cosine of 36°.
    const NOTCH: Point = [0.246_869_806_162_838_68, 0.339_787_137_637_477_9];
    const FIFTH: f64 = TAU / 5.0;
    let angle = libm::atan2(x, y);
    let from_point = (angle - FIFTH * libm::round(angle / FIFTH)).abs();
    let radius = (x * x + y * y).sqrt();
    let (x, y) = (
        radius * libm::sin(from_point),
        radius * libm::cos(from_point),
    );
    let (across, down) = (NOTCH[0], NOTCH[1] - 1.0);
    let length = (across * across + down * down).sqrt();
    (across * (y - 1.0) - down * x) / length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::FORMS;

    /// Places of a fine grid over the square from -1 to 1.
    fn grid() -> impl Iterator<Item = Point> {
        let place = |n: i32| f64::from(n) / 100.0;
        (-100..=100).flat_map(move |y| (-100..=100).map(move |x| [place(x), place(y)]))
    }

    /// The share of the square that a form covers.
    fn area(form: Form) -> f64 {
        let inside = grid().filter(|point| distance(form, *point) < 0.0);
        inside.count() as f64 / (201.0 * 201.0) * 4.0
    }

    #[test]
    fn forms_have_the_areas_of_their_definitions() {
        const PI: f64 = TAU / 2.0;
        // Ten triangles with sides 1 and 0.42 that meet at 36°.
        let star = 10.0 * 0.5 * 0.42 * (PI / 5.0).sin();
        let expected = [
            (Form::Disc, PI * 0.81),
            (Form::Ring, PI * (0.98f64.powi(2) - 0.46f64.powi(2))),
            (Form::Square, 1.48 * 1.48),
            (Form::Triangle, 0.75 * 3f64.sqrt()),
            (Form::Star, star),
            (Form::Cross, 2.0 * 1.88 * 0.6 - 0.36),
        ];
        for (form, expected) in expected {
            let found = area(form);
            assert!(
                (found / expected - 1.0).abs() < 0.03,
                "{form:?}: {found}, not {expected}"
            );
        }
    }

    #[test]
    fn the_star_looks_the_same_after_a_fifth_of_a_turn() {
        let (sine, cosine) = (TAU / 5.0).sin_cos();
        for [x, y] in grid() {
            let turned = [x * cosine - y * sine, x * sine + y * cosine];
            let (here, there) = (star([x, y]), star(turned));
            assert!((here - there).abs() < 1e-9, "{x} {y}: {here} {there}");
        }
    }

    #[test]
    fn no_form_reaches_beyond_a_square_of_2() {
        for form in FORMS {
            for [x, y] in grid() {
                let outside = [x + 2.01 * x.signum(), y];
                assert!(distance(form, outside) > 0.0, "{form:?} {outside:?}");
            }
        }
    }

    #[test]
    fn a_distance_never_changes_faster_than_its_point() {
        for form in FORMS {
            for [x, y] in grid() {
                let change = distance(form, [x + 1e-3, y]) - distance(form, [x, y]);
                assert!(change.abs() <= 1.001e-3, "{form:?} {x} {y}: {change}");
            }
        }
    }
}
