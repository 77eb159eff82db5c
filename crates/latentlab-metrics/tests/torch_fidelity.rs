//! Figures of samples are those of torch-fidelity 0.4.0 and of prdc 0.2, on the same features.
//!
//! The script that made the values, with `features` of the module `inputs`:
//!
//! ```python
//! import numpy as np, torch
//! from prdc import compute_prdc
//! from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
//! from torch_fidelity.metric_isc import isc_features_to_metric
//! from torch_fidelity.metric_kid import kernel_mmd, kid_features_to_metric
//! from torch_fidelity.metric_prc import prc_features_to_metric
//!
//! kernel = dict(kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None,
//!               kid_kernel_poly_coef0=1.0)
//! for n, m, d in [(200, 150, 8), (300, 250, 64), (30, 40, 64)]:
//!     real, fake = features(1, n, d, 1.0, 0.0), features(2, m, d, 1.0625, 0.001953125)
//!     r, f = torch.from_numpy(real), torch.from_numpy(fake)
//!     print(fid_statistics_to_metric(*map(fid_features_to_statistics, (r, f)), False))
//!     print(kid_features_to_metric(f, r, kid_subsets=3, kid_subset_size=12, rng_seed=2020,
//!                                  verbose=False, **kernel))
//!     print(prc_features_to_metric(f, r, prc_neighborhood=3, prc_batch_size=10000,
//!                                  save_cpu_ram=False, verbose=False))
//!     print(compute_prdc(real, fake, 5))
//! rng = np.random.RandomState(2020)  # the subsets that kid_features_to_metric takes
//! print([(rng.choice(150, 12, replace=False), rng.choice(200, 12, replace=False))
//!        for _ in range(3)])
//! for n, d in [(150, 8), (250, 64)]:
//!     print(kernel_mmd(features(2, n, d, 1.0625, 0.001953125), features(1, n, d, 1.0, 0.0), **kernel))
//! print(isc_features_to_metric(torch.from_numpy(features(3, 200, 10, 4.0, 0.0)), splits=4,
//!                              shuffle=False))
//! ```

mod inputs;

use inputs::features;
use latentlab_metrics::{
    Features, Moments, classifier_score, density_coverage, frechet_distance, kernel_discrepancy,
    kernel_distance_over, precision_recall,
};

fn pair(real: usize, generated: usize, size: usize) -> (Features, Features) {
    let real = features(1, real, size, 1.0, 0.0);
    (real, features(2, generated, size, 1.0625, 0.001_953_125))
}

fn assert_close(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(error <= 1e-9 * expected.abs(), "{found}, not {expected}");
}

#[test]
fn the_frechet_distance_is_torch_fidelitys() {
    let expected = [
        ((200, 150, 8), 0.080_920_339_684_803_72),
        ((300, 250, 64), 2.515_984_510_595_878),
    ];
    for ((real, generated, size), expected) in expected {
        let (real, generated) = pair(real, generated, size);
        let [real, generated] = [real, generated].map(|items| Moments::of(&items).unwrap());
        let found = frechet_distance(&real, &generated).unwrap();
        assert_close(found.value, expected);
        assert_eq!(
            (found.real, found.generated),
            (real.count(), generated.count())
        );
    }
}

#[test]
fn the_frechet_distance_of_few_items_is_torch_fidelitys_but_for_its_rounding() {
    // torch-fidelity adds up the roots of eigenvalues that are 0 but for rounding.
    let (real, generated) = pair(30, 40, 64);
    let [real, generated] = [real, generated].map(|items| Moments::of(&items).unwrap());
    let found = frechet_distance(&real, &generated).unwrap().value;
    let expected = 11.051_040_759_454_697;
    assert!((found / expected - 1.0).abs() < 1e-6, "{found}");
}

#[test]
fn the_kernel_distance_is_torch_fidelitys_in_its_subsets() {
    let subsets: [([usize; 12], [usize; 12]); 3] = [
        (
            [72, 180, 31, 148, 100, 53, 198, 34, 75, 135, 80, 71],
            [104, 8, 61, 54, 78, 119, 111, 93, 23, 31, 116, 106],
        ),
        (
            [127, 118, 15, 150, 107, 52, 98, 30, 197, 162, 100, 146],
            [46, 126, 31, 22, 143, 9, 117, 4, 113, 127, 106, 97],
        ),
        (
            [154, 39, 118, 78, 77, 57, 160, 3, 14, 26, 54, 121],
            [77, 13, 79, 135, 92, 53, 86, 4, 16, 122, 51, 120],
        ),
    ];
    let subsets = subsets.map(|(real, generated)| (real.to_vec(), generated.to_vec()));
    let (real, generated) = pair(200, 150, 8);
    let found = kernel_distance_over(&real, &generated, &subsets).unwrap();
    assert_close(found.distance.value, -0.037_368_734_776_605_33);
    assert_close(found.deviation(), 0.245_854_347_578_019_83);
    // Divided by one less, and by the root of the number of subsets.
    let error = found.distance.error.unwrap();
    assert_close(error, found.deviation() / 2f64.sqrt());
}

#[test]
fn the_kernel_discrepancy_of_all_items_is_torch_fidelitys() {
    let expected = [
        ((150, 8), 0.103_344_675_268_775_89),
        ((250, 64), 0.496_544_036_240_706_53),
    ];
    for ((count, size), expected) in expected {
        let (real, generated) = pair(count, count, size);
        assert_close(
            kernel_discrepancy(&real, &generated).unwrap().value,
            expected,
        );
    }
}

#[test]
fn precision_and_recall_are_torch_fidelitys() {
    // Its shares are means in 32 bits; these are the fractions they stand for.
    let expected = [
        ((200, 150, 8), [129.0 / 150.0, 186.0 / 200.0]),
        ((300, 250, 64), [97.0 / 250.0, 231.0 / 300.0]),
        ((30, 40, 64), [20.0 / 40.0, 28.0 / 30.0]),
    ];
    for ((real, generated, size), expected) in expected {
        let (real, generated) = pair(real, generated, size);
        let found = precision_recall(&real, &generated, 3).unwrap();
        assert_eq!([found.precision.value, found.recall.value], expected);
    }
}

#[test]
fn density_and_coverage_are_those_of_prdc() {
    let expected = [
        ((200, 150, 8), [0.856, 0.915]),
        ((300, 250, 64), [0.3568, 0.696_666_666_666_666_7]),
        ((30, 40, 64), [0.43, 0.933_333_333_333_333_3]),
    ];
    for ((real, generated, size), expected) in expected {
        let (real, generated) = pair(real, generated, size);
        let found = density_coverage(&real, &generated, 5).unwrap();
        assert_close(found.density.value, expected[0]);
        assert_close(found.coverage.value, expected[1]);
    }
}

#[test]
fn the_classifier_score_has_the_formula_of_the_inception_score() {
    let logits = features(3, 200, 10, 4.0, 0.0);
    let softmax = |row: &[f64]| -> Vec<f64> {
        let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
        row.iter().map(|logit| logit.exp() / sum).collect()
    };
    let probabilities = Features::new(logits.rows().flat_map(softmax).collect(), 10).unwrap();
    let found = classifier_score(&probabilities, 4).unwrap();
    assert_close(found.value, 1.917_845_266_959_446_3);
    // The deviation between the splits is published with the divisor 4, not 3.
    assert_close(found.error.unwrap(), 0.048_955_741_930_457_04 / 3f64.sqrt());
}
