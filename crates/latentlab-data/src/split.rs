//! Which images are held out: at random, but always the same ones.
//!
//! By default each image decides for itself, by a hash of its name or content: a data set that grows
//! leaves its old images on the side on which they were, so that what a model was trained on never
//! becomes what it is judged by.

use latentlab_tensor::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How the images to test on are chosen, where a source has no test set of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SplitRule {
    /// An image is one to test on if the SHA-256 of the seed and of its name or content, read as a
    /// number in [0, 1), lies below the fraction: images that are added leave old ones on their side,
    /// and the share is met only roughly.
    #[default]
    Hash,
    /// A permutation of all images: the share is met exactly, and one image more moves others from
    /// side to side.
    Shuffled,
}

/// The number of what `parts` name, one after the other: 2⁶⁴ times a share in [0, 1).
pub(crate) fn rank<'a>(seed: u64, parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hash = Sha256::new_with_prefix(seed.to_le_bytes());
    parts.into_iter().for_each(|part| hash.update(part));
    let hash = hash.finalize();
    hash.iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// What a number of [`rank`] stands for in [0, 1).
pub(crate) fn in_unit_range(rank: u64) -> f64 {
    rank as f64 / 2f64.powi(64)
}

/// Splits `rows` into those that stay and `count` that are held out, both in their old order.
///
/// `count` must not exceed the number of rows.
pub(crate) fn hold_out(rows: &[u32], count: usize, rng: &mut Rng) -> (Vec<u32>, Vec<u32>) {
    let mut held = vec![false; rows.len()];
    for place in &rng.permutation(rows.len())[..count] {
        held[*place as usize] = true;
    }
    apart(rows, |place| held[place])
}

/// The same, where those with the lowest `ranks` are held out: an image more moves one at most.
pub(crate) fn hold_out_lowest(rows: &[u32], count: usize, ranks: &[u64]) -> (Vec<u32>, Vec<u32>) {
    let mut places: Vec<usize> = (0..rows.len()).collect();
    places.sort_by_key(|place| (ranks[rows[*place] as usize], *place));
    let mut held = vec![false; rows.len()];
    places[..count].iter().for_each(|place| held[*place] = true);
    apart(rows, |place| held[place])
}

/// The rows that stay, and those at the places that are held out.
pub(crate) fn apart(rows: &[u32], held: impl Fn(usize) -> bool) -> (Vec<u32>, Vec<u32>) {
    let (held, stay): (Vec<_>, Vec<_>) = (0..rows.len()).partition(|place| held(*place));
    let pick = |places: Vec<usize>| places.into_iter().map(|place| rows[place]).collect();
    (pick(stay), pick(held))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Ranks of images that are named by their number.
    pub(crate) fn ranks(count: usize, seed: u64) -> Vec<u64> {
        let name = |row: usize| row.to_string();
        (0..count)
            .map(|row| rank(seed, [name(row).as_bytes()]))
            .collect()
    }

    #[test]
    fn a_rank_is_the_start_of_a_sha256() {
        // printf '\0\0\0\0\0\0\0\0abc' | sha256sum
        assert_eq!(rank(0, [b"a".as_slice(), b"bc"]), 0xf365_2e4c_e938_bb99);
    }

    #[test]
    fn the_lowest_are_held_out_and_one_more_image_moves_one_at_most() {
        let rows: Vec<u32> = (0..40).collect();
        let (stay, held) = hold_out_lowest(&rows, 10, &ranks(40, 0));
        assert_eq!((stay.len(), held.len()), (30, 10));
        let more: Vec<u32> = (0..41).collect();
        let (_, after) = hold_out_lowest(&more, 10, &ranks(41, 0));
        assert!(held.iter().filter(|row| after.contains(row)).count() >= 9);
    }
}
