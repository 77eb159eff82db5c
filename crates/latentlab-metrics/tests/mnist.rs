//! Figures of MNIST that were computed elsewhere.

use candle_core::Device;
use latentlab_data::{DataConfig, Dataset, Split};
use latentlab_metrics::{Features, PrincipalComponents, nearest_neighbours};

fn digits() -> Dataset {
    let config = toml::toml! { name = "mnist" };
    Dataset::open(&DataConfig::from_table(&config).unwrap()).unwrap()
}

/// The first images of a split, as rows of 784 pixels in [0, 1].
fn pixels(digits: &Dataset, split: Split, count: usize) -> Features {
    let indices: Vec<usize> = (0..count).collect();
    let batch = digits.images(split, &indices, &Device::Cpu).unwrap();
    Features::of(&batch.images).unwrap()
}

#[test]
fn linear_autoencoders_can_reach_the_errors_of_principal_components() {
    // PCA of all training images, squared errors of all test images.
    let digits = digits();
    let training = pixels(&digits, Split::Train, 60_000);
    let test = pixels(&digits, Split::Test, 10_000);
    let all = PrincipalComponents::of(&training, 64).unwrap();
    for (count, expected) in [
        (2, 43.645),
        (8, 29.354),
        (16, 21.058),
        (32, 13.193),
        (64, 7.093),
    ] {
        let found = all.clone().truncated(count).unwrap();
        let error = found.squared_error(&test).unwrap();
        assert!((error.value - expected).abs() < 6e-4, "{count}: {error:?}");
        assert_eq!(error.real, 10_000);
    }
}

#[test]
fn every_training_image_is_its_own_nearest() {
    let training = pixels(&digits(), Split::Train, 3000);
    let found = nearest_neighbours(&training, &training).unwrap();
    assert!(
        found
            .iter()
            .enumerate()
            .all(|(index, near)| near.index == index)
    );
    assert!(found.iter().all(|near| near.distance == 0.0));
}
