//! What the reconstruction losses promise: they are normalised, never below their minimum, and
//! blind to the order of the batch.

use candle_core::{DType, Device, Tensor};
use latentlab_losses::{batch_mean, reconstruction::*};
use latentlab_tensor::Result;
use proptest::prelude::*;

type PerImage = fn(&Tensor, &Tensor) -> Result<Tensor>;

fn image(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, (values.len() / 4, 1, 2, 2), &Device::Cpu).unwrap()
}

fn vector(tensor: Result<Tensor>) -> Vec<f64> {
    tensor.unwrap().to_vec1().unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-11 * b.abs().max(1.0)
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    #[test]
    fn errors_are_never_negative_and_zero_for_the_image_itself(
        x in prop::collection::vec(0.0..1.0f64, 8), y in prop::collection::vec(0.0..1.0f64, 8)
    ) {
        let (x, y) = (image(&x), image(&y));
        for error in [squared_error as PerImage, absolute_error] {
            prop_assert!(vector(error(&x, &y)).into_iter().all(|e| e >= 0.0));
            prop_assert_eq!(vector(error(&x, &x)), [0.0, 0.0]);
        }
    }

    /// The cross-entropy of a grey level is least at its own logit, where it is its entropy.
    #[test]
    fn bernoulli_is_bounded_by_the_entropy_of_the_target(l in -20.0..20.0f64, t in 0.001..0.999f64) {
        let nll = |l: f64| vector(bernoulli_nll(&image(&[l; 4]), &image(&[t; 4])))[0] / 4.0;
        let entropy = -t * t.ln() - (1.0 - t) * (1.0 - t).ln();
        prop_assert!(close(nll((t / (1.0 - t)).ln()), entropy));
        prop_assert!(nll(l) >= entropy - 1e-11);
    }

    #[test]
    fn the_two_answers_of_a_pixel_have_probability_one(l in -700.0..700.0f64) {
        let pixel = |t: f64| Tensor::new(&[t], &Device::Cpu).unwrap();
        let [off, on] = [0.0, 1.0].map(|t| (-vector(bernoulli_nll(&pixel(l), &pixel(t)))[0]).exp());
        prop_assert!(close(off + on, 1.0));
    }

    /// 256 images of one pixel, one for each level.
    #[test]
    fn the_grey_levels_have_probability_one(mean in -1.0..2.0f64, log_scale in -7.0..4.0f64) {
        let levels = (Tensor::arange(0f64, 256.0, &Device::Cpu).unwrap() / 255.0).unwrap();
        let mean = Tensor::full(mean, 256, &Device::Cpu).unwrap();
        let log_scale = Tensor::full(log_scale, 1, &Device::Cpu).unwrap();
        let nll = vector(discretised_logistic_nll(&mean, &log_scale, &levels));
        prop_assert!(nll.iter().all(|nll| *nll >= 0.0));
        prop_assert!(close(nll.into_iter().map(|nll| (-nll).exp()).sum(), 1.0));
    }

    #[test]
    fn a_given_variance_and_a_learned_one_agree(
        x in prop::collection::vec(-2.0..2.0f64, 8), y in prop::collection::vec(-2.0..2.0f64, 8),
        log_var in -4.0..4.0f64
    ) {
        let (x, y) = (image(&x), image(&y));
        let learned = Tensor::full(log_var, 1, &Device::Cpu).unwrap();
        let given = vector(gaussian_nll_with_variance(&x, &y, log_var.exp()));
        for (a, b) in vector(gaussian_nll(&x, &learned, &y)).into_iter().zip(given) {
            prop_assert!(close(a, b));
        }
    }

    #[test]
    fn the_order_of_the_batch_does_not_matter(
        x in prop::collection::vec(-2.0..2.0f64, 12), y in prop::collection::vec(0u8..=255, 12)
    ) {
        let y: Vec<f64> = y.into_iter().map(|level| f64::from(level) / 255.0).collect();
        let (x, y) = (image(&x), image(&y));
        let order = Tensor::new(&[2u32, 0, 1], &Device::Cpu).unwrap();
        let [moved_x, moved_y] = [&x, &y].map(|t| t.index_select(&order, 0).unwrap());
        let losses: [PerImage; 6] = [
            bernoulli_nll,
            squared_error,
            absolute_error,
            |x, y| gaussian_nll(x, x, y),
            |x, y| gaussian_nll_with_variance(x, y, 0.1),
            |x, y| discretised_logistic_nll(x, x, y),
        ];
        for loss in losses {
            let (before, after) = (loss(&x, &y).unwrap(), loss(&moved_x, &moved_y).unwrap());
            let moved = before.index_select(&order, 0).unwrap();
            prop_assert_eq!(after.to_vec1::<f64>().unwrap(), moved.to_vec1::<f64>().unwrap());
            let mean = |loss| batch_mean(loss).unwrap().to_scalar::<f64>().unwrap();
            prop_assert!(close(mean(&before), mean(&after)));
        }
    }
}

#[test]
fn the_grey_levels_keep_their_digits_in_32_bits() -> Result<()> {
    for log_scale in [-7.0, -2.0, 4.0, 8.0] {
        let mean = Tensor::full(0.3, (1, 4), &Device::Cpu)?;
        let target = (Tensor::new(&[[0.0, 51.0, 128.0, 255.0]], &Device::Cpu)? / 255.0)?;
        let log_scale = Tensor::full(log_scale, (1, 4), &Device::Cpu)?;
        let exact = vector(discretised_logistic_nll(&mean, &log_scale, &target))[0];
        let [mean, log_scale, target] = [mean, log_scale, target].map(|t| t.to_dtype(DType::F32));
        let rounded = discretised_logistic_nll(&mean?, &log_scale?, &target?)?.to_vec1::<f32>()?[0];
        assert!(
            (f64::from(rounded) / exact - 1.0).abs() < 1e-5,
            "{rounded} != {exact}"
        );
    }
    Ok(())
}

#[test]
fn shapes_and_variances_that_do_not_fit_are_errors() -> Result<()> {
    let (x, y) = (image(&[0.0; 8]), image(&[0.0; 4]));
    assert!(bernoulli_nll(&x, &y).is_err());
    assert!(squared_error(&x, &y).is_err());
    assert!(absolute_error(&x, &y).is_err());
    assert!(gaussian_nll(&x, &x, &y).is_err());
    assert!(gaussian_nll(&y, &x, &y).is_err());
    assert!(discretised_logistic_nll(&y, &x, &y).is_err());
    let problem = gaussian_nll_with_variance(&x, &x, 0.0)
        .unwrap_err()
        .to_string();
    assert_eq!(
        problem,
        "the variance of a gaussian must be positive and finite, not 0"
    );
    Ok(())
}
