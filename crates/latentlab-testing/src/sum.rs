//! A sum in `f64` beside the sum of its absolute terms, by which its rounding error is bounded.

use crate::Unit;

/// A sum in `f64` of numbers that another program adds in a coarser type.
///
/// A sum that cancels may be off by any multiple of itself, but never by more than a share of the sum
/// of its absolute terms: each of `n` terms passes through at most `n` roundings, each of which
/// changes it by a share `u` at most, so that the error is at most `n u Σ |xᵢ|` (Higham 2002,
/// *Accuracy and Stability of Numerical Algorithms*, section 4.2), whatever the order of the
/// additions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TermSum {
    /// The sum.
    pub value: f64,
    /// The sum of the absolute terms.
    pub magnitude: f64,
    /// The number of terms.
    pub terms: usize,
}

impl FromIterator<f64> for TermSum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let add = |sum: Self, term: f64| Self {
            value: sum.value + term,
            magnitude: sum.magnitude + term.abs(),
            terms: sum.terms + 1,
        };
        terms.into_iter().fold(Self::default(), add)
    }
}

impl TermSum {
    /// How far a sum in a type with this unit roundoff may be from [`value`](Self::value), if each
    /// term takes up to `each` roundings of its own before it is added.
    pub fn error(&self, unit: Unit, each: usize) -> f64 {
        unit.share(self.terms + each) * self.magnitude
    }

    /// Whether `found` may be this sum.
    pub fn allows(&self, found: f64, unit: Unit, each: usize) -> bool {
        (found - self.value).abs() <= self.error(unit, each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_cancels_is_bounded_by_its_terms() {
        let terms = [1e8, 1.0, -1e8];
        let sum: TermSum = terms.into_iter().collect();
        assert_eq!((sum.value, sum.magnitude, sum.terms), (1.0, 2e8 + 1.0, 3));
        let rounded: f32 = terms.into_iter().map(|term| term as f32).sum();
        assert_eq!(rounded, 0.0);
        assert!(sum.allows(f64::from(rounded), Unit::F32, 0));
        assert!(!sum.allows(f64::from(rounded), Unit::F64, 0));
        assert!(!sum.allows(f64::NAN, Unit::F32, 0));
    }

    #[test]
    fn a_term_left_out_is_noticed() {
        let sum: TermSum = (1..=1000).map(f64::from).collect();
        assert!(sum.allows(500_500.0, Unit::F32, 1));
        assert!(!sum.allows(500_500.0 - 100.0, Unit::F32, 1));
    }
}
