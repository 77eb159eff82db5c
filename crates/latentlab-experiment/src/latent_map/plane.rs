//! The plane that codes are shown in: their own two dimensions, or the first two principal
//! components.

/// Steps of the power iteration, at most.
const ITERATIONS: usize = 1_000;
/// An axis whose next step has a cosine this close to 1 has been found.
const TURN: f64 = 1e-14;
/// A variance below this share of all is a rounding error.
const NOTHING: f64 = 1e-12;

/// A plane in the latent space.
pub(super) struct Plane {
    /// Shares of the variance along the two axes; none if the plane is the latent space itself.
    pub(super) shares: Option<[f64; 2]>,
    mean: Vec<f64>,
    axes: [Vec<f64>; 2],
}

impl Plane {
    /// The plane to show these codes in; none if they have less than two dimensions, are not all
    /// finite or do not differ.
    pub(super) fn of(codes: &[Vec<f64>]) -> Option<Self> {
        let dimensions = codes.first()?.len();
        let finite = codes.iter().flatten().all(|value| value.is_finite());
        if dimensions < 2 || !finite {
            return None;
        }
        let mean = mean(codes);
        let mut covariance = covariance(codes, &mean);
        let variance: f64 = (0..dimensions).map(|index| covariance[index][index]).sum();
        if variance == 0.0 {
            return None;
        }
        if dimensions == 2 {
            return Some(Self {
                shares: None,
                mean: vec![0.0; 2],
                axes: [vec![1.0, 0.0], vec![0.0, 1.0]],
            });
        }
        let first = principal(&covariance, variance);
        deflate(&mut covariance, &first);
        let second = principal(&covariance, variance);
        Some(Self {
            shares: Some([first.1 / variance, second.1 / variance]),
            mean,
            axes: [first.0, second.0],
        })
    }

    /// Where a code lies in the plane.
    pub(super) fn place(&self, code: &[f64]) -> [f64; 2] {
        self.axes.each_ref().map(|axis| {
            let parts = code.iter().zip(&self.mean).zip(axis);
            parts
                .map(|((value, mean), axis)| (value - mean) * axis)
                .sum()
        })
    }

    /// Names of the axes.
    pub(super) fn axes(&self) -> [String; 2] {
        let name = |index: usize, share: f64| {
            let which = ["first", "second"][index];
            format!(
                "{which} principal component, {:.1} % of the variance",
                100.0 * share
            )
        };
        match self.shares {
            None => ["z₁".to_owned(), "z₂".to_owned()],
            Some([first, second]) => [name(0, first), name(1, second)],
        }
    }
}

fn mean(codes: &[Vec<f64>]) -> Vec<f64> {
    let mut mean = vec![0.0; codes[0].len()];
    for code in codes {
        mean.iter_mut()
            .zip(code)
            .for_each(|(sum, value)| *sum += value);
    }
    mean.iter_mut().for_each(|sum| *sum /= codes.len() as f64);
    mean
}

fn covariance(codes: &[Vec<f64>], mean: &[f64]) -> Vec<Vec<f64>> {
    let mut covariance = vec![vec![0.0; mean.len()]; mean.len()];
    for code in codes {
        let centred: Vec<f64> = code
            .iter()
            .zip(mean)
            .map(|(value, mean)| value - mean)
            .collect();
        for (row, left) in covariance.iter_mut().zip(&centred) {
            row.iter_mut()
                .zip(&centred)
                .for_each(|(sum, right)| *sum += left * right);
        }
    }
    let values = covariance.iter_mut().flatten();
    values.for_each(|sum| *sum /= codes.len() as f64);
    covariance
}

/// The direction of the largest variance and that variance, by power iteration from the longest
/// column. Zero where nothing varies beside a total of `variance`.
fn principal(covariance: &[Vec<f64>], variance: f64) -> (Vec<f64>, f64) {
    let longest = covariance.iter().max_by(|a, b| norm(a).total_cmp(&norm(b)));
    let mut axis = longest.cloned().unwrap_or_default();
    let mut length = norm(&axis);
    if length <= NOTHING * variance {
        return (vec![0.0; axis.len()], 0.0);
    }
    axis.iter_mut().for_each(|value| *value /= length);
    for _ in 0..ITERATIONS {
        let mut next: Vec<f64> = covariance.iter().map(|row| dot(row, &axis)).collect();
        length = norm(&next);
        next.iter_mut().for_each(|value| *value /= length);
        let turn = 1.0 - dot(&next, &axis);
        axis = next;
        if turn < TURN {
            break;
        }
    }
    (axis, length)
}

/// Takes a direction and its variance out of a covariance.
fn deflate(covariance: &mut [Vec<f64>], (axis, variance): &(Vec<f64>, f64)) {
    for (row, left) in covariance.iter_mut().zip(axis) {
        row.iter_mut()
            .zip(axis)
            .for_each(|(value, right)| *value -= variance * left * right);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes whose variance along three orthogonal directions of space is 18, 8 and 2.
    fn codes() -> Vec<Vec<f64>> {
        let (a, b, c) = ([2.0, 1.0, 2.0], [-2.0, 2.0, 1.0], [1.0, 2.0, -2.0]); // of length 3
        let mut codes = Vec::new();
        for (axis, length) in [(a, 54f64), (b, 24.0), (c, 6.0)] {
            for sign in [1.0, -1.0] {
                let code = axis.map(|value| 5.0 + sign * value / 3.0 * length.sqrt());
                codes.push(code.to_vec());
            }
        }
        codes
    }

    #[test]
    fn the_plane_holds_the_largest_variances() {
        let plane = Plane::of(&codes()).unwrap();
        let [first, second] = plane.shares.unwrap();
        assert!((first - 18.0 / 28.0).abs() < 1e-9, "{first}");
        assert!((second - 8.0 / 28.0).abs() < 1e-9, "{second}");
        let [x, y] = plane.place(&codes()[0]);
        assert!(
            (x.abs() - 54f64.sqrt()).abs() < 1e-6 && y.abs() < 1e-5,
            "{x} {y}"
        );
        let [x, y] = plane.place(&codes()[5]);
        assert!(
            x.abs() < 1e-5 && y.abs() < 1e-5,
            "orthogonal to the plane: {x} {y}"
        );
    }

    #[test]
    fn two_dimensions_are_their_own_plane() {
        let plane = Plane::of(&[vec![1.0, 2.0], vec![3.0, -4.0]]).unwrap();
        assert_eq!(plane.shares, None);
        assert_eq!(plane.place(&[3.0, -4.0]), [3.0, -4.0]);
    }

    #[test]
    fn codes_on_a_line_have_one_axis() {
        let line: Vec<_> = (0..5).map(|step| vec![f64::from(step); 4]).collect();
        let plane = Plane::of(&line).unwrap();
        let [first, second] = plane.shares.unwrap();
        assert!(
            (first - 1.0).abs() < 1e-12 && second < 1e-12,
            "{first} {second}"
        );
        assert!(plane.place(&line[0])[1].abs() < 1e-9);
    }

    #[test]
    fn what_has_no_plane_is_not_shown() {
        assert!(Plane::of(&[]).is_none());
        assert!(Plane::of(&[vec![1.0], vec![2.0]]).is_none(), "a line");
        assert!(
            Plane::of(&[vec![1.0; 3], vec![1.0; 3]]).is_none(),
            "a point"
        );
        assert!(Plane::of(&[vec![1.0, f64::NAN]]).is_none());
    }
}
