//! The theory of the adversarial game on discrete distributions, where everything can be counted.
//!
//! An expectation under `p = counts / total` is a batch that holds each outcome as often as it counts.

use candle_core::{Device, Tensor};
use latentlab_losses::adversarial::{Objective, Smoothing, value};
use latentlab_tensor::Result;
use proptest::prelude::*;

/// The logit of `D` for each outcome, repeated by the outcome's count.
fn batch(logits: &[f64], counts: &[u32]) -> Tensor {
    let logits: Vec<f64> = logits
        .iter()
        .zip(counts)
        .flat_map(|(&logit, &count)| std::iter::repeat_n(logit, count as usize))
        .collect();
    Tensor::new(logits, &Device::Cpu).unwrap()
}

fn probabilities(counts: &[u32]) -> Vec<f64> {
    let total: u32 = counts.iter().sum();
    counts
        .iter()
        .map(|&count| f64::from(count) / f64::from(total))
        .collect()
}

/// The logits of `D* = p / (p + q)` (Goodfellow et al. 2014, proposition 1); an answer of exactly 0
/// or 1 is a logit of ±10⁴.
fn best_logits(p: &[f64], q: &[f64]) -> Vec<f64> {
    p.iter()
        .zip(q)
        .map(|(p, q)| (p / q).ln().clamp(-1e4, 1e4))
        .collect()
}

/// `Σ p ln(p/q)`, nats.
fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter()
        .zip(q)
        .filter(|(p, _)| **p > 0.0)
        .map(|(p, q)| p * (p / q).ln())
        .sum()
}

/// `½ KL(p ‖ m) + ½ KL(q ‖ m)` with `m = ½ (p + q)`, nats.
fn jensen_shannon(p: &[f64], q: &[f64]) -> f64 {
    let middle: Vec<f64> = p.iter().zip(q).map(|(p, q)| (p + q) / 2.0).collect();
    (kl(p, &middle) + kl(q, &middle)) / 2.0
}

fn scores(count: usize) -> impl Strategy<Value = Tensor> {
    let scores = prop::collection::vec(-30.0..30.0f64, count);
    scores.prop_map(|scores| Tensor::new(scores, &Device::Cpu).unwrap())
}

fn shifts() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-2.0..2.0f64, 6)
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn scalar(tensor: Result<Tensor>) -> f64 {
    tensor.unwrap().to_scalar().unwrap()
}

/// Two distributions over six outcomes; an outcome of neither is given to both.
fn distributions() -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
    prop::collection::vec((0u32..5, 0u32..5), 6).prop_map(|counts| {
        let counts = counts
            .into_iter()
            .map(|pair| if pair == (0, 0) { (1, 1) } else { pair });
        let (mut p, mut q): (Vec<u32>, Vec<u32>) = counts.unzip();
        (p[0], q[0]) = (p[0] + 1, q[0] + 1); // neither is empty
        (p, q)
    })
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    /// Theorem 1 of Goodfellow et al. (2014).
    #[test]
    fn the_best_discriminator_reaches_minus_ln_4_plus_twice_js((p, q) in distributions()) {
        let (real, fake) = (probabilities(&p), probabilities(&q));
        let best = best_logits(&real, &fake);
        let reached = scalar(value(&batch(&best, &p), &batch(&best, &q)));
        let expected = -4f64.ln() + 2.0 * jensen_shannon(&real, &fake);
        prop_assert!((reached - expected).abs() < 1e-12, "{} != {}", reached, expected);
    }

    #[test]
    fn no_other_discriminator_does_better((p, q) in distributions(), shift in shifts()) {
        let best = best_logits(&probabilities(&p), &probabilities(&q));
        let reached = |logits: &[f64]| scalar(value(&batch(logits, &p), &batch(logits, &q)));
        prop_assert!(reached(&sum(&best, &shift)) <= reached(&best) + 1e-12);
    }

    /// With targets `r` and `f` the best answer is `(r p + f q)/(p + q)`.
    #[test]
    fn smoothing_moves_the_best_discriminator_to_the_mixed_target(
        (p, q) in distributions(), real in 0.6..1.0f64, fake in 0.1..0.4f64, shift in shifts()
    ) {
        let (density, other) = (probabilities(&p), probabilities(&q));
        let best: Vec<f64> = density.iter().zip(other).map(|(p, q)| {
            let answer = (real * p + fake * q) / (p + q);
            (answer / (1.0 - answer)).ln()
        }).collect();
        let loss = |logits: &[f64]| {
            let (real_logits, fake_logits) = (batch(logits, &p), batch(logits, &q));
            let smoothing = Smoothing { real, fake };
            let objective = Objective::NonSaturating;
            scalar(objective.discriminator_loss(&real_logits, &fake_logits, smoothing))
        };
        prop_assert!(loss(&best) <= loss(&sum(&best, &shift)) + 1e-12);
    }

    #[test]
    fn losses_that_cannot_be_negative_are_not(real in scores(5), fake in scores(7)) {
        use Objective::*;
        let hard = Smoothing::default();
        for objective in [Minimax, NonSaturating, LeastSquares, Hinge] {
            prop_assert!(scalar(objective.discriminator_loss(&real, &fake, hard)) >= 0.0);
        }
        prop_assert!(scalar(value(&real, &fake)) <= 0.0);
        prop_assert!(scalar(Minimax.generator_loss(&fake)) <= 0.0);
        prop_assert!(scalar(NonSaturating.generator_loss(&fake)) >= 0.0);
        prop_assert!(scalar(LeastSquares.generator_loss(&fake)) >= 0.0);
    }

    #[test]
    fn the_order_of_the_batch_does_not_matter(real in scores(5), fake in scores(7)) {
        use Objective::*;
        let hard = Smoothing::default();
        let [back_real, back_fake] = [&real, &fake].map(|scores| scores.flip(&[0]).unwrap());
        for objective in [Minimax, NonSaturating, LeastSquares, Hinge, Wasserstein] {
            let forth = scalar(objective.discriminator_loss(&real, &fake, hard));
            let back = scalar(objective.discriminator_loss(&back_real, &back_fake, hard));
            prop_assert!((forth - back).abs() < 1e-11);
            let forth = scalar(objective.generator_loss(&fake));
            let back = scalar(objective.generator_loss(&back_fake));
            prop_assert!((forth - back).abs() < 1e-11);
        }
    }
}

/// P = (1, 1, 1, 0, 0, 3)/6 against a fair die: KL = ½ ln 3 and D* = (½, ½, ½, 0, 0, ¾), by hand.
#[test]
fn the_loaded_die_has_its_known_value() {
    let (p, q) = ([1, 1, 1, 0, 0, 3], [1; 6]);
    let (real, fake) = (probabilities(&p), probabilities(&q));
    assert!((kl(&real, &fake) - 3f64.ln() / 2.0).abs() < 1e-15);
    assert!((jensen_shannon(&real, &fake) - 0.15913).abs() < 5e-6);
    let best = best_logits(&real, &fake);
    let answers: Vec<f64> = best
        .iter()
        .map(|logit| 1.0 / (1.0 + (-logit).exp()))
        .collect();
    for (answer, expected) in answers.iter().zip([0.5, 0.5, 0.5, 0.0, 0.0, 0.75]) {
        assert!((answer - expected).abs() < 1e-15);
    }
    let reached = scalar(value(&batch(&best, &p), &batch(&best, &q)));
    assert!((reached - -1.06804).abs() < 5e-6, "{reached}");
}

#[test]
fn at_the_equilibrium_the_losses_are_ln_4_and_ln_2() {
    let undecided = Tensor::zeros(8, candle_core::DType::F64, &Device::Cpu).unwrap();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-15;
    assert!(close(scalar(value(&undecided, &undecided)), -4f64.ln()));
    assert!(close(
        scalar(Objective::Minimax.generator_loss(&undecided)),
        -2f64.ln()
    ));
    assert!(close(
        scalar(Objective::NonSaturating.generator_loss(&undecided)),
        2f64.ln()
    ));
}
