//! The share of its images that a source without a test set holds out.

use std::collections::BTreeMap;

use latentlab_tensor::Rng;

use crate::{
    Error, Result, SplitRule,
    split::{apart, hold_out, hold_out_lowest, in_unit_range},
};

/// The keys of such a source, and the seed of the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub fraction: f64,
    pub rule: SplitRule,
    pub stratified: bool,
    pub seed: u64,
}

/// Rows to train on and to test on, each in their order.
#[derive(Debug, PartialEq)]
pub(crate) struct Divided {
    pub train: Vec<u32>,
    pub test: Vec<u32>,
    /// The number of each row by [`SplitRule::Hash`], where that is the rule.
    pub ranks: Option<Vec<u64>>,
}

impl Share {
    /// The share that these keys ask for, with the seed of the data.
    ///
    /// # Errors
    /// If the fraction makes no sense.
    pub fn new(fraction: f64, rule: SplitRule, stratified: bool, seed: u64) -> Result<Self> {
        if !(0.0..1.0).contains(&fraction) {
            let problem = format!("is {fraction}, expected a share in [0, 1)");
            return Err(Error::config("test_fraction", problem));
        }
        Ok(Self {
            fraction,
            rule,
            stratified,
            seed,
        })
    }

    /// Splits the rows `0..count`. `ranks` gives the numbers of all rows; it is called where the rule
    /// is by hash.
    pub fn divide(
        &self,
        count: usize,
        labels: Option<&[u32]>,
        ranks: impl FnOnce() -> Vec<u64>,
    ) -> Result<Divided> {
        let labels = match (self.stratified, labels) {
            (true, None) => {
                let problem = "splits by class, and these images have no classes; use false";
                return Err(Error::config("stratified", problem));
            }
            (true, labels) => labels,
            (false, _) => None,
        };
        let ranks = (self.rule == SplitRule::Hash).then(ranks);
        let groups = groups(count, labels);
        let test = self.chosen(&groups, ranks.as_deref());
        let mut held = vec![false; count];
        test.iter().for_each(|row| held[*row as usize] = true);
        let rows: Vec<u32> = (0..count as u32).collect();
        let (train, test) = apart(&rows, |place| held[place]);
        if self.fraction > 0.0 && (train.is_empty() || test.is_empty()) {
            return Err(self.one_sided(&groups, ranks.as_deref(), test.len()));
        }
        Ok(Divided { train, test, ranks })
    }

    /// The rows to test on, in any order.
    fn chosen(&self, groups: &[Vec<u32>], ranks: Option<&[u64]>) -> Vec<u32> {
        let part = |rows: &[u32]| (rows.len() as f64 * self.fraction).round() as usize;
        let of_group = |(number, rows): (usize, &Vec<u32>)| match ranks {
            Some(ranks) if self.stratified => hold_out_lowest(rows, part(rows), ranks).1,
            Some(ranks) => {
                let below = |row: &&u32| in_unit_range(ranks[**row as usize]) < self.fraction;
                rows.iter().filter(below).copied().collect()
            }
            None => {
                let mut rng = Rng::stream(self.seed, "data/test", number as u64);
                hold_out(rows, part(rows), &mut rng).1
            }
        };
        groups.iter().enumerate().flat_map(of_group).collect()
    }

    /// What to do where a side has no image.
    fn one_sided(&self, groups: &[Vec<u32>], ranks: Option<&[u64]>, test: usize) -> Error {
        let count: usize = groups.iter().map(Vec::len).sum();
        let side = if test == 0 { "test" } else { "train" };
        let rule = match (self.rule, self.stratified) {
            (SplitRule::Hash, false) => "by hash",
            (SplitRule::Hash, true) => "by hash within each class",
            (SplitRule::Shuffled, false) => "by a permutation",
            (SplitRule::Shuffled, true) => "by a permutation within each class",
        };
        let way_out = match self.fraction_that_works(groups, ranks) {
            Some((fraction, test)) => {
                let train = count - test;
                format!("{fraction} gives {train} to train on and {test} to test on; or add images")
            }
            None => "add images: no fraction puts some on both sides".to_owned(),
        };
        let problem = format!(
            "is {}, and leaves none of the {count} images to {side} on ({rule}, seed {}); {way_out}",
            self.fraction, self.seed
        );
        Error::config("test_fraction", problem)
    }

    /// A fraction with images on both sides, near a fifth, and how many it tests on.
    fn fraction_that_works(
        &self,
        groups: &[Vec<u32>],
        ranks: Option<&[u64]>,
    ) -> Option<(f64, usize)> {
        let count: usize = groups.iter().map(Vec::len).sum();
        let test = |fraction: f64| {
            let share = Self { fraction, ..*self };
            share.chosen(groups, ranks).len()
        };
        let works = |fraction: f64| (1..count).contains(&test(fraction));
        // Hundredths are easily read; where few hashes lie closer, more digits tell them apart.
        let finest = if ranks.is_some() && count < 1_000 {
            4
        } else {
            1
        };
        let found = [100, 1_000, 10_000, 100_000].iter().take(finest);
        found.copied().find_map(|parts: u32| {
            let fractions = (1..parts).map(|part| f64::from(part) / f64::from(parts));
            let distance = |fraction: &f64| (fraction - 0.2).abs();
            let nearest = fractions
                .filter(|fraction| works(*fraction))
                .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
            Some((nearest, test(nearest)))
        })
    }
}

/// All rows as one group, or a group for each label.
fn groups(count: usize, labels: Option<&[u32]>) -> Vec<Vec<u32>> {
    let Some(labels) = labels else {
        return vec![(0..count as u32).collect()];
    };
    let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (row, label) in labels.iter().enumerate() {
        groups.entry(*label).or_default().push(row as u32);
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::tests::ranks;

    fn by(rule: SplitRule, fraction: f64) -> Share {
        Share {
            fraction,
            rule,
            stratified: false,
            seed: 0,
        }
    }

    fn divide(share: Share, count: usize, labels: Option<&[u32]>) -> Result<Divided> {
        share.divide(count, labels, || ranks(count, share.seed))
    }

    #[test]
    fn every_row_ends_up_on_one_side() {
        for rule in [SplitRule::Hash, SplitRule::Shuffled] {
            let Divided { train, test, .. } = divide(by(rule, 0.3), 1000, None).unwrap();
            // Four standard deviations of √(1000 · 0.3 · 0.7) where each image decides for itself.
            assert!(test.len().abs_diff(300) < 58, "{}", test.len());
            let mut all = [train, test].concat();
            all.sort_unstable();
            assert_eq!(all, (0..1000).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn the_seed_chooses_what_is_held_out() {
        for rule in [SplitRule::Hash, SplitRule::Shuffled] {
            let test = |seed| {
                divide(
                    Share {
                        seed,
                        ..by(rule, 0.5)
                    },
                    100,
                    None,
                )
                .unwrap()
                .test
            };
            assert_eq!(test(1), test(1));
            assert_ne!(test(1), test(2));
        }
    }

    #[test]
    fn images_that_are_added_leave_old_ones_on_their_side_by_hash_alone() {
        let kept = |rule| {
            let test = |count| divide(by(rule, 0.25), count, None).unwrap().test;
            let (before, mut after) = (test(40), test(41));
            after.retain(|row| *row < 40);
            before == after
        };
        assert!(kept(SplitRule::Hash));
        assert!(!kept(SplitRule::Shuffled));
    }

    #[test]
    fn each_class_gives_its_share_where_the_split_is_stratified() {
        let labels = [vec![0; 90], vec![1; 10]].concat();
        for rule in [SplitRule::Hash, SplitRule::Shuffled] {
            let share = Share {
                stratified: true,
                ..by(rule, 0.2)
            };
            let test = divide(share, 100, Some(&labels)).unwrap().test;
            assert_eq!(test.iter().filter(|row| **row < 90).count(), 18);
            assert_eq!(test.len(), 20);
        }
        let share = Share {
            stratified: true,
            ..by(SplitRule::Hash, 0.2)
        };
        let message = divide(share, 100, None).unwrap_err().to_string();
        assert!(message.starts_with("`data.stratified`"), "{message}");
    }

    #[test]
    fn the_advice_of_an_empty_side_works_and_is_never_what_is_in_force() {
        let mut refused = 0;
        for rule in [SplitRule::Hash, SplitRule::Shuffled] {
            for (count, fraction) in (1..15).flat_map(|count| [(count, 0.1), (count, 0.97)]) {
                for (seed, stratified) in [(0, false), (1, false), (2, true)] {
                    let labels: Vec<u32> = (0..count as u32).map(|row| row % 2).collect();
                    let share = Share {
                        stratified,
                        seed,
                        ..by(rule, fraction)
                    };
                    let Err(error) = divide(share, count, Some(&labels)) else {
                        continue;
                    };
                    refused += 1;
                    let message = error.to_string();
                    let (_, advice) = message.split_once("; ").unwrap();
                    let Some((fraction, _)) = advice.split_once(" gives ") else {
                        // One image, or one in each class, which go to one side together.
                        assert!(count == 1 || stratified && count == 2, "{message}");
                        continue;
                    };
                    let fraction = fraction.parse().unwrap();
                    let share = Share { fraction, ..share };
                    let found = divide(share, count, Some(&labels)).unwrap();
                    let counts = format!(
                        "{} to train on and {} to test on",
                        found.train.len(),
                        found.test.len()
                    );
                    assert!(advice.contains(&counts), "{message}");
                }
            }
        }
        assert!(refused > 40, "{refused}");
    }
}
