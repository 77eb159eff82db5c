//! Figures as people read them: in groups, the most telling first, with five digits.

use std::collections::{BTreeMap, BTreeSet};

use latentlab_train::Record;

/// Figures below one path.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<'a, T> {
    /// The path: `test` for `test/elbo`, `test/kl` for `test/kl/003`.
    pub name: &'a str,
    /// What follows the path, with the value, in alphabetical order.
    pub figures: Vec<(&'a str, T)>,
}

impl<T> Group<'_, T> {
    /// Whether the figures are the parts of one, such as `test/kl/003` of `test/kl`.
    pub fn is_one_quantity(&self) -> bool {
        self.name.contains('/')
    }
}

/// Figures by path: tests of the model first, then its samples, then what was recorded in training.
pub fn grouped<'a, T>(figures: impl IntoIterator<Item = (&'a str, T)>) -> Vec<Group<'a, T>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (key, value) in figures {
        let (path, name) = key.rsplit_once('/').unwrap_or(("other", key));
        let rank = match path.split('/').next() {
            Some("test") => 0,
            Some("samples") => 1,
            _ => 2,
        };
        groups.entry((rank, path)).or_default().push((name, value));
    }
    let groups = groups.into_iter();
    groups
        .map(|((_, name), mut figures)| {
            figures.sort_by_key(|(name, _)| *name);
            Group { name, figures }
        })
        .collect()
}

/// The last value of every figure that is not NaN.
pub fn last_values(records: &[Record]) -> BTreeMap<String, f64> {
    last(records, |_, value| value)
}

/// The step of each figure whose last number was not recorded in `step`.
pub fn steps_before(records: &[Record], step: u64) -> BTreeMap<String, u64> {
    let steps = last(records, |record, _| record.step).into_iter();
    steps.filter(|(_, recorded)| *recorded != step).collect()
}

/// What `take` takes of the record that holds the last number of each figure, and of the value.
fn last<T>(records: &[Record], take: impl Fn(&Record, f64) -> T) -> BTreeMap<String, T> {
    let mut last = BTreeMap::new();
    for record in records {
        for (name, value) in record.iter().filter(|(_, value)| !value.is_nan()) {
            last.insert(name.to_owned(), take(record, value));
        }
    }
    last
}

/// What to know before figures of several runs are compared: of each what its data were, by their
/// hashes, and what its samples were compared by. None if these are the same.
pub fn differently_judged<'a>(
    runs: impl Iterator<Item = (&'a [(String, String)], Option<&'a str>)>,
) -> Option<&'static str> {
    let (mut data, mut features) = (BTreeSet::new(), BTreeSet::new());
    for (hashes, by) in runs {
        data.insert(hashes);
        features.insert(by);
    }
    match (data.len() > 1, features.len() > 1) {
        (false, false) => None,
        (true, _) => Some(
            "these runs have different data, and figures of the one are no better or worse than those \
             of the other",
        ),
        (false, true) => Some(
            "samples of these runs are compared with the data by different features \
             (`evaluate.features`), so that their distances do not compare",
        ),
    }
}

/// A number with five significant digits; whole numbers as they are.
pub fn number(value: f64) -> String {
    // A negative zero is a zero.
    let value = value + 0.0;
    let size = value.abs();
    if !value.is_finite() || (value.fract() == 0.0 && size < 1e9) {
        return value.to_string();
    }
    if !(1e-3..1e6).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (4 - size.log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_samples_come_before_training_and_parts_have_a_group_of_their_own() {
        let keys = ["critic/loss", "test/elbo", "test/kl/001", "samples/modes"];
        let groups = grouped(keys.map(|key| (key, 0)));
        let names: Vec<_> = groups.iter().map(|group| group.name).collect();
        assert_eq!(names, ["test", "test/kl", "samples", "critic"]);
        assert_eq!(groups[1].figures, [("001", 0)]);
        assert!(groups[1].is_one_quantity() && !groups[0].is_one_quantity());
    }

    #[test]
    fn a_figure_that_is_older_than_the_last_step_is_known_with_its_step() {
        let record = |step, figures: &[(&str, f64)]| {
            let mut record = Record::new(step, 0.0);
            figures
                .iter()
                .for_each(|(name, value)| record.insert(*name, *value));
            record
        };
        let records = [
            record(5, &[("test/elbo", 1.0), ("vae/loss", 1.0)]),
            record(7, &[("test/elbo", f64::NAN), ("vae/loss", 2.0)]),
        ];
        let steps = steps_before(&records, 7);
        assert_eq!(steps, BTreeMap::from([("test/elbo".to_owned(), 5)]));
    }

    #[test]
    fn numbers_keep_five_digits_and_whole_ones_all() {
        for (value, text) in [
            (-105.3499890625, "-105.35"),
            (20.0, "20"),
            (0.043_871_9, "0.043872"),
            (123_456.7, "123457"),
            (1.25e-7, "1.250e-7"),
            (f64::NAN, "NaN"),
            (-0.0, "0"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
