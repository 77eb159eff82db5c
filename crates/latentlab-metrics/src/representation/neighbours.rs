//! Classes by the nearest latent vectors.

use std::collections::BTreeMap;

use latentlab_core::{Error, Result};

use super::Labelled;
use crate::{
    Figure,
    features::{at_least, comparable},
    samples::distances::{Near, nearest},
};

/// The share of test items whose class most of their `neighbours` nearest training items have, by
/// Euclidean distance in the latent space as it is; from 0 to 1, higher is better. Of classes with as
/// many votes, the one with the nearest item counts. The figure's `real` counts the test items.
///
/// # Errors
/// If the latent spaces differ in size, or `neighbours` is 0 or more than there are training items.
pub fn neighbour_accuracy(
    training: Labelled<'_>,
    test: Labelled<'_>,
    neighbours: usize,
) -> Result<Figure> {
    comparable(training.latent, test.latent)?;
    if neighbours == 0 {
        return Err(Error::Data(
            "a vote needs at least 1 neighbour, not 0".to_owned(),
        ));
    }
    at_least("training items", training.latent, neighbours)?;
    let found = nearest(test.latent, training.latent, neighbours);
    let votes = found.iter().map(|near| vote(near, training.labels));
    Ok(test.accuracy(votes))
}

/// The class of most of the items, which come nearest first.
fn vote(near: &[Near], labels: &[u32]) -> u32 {
    let mut by_distance = near.iter().map(|near| labels[near.index]);
    let mut votes = BTreeMap::new();
    for class in by_distance.clone() {
        *votes.entry(class).or_insert(0) += 1;
    }
    let most = votes.values().copied().max().unwrap_or(0);
    let first = by_distance.find(|class| votes[class] == most);
    first.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;

    #[test]
    fn the_majority_counts_and_of_equals_the_nearest() {
        let training = Features::new(vec![0.0, 1.0, 2.0, 10.0], 1).unwrap();
        let training = Labelled::new(&training, &[1, 0, 0, 2]).unwrap();
        let test = Features::new(vec![-1.0, -1.0, 9.0], 1).unwrap();
        let accuracy = |labels: &[u32], neighbours| {
            let test = Labelled::new(&test, labels).unwrap();
            neighbour_accuracy(training, test, neighbours)
                .unwrap()
                .value
        };
        assert_eq!(accuracy(&[1, 1, 2], 1), 1.0);
        assert_eq!(accuracy(&[1, 1, 2], 2), 1.0);
        assert_eq!(accuracy(&[0, 0, 0], 3), 1.0);
    }

    #[test]
    fn a_vote_needs_neighbours_and_one_latent_space() {
        let (line, plane) = (
            Features::new(vec![0.0, 1.0], 1).unwrap(),
            Features::new(vec![0.0; 4], 2).unwrap(),
        );
        let labelled = |latent| Labelled::new(latent, &[0, 1]).unwrap();
        for (test, neighbours) in [(&line, 0), (&line, 3), (&plane, 1)] {
            assert!(neighbour_accuracy(labelled(&line), labelled(test), neighbours).is_err());
        }
    }
}
