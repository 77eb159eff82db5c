//! A few of many, evenly spread.

/// At most `wanted` of the indices below `count`, evenly spread from the first on.
pub(crate) fn evenly(count: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let shown = wanted.min(count);
    (0..shown).map(move |index| index * count / shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_spread_and_few_are_all_there() {
        assert_eq!(evenly(22, 4).collect::<Vec<_>>(), [0, 5, 11, 16]);
        assert_eq!(evenly(3, 11).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(evenly(0, 4).count() + evenly(4, 0).count(), 0);
    }
}
