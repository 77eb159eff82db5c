//! The plane that codes are shown in: their own two dimensions, or the first two principal
//! components.

use latentlab_metrics::{Features, PrincipalComponents};

/// A plane in the latent space; of a space that is a line, that line, and nothing upwards.
pub(super) struct Plane {
    /// Shares of the variance along the two axes; none if the plane is the latent space itself.
    pub(super) shares: Option<[f64; 2]>,
    mean: Vec<f64>,
    axes: [Vec<f64>; 2],
}

impl Plane {
    /// The plane to show these codes in; none if they are not all finite or do not differ.
    pub(super) fn of(codes: &[Vec<f64>]) -> Option<Self> {
        let dimensions = codes.first()?.len();
        let shown = dimensions.min(2);
        let codes = Features::new(codes.concat(), dimensions).ok()?;
        let components = PrincipalComponents::of(&codes, shown).ok()?;
        let first = components.variances()[0];
        if first == 0.0 {
            return None;
        }
        if dimensions == 1 {
            return Some(Self {
                shares: None,
                mean: vec![0.0],
                axes: [vec![1.0], vec![0.0]],
            });
        }
        let second = components.variances()[1];
        if dimensions == 2 {
            return Some(Self {
                shares: None,
                mean: vec![0.0; 2],
                axes: [vec![1.0, 0.0], vec![0.0, 1.0]],
            });
        }
        let total = (first + second) / components.explained();
        let axis = |index| components.components().row(index).to_vec();
        Some(Self {
            shares: Some([first / total, second / total]),
            mean: components.mean().to_vec(),
            axes: [axis(0), axis(1)],
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

    /// Whether the latent space has one dimension.
    pub(super) fn is_line(&self) -> bool {
        self.mean.len() == 1
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
            None if self.is_line() => ["z".to_owned(), "class".to_owned()],
            None => ["z₁".to_owned(), "z₂".to_owned()],
            Some([first, second]) => [name(0, first), name(1, second)],
        }
    }
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
        assert!(Plane::of(&[vec![1.0], vec![2.0]]).unwrap().is_line());
        assert!(
            Plane::of(&[vec![2.0], vec![2.0]]).is_none(),
            "a point of a line"
        );
        assert!(
            Plane::of(&[vec![1.0; 3], vec![1.0; 3]]).is_none(),
            "a point"
        );
        assert!(Plane::of(&[vec![1.0, f64::NAN]]).is_none());
    }
}
