//! Holding images out, at random but always the same ones.

use latentlab_tensor::Rng;

use crate::{Error, Result};

/// Splits `rows` into those that stay and `count` that are held out, both in their old order.
///
/// `count` must not exceed the number of rows.
pub(crate) fn hold_out(rows: &[u32], count: usize, rng: &mut Rng) -> (Vec<u32>, Vec<u32>) {
    let mut held = vec![false; rows.len()];
    for place in &rng.permutation(rows.len())[..count] {
        held[*place as usize] = true;
    }
    let pick = |wanted: bool| {
        let chosen = rows.iter().zip(&held).filter(|(_, held)| **held == wanted);
        chosen.map(|(row, _)| *row).collect()
    };
    (pick(false), pick(true))
}

/// Splits the rows `0..count` of a source without a test set of its own into training and test.
pub(crate) fn test_share(count: usize, fraction: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let rows: Vec<u32> = (0..count as u32).collect();
    let held = (count as f64 * fraction).round() as usize;
    hold_out(&rows, held, &mut Rng::stream(seed, "data/test", 0))
}

/// Whether a `test_fraction` makes sense.
pub(crate) fn check_fraction(fraction: f64) -> Result<()> {
    if (0.0..1.0).contains(&fraction) {
        Ok(())
    } else {
        let problem = format!("is {fraction}, expected a share in [0, 1)");
        Err(Error::config("test_fraction", problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_ends_up_on_one_side() {
        let (train, test) = test_share(10, 0.3, 0);
        assert_eq!((train.len(), test.len()), (7, 3));
        let mut all = [train, test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u32>>());
    }

    #[test]
    fn the_seed_chooses_what_is_held_out() {
        assert_eq!(test_share(100, 0.5, 1), test_share(100, 0.5, 1));
        assert_ne!(test_share(100, 0.5, 1), test_share(100, 0.5, 2));
    }
}
