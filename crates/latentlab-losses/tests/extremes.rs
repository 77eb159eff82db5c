//! Logits far beyond what a network gives: value and gradient stay finite in 32 bits, and right.

use candle_core::{Device, Tensor, Var};
use latentlab_losses::{
    adversarial::{Objective, Smoothing, value},
    batch_mean,
    penalty::{Sided, r1, wgan_gp},
    reconstruction::{bernoulli_nll, discretised_logistic_nll},
};
use latentlab_tensor::Result;
use proptest::prelude::*;

const OBJECTIVES: [Objective; 5] = [
    Objective::Minimax,
    Objective::NonSaturating,
    Objective::LeastSquares,
    Objective::Hinge,
    Objective::Wasserstein,
];

/// Logits of every size up to 10⁴, small ones as often as large ones.
fn logits() -> impl Strategy<Value = Vec<f32>> {
    let logit = (-4f32..4.0, any::<bool>()).prop_map(|(exponent, positive)| {
        let size = 10f32.powf(exponent);
        if positive { size } else { -size }
    });
    prop::collection::vec(prop_oneof![logit, Just(0.0), Just(1e4), Just(-1e4)], 8)
}

fn var(values: &[f32], shape: (usize, usize)) -> Result<Var> {
    Ok(Var::from_tensor(&Tensor::from_slice(
        values,
        shape,
        &Device::Cpu,
    )?)?)
}

/// The value and the gradient by `var`, both checked to be finite.
fn finite(loss: Result<Tensor>, var: &Var) -> Result<(f32, Vec<f32>)> {
    let loss = loss?;
    let value = loss.to_scalar::<f32>()?;
    let gradient = loss
        .backward()?
        .remove(var)
        .expect("the loss depends on the input");
    let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
    assert!(value.is_finite(), "the loss is {value}");
    assert!(
        gradient.iter().all(|g| g.is_finite()),
        "the gradient is {gradient:?}"
    );
    Ok((value, gradient))
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    #[test]
    fn adversarial_losses_are_finite(values in logits(), smooth in 0.0..=1.0) {
        let x = var(&values, (8, 1)).unwrap();
        let soft = Smoothing { real: smooth, fake: 1.0 - smooth };
        for objective in OBJECTIVES {
            let hard = objective.discriminator_loss(&x, &x, Smoothing::default());
            finite(hard, &x).unwrap();
            finite(objective.generator_loss(&x), &x).unwrap();
        }
        for objective in &OBJECTIVES[..3] {
            finite(objective.discriminator_loss(&x, &x, soft), &x).unwrap();
        }
        finite(value(&x, &x), &x).unwrap();
    }

    #[test]
    fn the_pixel_likelihoods_are_finite(
        values in logits(), level in 0u8..=255, v in -70f32..70.0
    ) {
        let x = var(&values, (2, 4)).unwrap();
        let target = Tensor::full(f32::from(level) / 255.0, (2, 4), &Device::Cpu).unwrap();
        let nll = bernoulli_nll(&x, &target).unwrap();
        prop_assert!(nll.min_all().unwrap().to_scalar::<f32>().unwrap() >= 0.0);
        finite(batch_mean(&nll), &x).unwrap();
        let log_scale = var(&[v], (1, 1)).unwrap();
        let nll = discretised_logistic_nll(&x, &log_scale, &target).unwrap();
        finite(batch_mean(&nll), &x).unwrap();
        finite(batch_mean(&nll), &log_scale).unwrap();
    }

    /// The slope of the saturating loss is −σ(l), that of the other one σ(l) − 1, over the count.
    #[test]
    fn the_generator_slopes_are_those_of_the_paper(values in logits()) {
        let x = var(&values, (8, 1)).unwrap();
        let (_, minimax) = finite(Objective::Minimax.generator_loss(&x), &x).unwrap();
        let (_, heuristic) = finite(Objective::NonSaturating.generator_loss(&x), &x).unwrap();
        for (i, l) in values.into_iter().enumerate() {
            let l = f64::from(l);
            let (real, fake) = (1.0 / (1.0 + (-l).exp()), 1.0 / (1.0 + l.exp()));
            let (minimax, heuristic) = (f64::from(minimax[i]), f64::from(heuristic[i]));
            // The floor is the smallest normal number of 32 bits.
            prop_assert!((minimax + real / 8.0).abs() <= 2e-5 * real + 1.2e-38);
            prop_assert!((heuristic + fake / 8.0).abs() <= 2e-5 * fake + 1.2e-38);
        }
    }
}

#[test]
fn the_generator_slopes_at_ten_thousand_are_0_and_1() -> Result<()> {
    let x = var(&[-1e4, 1e4], (2, 1))?;
    let (_, minimax) = finite(Objective::Minimax.generator_loss(&x), &x)?;
    let (_, heuristic) = finite(Objective::NonSaturating.generator_loss(&x), &x)?;
    assert_eq!(minimax, [0.0, -0.5]);
    assert_eq!(heuristic, [-0.5, 0.0]);
    Ok(())
}

#[test]
fn a_vanished_gradient_can_be_penalised() -> Result<()> {
    let gradient = var(&[0.0; 6], (2, 3))?;
    let (value, slope) = finite(wgan_gp(&gradient, 1.0, Sided::Two, 10.0), &gradient)?;
    assert!((value - 10.0).abs() < 1e-4, "{value}");
    assert_eq!(slope, [0.0; 6]);
    assert_eq!(
        finite(wgan_gp(&gradient, 1.0, Sided::One, 10.0), &gradient)?.0,
        0.0
    );
    assert_eq!(finite(r1(&gradient, 10.0), &gradient)?.0, 0.0);
    Ok(())
}
