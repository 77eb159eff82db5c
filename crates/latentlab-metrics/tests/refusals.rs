//! What is refused, with the place named, instead of being answered with NaN, a panic or a figure of
//! something else.

use candle_core::{DType, Device, Tensor};
use latentlab_core::Result;
use latentlab_metrics::{
    Features, Labelled, LinearProbe, Moments, PrincipalComponents, aggregate_posterior,
    class_shares, density_coverage, entropy, jensen_shannon, kernel_discrepancy, kullback_leibler,
    log_mixture_density, mode_coverage, neighbour_accuracy, pixel_deviation, precision_recall,
    structural_similarities, total_variation,
};

fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

fn line(places: &[f64]) -> Features {
    Features::new(places.to_vec(), 1).unwrap()
}

#[test]
fn entries_that_are_no_shares_are_named() {
    let fair = [0.5, 0.5];
    for distance in [kullback_leibler, jensen_shannon, total_variation] {
        for (entry, name) in [(f64::NAN, "NaN"), (-0.25, "-0.25"), (f64::INFINITY, "inf")] {
            let broken = [0.5, entry];
            for found in [distance(&broken, &fair), distance(&fair, &broken)] {
                let expected = format!("entry 1 of a distribution is {name}");
                assert!(message(found).starts_with(&expected));
            }
        }
    }
    for entry in [f64::NAN, -0.25, f64::INFINITY] {
        assert!(entropy(&[0.5, entry]).is_nan());
    }
}

#[test]
fn scores_that_are_no_numbers_are_of_no_class() {
    let scores = Tensor::new(&[[0.1f32, 0.9], [0.8, f32::NAN]], &Device::Cpu).unwrap();
    let found = message(class_shares(&scores));
    assert_eq!(
        found,
        "score 1 of item 1 is NaN: it is of no class that could be counted"
    );
    let nobody = Tensor::zeros((0, 2), DType::F32, &Device::Cpu).unwrap();
    assert!(message(class_shares(&nobody)).starts_with("there are no items"));
    // Logarithms of probabilities that are 0 are scores like any other.
    let logarithms = Tensor::new(&[[f64::NEG_INFINITY, 0.0]], &Device::Cpu).unwrap();
    assert_eq!(class_shares(&logarithms).unwrap(), [0.0, 1.0]);
}

#[test]
fn more_neighbours_than_can_be_counted_are_refused() {
    let three = line(&[0.0, 1.0, 2.0]);
    let expected = "3 real items are too few: at least";
    for neighbours in [3, 1 << 50, usize::MAX] {
        assert!(message(precision_recall(&three, &three, neighbours)).starts_with(expected));
        assert!(message(density_coverage(&three, &three, neighbours)).starts_with(expected));
    }
    let labelled = Labelled::new(&three, &[0, 1, 2]).unwrap();
    assert!(neighbour_accuracy(labelled, labelled, usize::MAX).is_err());
}

#[test]
fn labels_need_not_be_small() {
    let latent = line(&[0.0, 0.25, 3.0, 3.25]);
    let labelled = Labelled::new(&latent, &[7, 7, u32::MAX, u32::MAX]).unwrap();
    let neighbours = neighbour_accuracy(labelled, labelled, 2).unwrap();
    assert_eq!(neighbours.value, 1.0);
    let probe = LinearProbe::fit(labelled).unwrap();
    assert_eq!(probe.accuracy(labelled).unwrap().value, 1.0);
    let other = Labelled::new(&latent, &[7, 6, u32::MAX, 0]).unwrap();
    assert_eq!(probe.accuracy(other).unwrap().value, 0.5);
}

#[test]
fn two_classes_are_two_different_labels() {
    let latent = line(&[0.0, 1.0, 2.0]);
    let found = message(LinearProbe::fit(Labelled::new(&latent, &[3; 3]).unwrap()));
    assert_eq!(
        found,
        "all training items have the class 3: a probe needs two classes"
    );
}

#[test]
fn images_without_channels_and_ranges_without_width_have_no_similarity() {
    let nothing = Tensor::zeros((2, 0, 11, 11), DType::F32, &Device::Cpu).unwrap();
    let found = message(structural_similarities(&nothing, &nothing, 1.0));
    assert_eq!(found, "there are no channels to evaluate");
    let images = Tensor::zeros((2, 1, 11, 11), DType::F32, &Device::Cpu).unwrap();
    for range in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-200] {
        let found = message(structural_similarities(&images, &images, range));
        assert!(found.contains(&format!("{range}")), "{found}");
    }
}

#[test]
fn covariances_that_are_none_are_refused_with_the_place() {
    let of = |covariance| Moments::new(10, vec![0.0; 2], covariance);
    let found = message(of(vec![1.0, 0.0, 0.0, -1.0]));
    assert!(found.contains("variance of feature 1 is -1"), "{found}");
    let found = message(of(vec![4.0, 0.5, 0.25, 1.0]));
    let expected = "covariance of features 0 and 1 is 0.5, that of 1 and 0 is 0.25";
    assert!(found.contains(expected), "{found}");
    assert!(of(vec![4.0, 0.5, 0.5 + 1e-12, 1.0]).is_ok());
    assert!(of(vec![0.0; 4]).is_ok());
}

#[test]
fn densities_are_finite_or_refused() {
    let density = |point, deviation| log_mixture_density(point, &[[0.0; 2]], deviation);
    for far in [1e10, 1e200, f64::MAX] {
        for deviation in [1e-160, 1e-100, 1.0, 1e150] {
            assert!(density([far, -far], deviation).unwrap().is_finite());
        }
    }
    // Far in numbers, but not in deviations: -½ (1e10)² - ln 2π - 2 ln 1e150.
    let found = density([1e160, 0.0], 1e150).unwrap();
    assert!((found / -0.5e20 - 1.0).abs() < 1e-12, "{found}");
    for deviation in [1e-200, 1e200, f64::INFINITY] {
        let found = message(density([0.0; 2], deviation));
        assert!(found.contains(&format!("deviation {deviation}")), "{found}");
    }
    assert!(density([f64::NAN, 0.0], 1.0).unwrap().is_nan());
}

#[test]
fn components_of_constant_data_explain_all_of_it() {
    let constant = Features::new(vec![0.1; 12], 2).unwrap();
    let found = PrincipalComponents::of(&constant, 1).unwrap();
    assert!((0.0..=1.0).contains(&found.explained()), "{found:?}");
    let constant = Features::new(vec![0.5; 12], 2).unwrap();
    let found = PrincipalComponents::of(&constant, 1).unwrap();
    assert_eq!(found.explained(), 1.0);
}

#[test]
fn kernels_of_huge_features_are_refused() {
    let huge = line(&[1e60, -1e60, 2e60]);
    let small = line(&[0.0, 1.0]);
    for found in [
        kernel_discrepancy(&huge, &small),
        kernel_discrepancy(&huge, &huge),
    ] {
        let found = message(found);
        assert!(found.contains("2e60"), "{found}");
    }
    assert!(message(aggregate_posterior(&huge)).contains("2e60"));
    let large = line(&[1e40, -1e40]);
    assert!(
        kernel_discrepancy(&large, &small)
            .unwrap()
            .value
            .is_finite()
    );
}

#[test]
fn modes_have_a_width() {
    let samples = Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap();
    for deviation in [f64::NAN, -0.1, f64::INFINITY] {
        let found = message(mode_coverage(&samples, &[[0.0; 2]], deviation));
        assert!(found.contains(&format!("deviation {deviation}")), "{found}");
    }
}

#[test]
fn one_sample_has_no_spread() {
    let sample = Tensor::new(&[[1f32, 5.0]], &Device::Cpu).unwrap();
    assert_eq!(pixel_deviation(&sample).unwrap().value, 0.0);
}
