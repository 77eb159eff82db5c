//! What a classifier makes of samples: which classes, how evenly, how surely.

use latentlab_core::{Error, Result};

use crate::{Features, Figure, entropy, kullback_leibler, nothing, scores::argmax};

/// How far the probabilities of an item may add up to something else than 1, for sums in 32 bits.
const TOLERANCE: f64 = 1e-4;

/// The number of items of each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassCounts(pub Vec<usize>);

impl ClassCounts {
    /// The items of each class among `scores` `[N, classes]` (probabilities or logits), each counting
    /// for the class of its largest score, the first of equal ones.
    pub fn predicted(scores: &Features) -> Self {
        let mut counts = vec![0; scores.dimensions()];
        for row in scores.rows() {
            counts[argmax(row)] += 1;
        }
        Self(counts)
    }

    /// The items of each class among `labels`, numbers below `classes`.
    ///
    /// # Errors
    /// If a label is not below `classes`.
    pub fn labelled(labels: &[u32], classes: usize) -> Result<Self> {
        let mut counts = vec![0; classes];
        for label in labels {
            let Some(count) = counts.get_mut(*label as usize) else {
                let problem = format!("the label {label} is not one of {classes} classes");
                return Err(Error::Data(problem));
            };
            *count += 1;
        }
        Ok(Self(counts))
    }

    /// The number of items.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// The share of each class, which add up to 1.
    ///
    /// # Errors
    /// If there are no items.
    pub fn shares(&self) -> Result<Vec<f64>> {
        let total = self.total();
        if total == 0 {
            return Err(nothing("items of any class"));
        }
        Ok(self
            .0
            .iter()
            .map(|count| *count as f64 / total as f64)
            .collect())
    }
}

/// `KL(generated ‖ real)` between the shares of the classes, nats, at least 0, lower is better; finite
/// as long as no class is generated that the data do not have, also where classes are missing.
///
/// # Errors
/// If a side has no items, or the numbers of classes differ.
pub fn class_divergence(real: &ClassCounts, generated: &ClassCounts) -> Result<Figure> {
    let value = kullback_leibler(&generated.shares()?, &real.shares()?)?;
    Ok(Figure::new(value, real.total(), generated.total()))
}

/// The share of generated items whose largest class probability is at least `threshold` (0.9, say);
/// from 0 to 1, higher is better, that of real test images being as high as it sensibly gets.
///
/// # Errors
/// If rows of `probabilities` `[N, classes]` are no probabilities.
pub fn confident_share(probabilities: &Features, threshold: f64) -> Result<Figure> {
    are_probabilities(probabilities)?;
    let confident = probabilities
        .rows()
        .filter(|row| row.iter().any(|probability| *probability >= threshold))
        .count();
    let count = probabilities.count();
    Ok(Figure::new(confident as f64 / count as f64, 0, count))
}

/// `exp(mean KL(p(y|x) ‖ p(y)))` of class `probabilities` `[N, classes]` of generated items, from 1 to
/// the number of classes, higher is better: items of clear classes, and of all classes evenly. The
/// mean over `splits` of the items in their order, as equal as can be, and its standard error.
///
/// The formula is the inception score's (Salimans et al. 2016, section 4). The classifier is not
/// Inception v3 on ImageNet, so the value is not comparable with any published inception score, and
/// scores by different classifiers are not comparable with each other.
///
/// # Errors
/// If rows are no probabilities, or there are 0 or more `splits` than items.
pub fn classifier_score(probabilities: &Features, splits: usize) -> Result<Figure> {
    are_probabilities(probabilities)?;
    let count = probabilities.count();
    if splits == 0 || splits > count {
        let problem = format!("{count} items cannot be split into {splits} parts");
        return Err(Error::Data(problem));
    }
    let parts = (0..splits).map(|part| part * count / splits..(part + 1) * count / splits);
    let scores: Vec<f64> = parts.map(|part| score(probabilities, part)).collect();
    Ok(Figure::mean(&scores, 0, count))
}

fn score(probabilities: &Features, items: std::ops::Range<usize>) -> f64 {
    let count = items.len() as f64;
    let mut mean = vec![0.0; probabilities.dimensions()];
    let mut entropies = 0.0;
    for row in items.map(|item| probabilities.row(item)) {
        let sums = mean.iter_mut().zip(row);
        sums.for_each(|(sum, p)| *sum += p / count);
        entropies += entropy(row);
    }
    // mean Σ p ln (p / m) is H(m) - mean H(p).
    (entropy(&mean) - entropies / count).exp()
}

fn are_probabilities(rows: &Features) -> Result<()> {
    for (item, row) in rows.rows().enumerate() {
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > TOLERANCE || row.iter().any(|p| *p < 0.0) {
            let problem = format!(
                "the values of item {item}, which add up to {sum}, are no probabilities of classes: \
                 pass logits through a softmax"
            );
            return Err(Error::Data(problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probabilities(rows: &[[f64; 2]]) -> Features {
        Features::new(rows.concat(), 2).unwrap()
    }

    #[test]
    fn sure_and_even_items_score_the_number_of_classes() {
        let items = probabilities(&[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]);
        let score = classifier_score(&items, 2).unwrap();
        assert!((score.value - 2.0).abs() < 1e-12);
        assert_eq!((score.generated, score.error), (4, Some(0.0)));
        assert_eq!(classifier_score(&items, 4).unwrap().value, 1.0);
    }

    #[test]
    fn unsure_items_score_the_exponential_of_their_information() {
        // p(y) = (½, ½); KL of (¾, ¼) from it is ln 2 - H(¾, ¼).
        let score = classifier_score(&probabilities(&[[0.75, 0.25], [0.25, 0.75]]), 1).unwrap();
        let entropy = crate::entropy(&[0.75, 0.25]);
        assert!((score.value - 2.0 * (-entropy).exp()).abs() < 1e-12);
        assert_eq!(score.error, None);
    }

    #[test]
    fn confidence_counts_from_the_threshold_on() {
        let items = probabilities(&[[0.9, 0.1], [0.2, 0.8], [0.05, 0.95], [0.5, 0.5]]);
        assert_eq!(confident_share(&items, 0.9).unwrap().value, 0.5);
    }

    #[test]
    fn classes_that_are_missing_are_a_finite_divergence() {
        let real = ClassCounts::labelled(&[0, 1, 0, 1], 2).unwrap();
        let generated = ClassCounts::predicted(&probabilities(&[[0.9, 0.1], [0.5, 0.5]]));
        assert_eq!(generated.0, [2, 0]);
        let divergence = class_divergence(&real, &generated).unwrap();
        assert!((divergence.value - 2f64.ln()).abs() < 1e-12);
        assert_eq!((divergence.real, divergence.generated), (4, 2));
    }

    #[test]
    fn logits_are_no_probabilities_and_unknown_labels_no_classes() {
        let message = confident_share(&probabilities(&[[2.0, -1.0]]), 0.9).unwrap_err();
        assert!(message.to_string().contains("softmax"), "{message}");
        let even = probabilities(&[[0.5, 0.5]]);
        assert!(classifier_score(&even, 2).is_err());
        let message = ClassCounts::labelled(&[2], 2).unwrap_err().to_string();
        assert_eq!(message, "the label 2 is not one of 2 classes");
        assert!(ClassCounts(vec![0, 0]).shares().is_err());
    }
}
