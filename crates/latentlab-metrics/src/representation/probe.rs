//! Classes by a linear map of latent vectors.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use latentlab_core::{Error, Result};
use latentlab_kernels::pool;

use super::{Labelled, minimise::minimise};
use crate::{
    Features, Figure,
    features::{at_least, comparable},
    scores::{argmax, softmax},
};

/// The size of a gradient at which a probe is fitted, in nats.
const TOLERANCE: f64 = 1e-6;
/// Steps after which a fit is given up.
const STEPS: usize = 2000;
/// Items that one task looks at; sums over them are added up in order.
const ROWS: usize = 1024;

/// A multinomial logistic regression from latent vectors to classes (the linear probe of Alain and
/// Bengio 2017).
///
/// The protocol: each dimension is brought to mean 0 and deviation 1 over the training items (one
/// without deviation is left out); weights and biases start at 0 and minimise the mean cross-entropy
/// in nats plus [`PENALTY`](Self::PENALTY) / 2 times the sum of squared weights, whose minimum is unique
/// up to a common summand of the biases, over all items at once; no randomness, no epochs. Classes are
/// those of the training items, whatever their numbers. scikit-learn's
/// `LogisticRegression(C=1 / (PENALTY * N))` on standardised features is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearProbe {
    mean: Vec<f64>,
    /// One over the deviation of each dimension, 0 for one without.
    scale: Vec<f64>,
    /// `[classes, D]`, one row after the other, then `[classes]` biases.
    params: Vec<f64>,
    /// The classes of the training items, in ascending order.
    classes: Vec<u32>,
}

impl LinearProbe {
    /// The factor of the penalty on squared weights, small enough to leave the classes to the data.
    pub const PENALTY: f64 = 1e-4;

    /// Fits a probe to training items.
    ///
    /// # Errors
    /// If there are fewer than two items or fewer than two different classes, or the fit does not end.
    pub fn fit(training: Labelled<'_>) -> Result<Self> {
        at_least("training items", training.latent, 2)?;
        let classes = training.classes();
        if let [class] = classes[..] {
            let problem =
                format!("all training items have the class {class}: a probe needs two classes");
            return Err(Error::Data(problem));
        }
        // The place of each item's class.
        let labels: Vec<usize> = training
            .labels
            .iter()
            .map(|label| classes.partition_point(|class| class < label))
            .collect();
        let mean = training.latent.mean();
        let scale = inverse_deviations(training.latent, &mean);
        let rows = standardised(training.latent, &mean, &scale);
        let start = vec![0.0; classes.len() * (mean.len() + 1)];
        let loss = |params: &[f64]| loss(params, &rows, &labels, classes.len());
        let minimum = minimise(loss, start, TOLERANCE, STEPS);
        Ok(Self {
            mean,
            scale,
            params: minimum.found("a linear probe")?,
            classes,
        })
    }

    /// The classes of the training items, in ascending order.
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// The share of test items that the probe gives their class; from 0 to 1, higher is better. The
    /// figure's `real` counts the test items.
    ///
    /// # Errors
    /// If the latent space has another size than in training.
    pub fn accuracy(&self, test: Labelled<'_>) -> Result<Figure> {
        let logits = self.logits(test.latent)?;
        let best = logits.rows().map(|row| self.classes[argmax(row)]);
        Ok(test.accuracy(best))
    }

    /// The logarithms `[N, classes]` of the probabilities of the [classes](Self::classes), in their order,
    /// of latent vectors `[N, D]`, but for a summand of each row.
    ///
    /// # Errors
    /// If the latent space has another size than in training.
    pub fn logits(&self, latent: &Features) -> Result<Features> {
        let like = Features::new(self.mean.clone(), self.mean.len())?;
        comparable(&like, latent)?;
        let rows = standardised(latent, &self.mean, &self.scale);
        let classes = self.classes.len();
        let mut logits = vec![0.0; latent.count() * classes];
        apply(&mut logits, &self.params, &rows, classes);
        Features::new(logits, classes)
    }
}

fn inverse_deviations(latent: &Features, mean: &[f64]) -> Vec<f64> {
    let mut variances = vec![0.0; mean.len()];
    for row in latent.rows() {
        for (variance, (value, mean)) in variances.iter_mut().zip(row.iter().zip(mean)) {
            *variance += (value - mean).powi(2) / latent.count() as f64;
        }
    }
    // A constant differs from its own mean by rounding, which is no deviation.
    let noise = |mean: &f64| (1e-12 * mean.abs()).powi(2);
    let pairs = variances.iter().zip(mean);
    let inverse = pairs.map(|(variance, mean)| match *variance > noise(mean) {
        true => 1.0 / variance.sqrt(),
        false => 0.0,
    });
    inverse.collect()
}

fn standardised(latent: &Features, mean: &[f64], scale: &[f64]) -> Vec<f64> {
    let mut rows = latent.centred(0..latent.count(), mean);
    let scale = scale.iter().cycle();
    rows.iter_mut()
        .zip(scale)
        .for_each(|(value, scale)| *value *= scale);
    rows
}

/// The logits `[N, classes]` of standardised rows `[N, D]`, on this thread.
fn apply(logits: &mut [f64], params: &[f64], rows: &[f64], classes: usize) {
    let size = params.len() / classes - 1;
    let (weights, biases) = params.split_at(classes * size);
    let count = logits.len() / classes;
    logits
        .chunks_exact_mut(classes)
        .for_each(|row| row.copy_from_slice(biases));
    let rows = MatRef::from_row_major_slice(rows, count, size);
    let weights = MatRef::from_row_major_slice(weights, classes, size).transpose();
    let logits = MatMut::from_row_major_slice_mut(logits, count, classes);
    matmul(logits, Accum::Add, rows, weights, 1.0, Par::Seq);
}

/// The mean cross-entropy with the penalty, and its gradient.
fn loss(params: &[f64], rows: &[f64], labels: &[usize], classes: usize) -> (f64, Vec<f64>) {
    let size = params.len() / classes - 1;
    let parts = pool::map(labels.len().div_ceil(ROWS), |index| {
        let labels = &labels[index * ROWS..labels.len().min((index + 1) * ROWS)];
        let rows = &rows[index * ROWS * size..][..labels.len() * size];
        part_of_loss(params, rows, labels, classes)
    });
    let (mut total, mut gradient) = (0.0, vec![0.0; params.len()]);
    for (part, slopes) in parts {
        total += part;
        gradient
            .iter_mut()
            .zip(slopes)
            .for_each(|(sum, slope)| *sum += slope);
    }
    let count = labels.len() as f64;
    total /= count;
    gradient.iter_mut().for_each(|sum| *sum /= count);
    for (slope, weight) in gradient.iter_mut().zip(&params[..classes * size]) {
        total += 0.5 * LinearProbe::PENALTY * weight * weight;
        *slope += LinearProbe::PENALTY * weight;
    }
    (total, gradient)
}

/// The cross-entropy of some items, summed, and its gradient.
fn part_of_loss(params: &[f64], rows: &[f64], labels: &[usize], classes: usize) -> (f64, Vec<f64>) {
    let size = params.len() / classes - 1;
    let mut slopes = vec![0.0; labels.len() * classes];
    apply(&mut slopes, params, rows, classes);
    let mut total = 0.0;
    let mut gradient = vec![0.0; params.len()];
    let (weights, biases) = gradient.split_at_mut(classes * size);
    for (row, label) in slopes.chunks_exact_mut(classes).zip(labels) {
        let of_label = row[*label];
        total += softmax(row) - of_label;
        row[*label] -= 1.0;
        biases
            .iter_mut()
            .zip(&*row)
            .for_each(|(sum, slope)| *sum += slope);
    }
    let slopes = MatRef::from_row_major_slice(&slopes, labels.len(), classes).transpose();
    let rows = MatRef::from_row_major_slice(rows, labels.len(), size);
    let weights = MatMut::from_row_major_slice_mut(weights, classes, size);
    matmul(weights, Accum::Replace, slopes, rows, 1.0, Par::Seq);
    (total, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points around a triangle of classes, which overlap.
    fn items(count: usize) -> (Features, Vec<u32>) {
        let centres = [[0.0, 0.0], [2.0, 0.0], [0.0, 20.0]];
        let labels: Vec<u32> = (0..count).map(|n| (n * n % 7 % 3) as u32).collect();
        let noise = |n: usize| ((n * n * 37 + n * 11) % 101) as f64 / 50.0 - 1.0;
        let points = labels.iter().enumerate().flat_map(|(n, label)| {
            let [x, y] = centres[*label as usize];
            [x + 2.0 * noise(2 * n), y + 20.0 * noise(2 * n + 1), 7.5]
        });
        (Features::new(points.collect(), 3).unwrap(), labels)
    }

    #[test]
    fn a_probe_is_the_logistic_regression_of_scikit_learn() {
        // import numpy as np; from sklearn.linear_model import LogisticRegression  # 1.9.1
        // n = np.arange(2500); y = n * n % 7 % 3
        // noise = lambda n: (n * n * 37 + n * 11) % 101 / 50.0 - 1.0
        // c = np.array([[0.0, 0], [2, 0], [0, 20]])[y]
        // x = np.stack([c[:, 0] + 2 * noise(2 * n), c[:, 1] + 20 * noise(2 * n + 1)], 1)
        // x = (x - x.mean(0)) / x.std(0)
        // m = LogisticRegression(C=1 / (1e-4 * 2500), tol=1e-10, max_iter=10000).fit(x, y)
        // z = m.decision_function(x); print(m.score(x, y), z[17] - z[17].mean())
        let (latent, labels) = items(2500);
        let training = Labelled::new(&latent, &labels).unwrap();
        let probe = LinearProbe::fit(training).unwrap();
        assert!((probe.accuracy(training).unwrap().value - 0.7776).abs() < 1e-12);
        let logits = probe.logits(&latent).unwrap();
        let row = logits.row(17);
        let mean = row.iter().sum::<f64>() / 3.0;
        for (logit, expected) in row.iter().zip([-0.239245, -2.532367, 2.771612]) {
            assert!((logit - mean - expected).abs() < 1e-3, "{row:?}");
        }
    }

    #[test]
    fn the_gradient_of_the_loss_is_its_slope() {
        let (latent, labels) = items(1100);
        let labels: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
        let (mean, size) = (latent.mean(), latent.dimensions());
        let rows = standardised(&latent, &mean, &inverse_deviations(&latent, &mean));
        let params: Vec<f64> = (0..3 * (size + 1)).map(|n| (n as f64).sin()).collect();
        let gradient = loss(&params, &rows, &labels, 3).1;
        for place in 0..params.len() {
            let at = |change: f64| {
                let mut params = params.clone();
                params[place] += change;
                loss(&params, &rows, &labels, 3).0
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[place] - slope).abs() < 1e-8, "{place}");
        }
    }

    #[test]
    fn scale_and_place_of_a_dimension_change_nothing() {
        let (latent, labels) = items(600);
        let moved = latent
            .values()
            .chunks(3)
            .flat_map(|row| [row[0] * 1e3 + 5.0, row[1], row[2]]);
        let moved = Features::new(moved.collect(), 3).unwrap();
        let accuracy = |latent| {
            let labelled = Labelled::new(latent, &labels).unwrap();
            LinearProbe::fit(labelled)
                .unwrap()
                .accuracy(labelled)
                .unwrap()
        };
        assert_eq!(accuracy(&latent), accuracy(&moved));
    }

    #[test]
    fn numbers_of_classes_change_nothing() {
        let (latent, labels) = items(600);
        let fit = |labels: &[u32]| {
            let probe = LinearProbe::fit(Labelled::new(&latent, labels).unwrap()).unwrap();
            (probe.logits(&latent).unwrap(), probe.classes)
        };
        let others = [5, 70, 4_000_000_000];
        let renamed: Vec<u32> = labels.iter().map(|label| others[*label as usize]).collect();
        let (logits, classes) = fit(&renamed);
        assert_eq!((logits, &classes[..]), (fit(&labels).0, &others[..]));
    }

    #[test]
    fn one_class_and_another_latent_space_are_errors() {
        let (latent, labels) = items(60);
        let ones = vec![0; 60];
        assert!(LinearProbe::fit(Labelled::new(&latent, &ones).unwrap()).is_err());
        let probe = LinearProbe::fit(Labelled::new(&latent, &labels).unwrap()).unwrap();
        assert!(
            probe
                .logits(&Features::new(vec![1.0, 2.0], 2).unwrap())
                .is_err()
        );
    }
}
