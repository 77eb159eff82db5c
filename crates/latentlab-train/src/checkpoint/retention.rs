//! Which checkpoints stay when a new one is saved.

/// Which checkpoints stay when a new one is saved: the last regular ones, the best, the new one.
///
/// A checkpoint that is not regular (of an interruption, of a best that is no longer the best) goes
/// with the next save and takes no regular one's place. So a run leaves the same checkpoints however
/// often it was interrupted.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Steps between two regular checkpoints; 0: none is regular.
    pub every: u64,
    /// How many stay: the new one and the last regular ones before it; the best is not counted.
    pub keep: usize,
}

impl Retention {
    /// Those of `steps` (ascending) that go, now that `newest` is saved and `best` is the best.
    pub(crate) fn dropped(&self, steps: &[u64], newest: u64, best: Option<u64>) -> Vec<u64> {
        let regular = |step: u64| self.every > 0 && step.is_multiple_of(self.every);
        let older = steps.iter().rev().filter(|step| **step != newest);
        let last: Vec<u64> = older
            .copied()
            .filter(|step| regular(*step))
            .take(self.keep.saturating_sub(1))
            .collect();
        let stays = |step: &u64| *step == newest || Some(*step) == best || last.contains(step);
        steps.iter().copied().filter(|step| !stays(step)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is there after checkpoints at `saves`, of which each third is the best so far.
    fn left(retention: Retention, saves: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut steps = Vec::new();
        let mut best = None;
        for step in saves {
            best = if step.is_multiple_of(3) {
                Some(step)
            } else {
                best
            };
            steps.push(step);
            let dropped = retention.dropped(&steps, step, best);
            steps.retain(|step| !dropped.contains(step));
        }
        steps
    }

    #[test]
    fn the_last_regular_ones_the_best_and_the_newest_stay() {
        let retention = Retention { every: 2, keep: 3 };
        assert_eq!(retention.dropped(&[1, 2, 3, 4, 6, 7], 7, Some(1)), [2, 3]);
    }

    #[test]
    fn the_newest_and_the_best_stay_though_none_is_regular() {
        let retention = Retention { every: 0, keep: 3 };
        assert_eq!(retention.dropped(&[1, 2, 3, 4], 4, Some(2)), [1, 3]);
    }

    proptest! {
        #![proptest_config(latentlab_testing::cases(256))]

        #[test]
        fn interruptions_leave_no_trace(
            every in 0u64..9,
            keep in 1usize..5,
            last in 1u64..50,
            interruptions in prop::collection::btree_set(1u64..50, 0..6),
        ) {
            let retention = Retention { every, keep };
            let due = |step: &u64| {
                let regular = every > 0 && step.is_multiple_of(every);
                regular || step.is_multiple_of(3) || *step == last
            };
            let straight = left(retention, (1..=last).filter(due));
            let saved = |step: &u64| due(step) || interruptions.contains(step);
            prop_assert_eq!(left(retention, (1..=last).filter(saved)), straight);
        }
    }
}
