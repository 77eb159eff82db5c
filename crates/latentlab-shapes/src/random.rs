//! Random numbers: a stream for each picture, and values of the points of a lattice.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng},
};

/// The random numbers of one picture.
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of a picture: its ChaCha key is `latentlab/shapes`, then the seed and the index as
    /// little-endian 64 bits.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut key = *b"latentlab/shapes----------------";
        key[16..24].copy_from_slice(&seed.to_le_bytes());
        key[24..].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// A number in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of `values`, each as likely as any other.
    pub fn one_of<T: Copy, const N: usize>(&mut self, values: [T; N]) -> T {
        values[((self.unit() * N as f64) as usize).min(N - 1)]
    }
}

/// The value in `[0, 1)` of the point `(x, y)` of the lattice `seed`.
pub(crate) fn lattice(seed: u64, x: i64, y: i64) -> f64 {
    let row = mixed(seed ^ (y as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    unit(mixed(row ^ (x as u64).wrapping_mul(0xd1b5_4a32_d192_ed03)))
}

/// The finaliser of SplitMix64 (Steele et al. 2014): every bit of the result depends on every bit.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Bits as a number on a grid of 2⁻⁵³.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_other_seeds_and_indices_are_others() {
        let first = |seed, index| Stream::new(seed, index).bits();
        let mut all = vec![
            first(0, 0),
            first(0, 1),
            first(1, 0),
            first(1, 1),
            first(0, 256),
        ];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 5);
        assert_eq!(first(3, 4), first(3, 4));
    }

    #[test]
    fn values_of_a_lattice_are_uniform_and_know_nothing_of_their_neighbours() {
        const SIDE: i64 = 200;
        let place = |n: i64| (n % SIDE - SIDE / 2, n / SIDE - SIDE / 2);
        let value = |n: i64| lattice(7, place(n).0, place(n).1) - 0.5;
        let count = (SIDE * SIDE) as f64;
        let mean = |of: &dyn Fn(i64) -> f64| (0..SIDE * SIDE).map(of).sum::<f64>() / count;
        // Five standard errors: of a uniform number 1/√12, of the product of two 1/12.
        let bound = 5.0 / count.sqrt();
        assert!(mean(&value).abs() < bound / 12f64.sqrt());
        assert!((mean(&|n| value(n) * value(n)) - 1.0 / 12.0).abs() < bound * 0.0746);
        let right = mean(&|n| value(n) * lattice(7, place(n).0 + 1, place(n).1));
        let down = mean(&|n| value(n) * lattice(7, place(n).0, place(n).1 + 1));
        // The neighbour is not centred, so its mean of one half is in the bound.
        assert!(right.abs() < bound && down.abs() < bound, "{right} {down}");
    }
}
