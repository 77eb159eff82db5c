//! The endless order of training images: one random permutation after another.

use std::collections::VecDeque;

use latentlab_core::{Error, Result};
use latentlab_tensor::Rng;

/// How many permutations are kept. A batch that crosses the end of an epoch needs two at once.
const KEPT: usize = 2;

/// The endless concatenation of permutations of `0..count`, one for each epoch, each a pure function
/// of the seed and the epoch. The permutations used last are kept.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    seed: u64,
    count: usize,
    recent: VecDeque<(u64, Vec<u32>)>,
}

impl Order {
    /// An order of `count` > 0 images.
    pub fn new(seed: u64, count: usize) -> Self {
        let recent = VecDeque::with_capacity(KEPT);
        Self {
            seed,
            count,
            recent,
        }
    }

    /// The places `index·size..(index + 1)·size` of the order.
    pub fn batch(&mut self, index: u64, size: usize) -> Result<Vec<u32>> {
        let (size, count) = (size as u64, self.count as u64);
        let end = index
            .checked_add(1)
            .and_then(|next| next.checked_mul(size))
            .ok_or_else(|| {
                Error::Data(format!(
                    "batch {index} of {size} images is beyond the last possible one"
                ))
            })?;
        let mut position = end - size;
        let mut rows = Vec::with_capacity(size as usize);
        while position < end {
            let start = (position % count) as usize;
            let take = (end - position).min(count - start as u64);
            let epoch = self.epoch(position / count);
            rows.extend_from_slice(&epoch[start..start + take as usize]);
            position += take;
        }
        Ok(rows)
    }

    fn epoch(&mut self, epoch: u64) -> &[u32] {
        let known = self.recent.iter().position(|(other, _)| *other == epoch);
        let entry = match known.and_then(|place| self.recent.remove(place)) {
            Some(entry) => entry,
            None => {
                self.recent.truncate(KEPT - 1);
                let mut rng = Rng::stream(self.seed, "data/order", epoch);
                (epoch, rng.permutation(self.count))
            }
        };
        self.recent.push_front(entry);
        &self.recent[0].1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(latentlab_testing::cases(256))]

        #[test]
        fn each_epoch_shows_every_image_once(
            seed: u64, count in 1usize..40, size in 1usize..100, epochs in 1usize..4,
        ) {
            let mut order = Order::new(seed, count);
            let batches = (epochs * count).div_ceil(size) as u64;
            let rows: Vec<u32> =
                (0..batches).flat_map(|index| order.batch(index, size).unwrap()).collect();
            for epoch in rows[..epochs * count].chunks(count) {
                let mut seen = epoch.to_vec();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..count as u32).collect::<Vec<_>>());
            }
        }

        #[test]
        fn a_batch_does_not_depend_on_those_asked_for_before(
            history in prop::collection::vec(0u64..50, 0..20), index in 0u64..50,
        ) {
            let mut order = Order::new(3, 17);
            for earlier in history {
                order.batch(earlier, 5).unwrap();
            }
            prop_assert_eq!(
                order.batch(index, 5).unwrap(),
                Order::new(3, 17).batch(index, 5).unwrap()
            );
        }
    }

    #[test]
    fn epochs_have_different_orders() {
        let mut order = Order::new(0, 100);
        assert_ne!(order.batch(0, 100).unwrap(), order.batch(1, 100).unwrap());
    }

    #[test]
    fn a_batch_beyond_the_last_position_is_an_error() {
        assert!(Order::new(0, 10).batch(u64::MAX, 5).is_err());
    }
}
