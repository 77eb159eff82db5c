//! The game: its phases, its losses, what generator and discriminator see, its limits.

use candle_core::Tensor;
use latentlab_core::{Batch, Criticise, GenerativeModel, ImageShape, Sample, Step, ValueRange};
use latentlab_losses::adversarial::Objective;
use latentlab_models::{Gan, GanConfig, GeneratorOutput, Penalty, PenaltyKind, Prior};
use latentlab_nn::{Architecture, NetworkConfig};
use latentlab_tensor::ParamStore;

use super::{
    SMALL, assert_close, build, data, images, loss, refusal, rng, scalar, scale, set, term, values,
};

/// A generator with one hidden layer, and a discriminator `D(x) = w·x + b` of centred images.
fn small() -> GanConfig {
    let layers = |hidden: &[usize]| NetworkConfig {
        hidden: hidden.to_vec(),
        ..NetworkConfig::default()
    };
    GanConfig {
        latent: 3,
        generator: layers(&[6]),
        discriminator: layers(&[]),
        ..GanConfig::default()
    }
}

fn gan(config: &GanConfig, range: ValueRange) -> (Gan, ParamStore) {
    build(config, &data(SMALL, range))
}

/// Name, group and interval of every phase.
fn phases(config: &GanConfig) -> Vec<(&'static str, &'static str, u64)> {
    let (model, _) = gan(config, ValueRange::Unit);
    let phases = model.phases();
    let parts = phases
        .iter()
        .map(|phase| (phase.name, phase.params, phase.every));
    parts.collect()
}

#[test]
fn the_generator_waits_for_the_steps_of_the_critic() {
    let config = GanConfig {
        critic_steps: 5,
        ..small()
    };
    let expected = [
        ("discriminator", "discriminator", 1),
        ("generator", "generator", 5),
    ];
    assert_eq!(phases(&config), expected);
}

#[test]
fn a_lazy_penalty_is_a_phase_of_the_discriminator_and_another_is_none() {
    let with = |name, every| GanConfig {
        penalty: Penalty {
            name,
            every,
            ..Penalty::default()
        },
        ..small()
    };
    let two = [
        ("discriminator", "discriminator", 1),
        ("generator", "generator", 1),
    ];
    assert_eq!(phases(&with(PenaltyKind::R1, 1)), two);
    assert_eq!(phases(&with(PenaltyKind::None, 16)), two);
    let three = [two[0], ("penalty", "discriminator", 16), two[1]];
    assert_eq!(phases(&with(PenaltyKind::R1, 16)), three);
}

#[test]
fn an_undecided_discriminator_has_the_losses_of_the_equilibrium() {
    let (model, store) = gan(&small(), ValueRange::Unit);
    scale(&store, "discriminator", 0.0);
    let images = images(4, SMALL);
    let discriminator = loss(&model, "discriminator", &images, 1);
    // Goodfellow et al. 2014, theorem 1: the value is −ln 4.
    assert_close(scalar(&discriminator.total), 4f64.ln());
    assert_close(term(&discriminator, "value"), -4f64.ln());
    assert_close(term(&discriminator, "real_probability"), 0.5);
    assert_close(term(&discriminator, "fake_probability"), 0.5);
    let generator = loss(&model, "generator", &images, 1);
    assert_close(scalar(&generator.total), 2f64.ln());
}

#[test]
fn the_discriminator_is_right_where_its_logit_has_the_sign() {
    let (model, store) = gan(&small(), ValueRange::Unit);
    scale(&store, "discriminator", 0.0);
    set(&store, "discriminator.1.bias", &[0.3]); // everything looks real
    let loss = loss(&model, "discriminator", &images(4, SMALL), 1);
    assert_close(term(&loss, "real_accuracy"), 1.0);
    assert_close(term(&loss, "fake_accuracy"), 0.0);
}

#[test]
fn smoothed_targets_reach_the_loss() {
    let config = GanConfig {
        real_target: 0.9,
        fake_target: 0.2,
        ..small()
    };
    let (model, store) = gan(&config, ValueRange::Unit);
    scale(&store, "discriminator", 0.0);
    set(&store, "discriminator.1.bias", &[1.0]);
    let loss = scalar(&loss(&model, "discriminator", &images(4, SMALL), 1).total);
    // H(t, σ(1)) = ln(1 + e) − t, for both targets.
    assert_close(loss, 2.0 * (1.0 + 1f64.exp()).ln() - 1.1);
}

#[test]
fn the_critic_sees_images_in_0_to_1_centred_and_others_as_they_are() {
    let weight: Vec<f64> = (0..12).map(|pixel| (pixel as f64).sin()).collect();
    for (range, factor, shift) in [(ValueRange::Unit, 2.0, -1.0), (ValueRange::Real, 1.0, 0.0)] {
        let (model, store) = gan(&small(), range);
        set(&store, "discriminator.1.weight", &weight);
        set(&store, "discriminator.1.bias", &[0.7]);
        let images = images(2, SMALL);
        let logits = values(&model.logits(&images).unwrap());
        for (image, logit) in logits.into_iter().enumerate() {
            let pixels = values(&images.get(image).unwrap());
            let products = pixels
                .iter()
                .zip(&weight)
                .map(|(x, w)| (factor * x + shift) * w);
            assert_close(logit, products.sum::<f64>() + 0.7);
        }
    }
}

#[test]
fn a_pack_is_judged_as_a_whole_and_consecutive_images_share_one() {
    let config = GanConfig {
        packing: 2,
        ..small()
    };
    let (model, store) = gan(&config, ValueRange::Real);
    assert!(model.critic().is_none());
    // Only the second image of a pack counts, and of it only the first value.
    let weight: Vec<f64> = (0..24).map(|value| f64::from(value == 12)).collect();
    set(&store, "discriminator.1.weight", &weight);
    set(&store, "discriminator.1.bias", &[0.0]);
    let images = images(6, SMALL);
    let probability = term(
        &loss(&model, "discriminator", &images, 1),
        "real_probability",
    );
    let seconds = [1, 3, 5].map(|image| values(&images.get(image).unwrap())[0]);
    let expected: f64 = seconds.iter().map(|x| 1.0 / (1.0 + (-x).exp())).sum();
    assert_close(probability, expected / 3.0);
}

#[test]
fn a_batch_that_packs_do_not_fill_is_refused() {
    let config = GanConfig {
        packing: 2,
        ..small()
    };
    let (model, _) = gan(&config, ValueRange::Unit);
    let batch = Batch {
        images: images(3, SMALL),
        labels: None,
    };
    let refused = model.phases()[0].loss(&batch, &mut Step::new(1, rng()));
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("3 images") && message.contains("packs of 2"),
        "{message}"
    );
}

#[test]
fn samples_stay_in_the_range_of_the_data() {
    for (range, bounded) in [(ValueRange::Unit, true), (ValueRange::Real, false)] {
        let (model, store) = gan(&small(), range);
        scale(&store, "generator", 20.0);
        let samples = values(&model.sample(50, &mut rng()).unwrap());
        let within = samples.iter().all(|value| (0.0..=1.0).contains(value));
        assert_eq!(within, bounded, "{range:?}");
        let spread = samples
            .iter()
            .fold(0.0f64, |most, value| most.max((value - 0.5).abs()));
        assert!(spread > 0.49, "{range:?} is not filled: {spread}");
    }
}

#[test]
fn a_softmax_gives_a_distribution_over_the_channels() {
    let shape = ImageShape {
        channels: 3,
        height: 2,
        width: 2,
    };
    let config = GanConfig {
        output: GeneratorOutput::Softmax,
        ..small()
    };
    let (model, store) = build::<Gan>(&config, &data(shape, ValueRange::Unit));
    scale(&store, "generator", 3.0);
    let samples = model.sample(5, &mut rng()).unwrap();
    assert_eq!(samples.dims(), [5, 3, 2, 2]);
    for sum in values(&samples.sum(1).unwrap()) {
        assert_close(sum, 1.0);
    }
    assert!(
        values(&samples)
            .iter()
            .all(|share| (0.0..=1.0).contains(share))
    );
}

#[test]
fn the_prior_is_what_its_name_says() {
    let moments = |prior| {
        let (model, _) = gan(&GanConfig { prior, ..small() }, ValueRange::Unit);
        let latent: Tensor = model.prior(20_000, &mut rng()).unwrap();
        assert_eq!(latent.dims(), [20_000, 3]);
        let largest = latent.abs().unwrap().max_all().unwrap();
        let square = latent.sqr().unwrap().mean_all().unwrap();
        (scalar(&largest), scalar(&square))
    };
    // Variances 1 and 1/3; 60,000 draws leave a deviation of 0.006 and of 0.0012.
    let (largest, square) = moments(Prior::Gaussian);
    assert!((square - 1.0).abs() < 0.025 && largest > 3.0, "{square}");
    let (largest, square) = moments(Prior::Uniform);
    assert!((square - 1.0 / 3.0).abs() < 0.005, "{square}");
    assert!((0.999..=1.0).contains(&largest), "{largest}");
}

#[test]
fn what_cannot_work_is_refused_by_the_name_of_its_key() {
    let penalty = |every, weight| Penalty {
        every,
        weight,
        ..Penalty::default()
    };
    let generator = NetworkConfig {
        hidden: vec![0],
        ..NetworkConfig::default()
    };
    let discriminator = NetworkConfig {
        architecture: Architecture::Conv,
        hidden: vec![2, 2],
        ..NetworkConfig::default()
    };
    let objective = Objective::Hinge;
    #[rustfmt::skip]
    let cases = [
        (GanConfig { latent: 0, ..small() }, "`latent`: must be"),
        (GanConfig { packing: 0, ..small() }, "`packing`: must be"),
        (GanConfig { critic_steps: 0, ..small() }, "`critic_steps`: must be"),
        (GanConfig { penalty: penalty(0, 1.0), ..small() }, "`penalty.every`: must be"),
        (GanConfig { penalty: penalty(1, -1.0), ..small() }, "`penalty.weight`: must be"),
        (GanConfig { penalty: penalty(1, f64::NAN), ..small() }, "`penalty.weight`: must be"),
        (GanConfig { real_target: 1.5, ..small() }, "`real_target`: "),
        (GanConfig { fake_target: -0.1, ..small() }, "`fake_target`: "),
        (GanConfig { objective, real_target: 0.9, ..small() }, "`real_target`: label smoothing"),
        (GanConfig { objective, fake_target: 0.1, ..small() }, "`fake_target`: label smoothing"),
        (GanConfig { objective: Objective::Wasserstein, real_target: 0.9, ..small() },
            "`real_target`: label smoothing"),
        (GanConfig { generator, ..small() }, "`generator.hidden`: every size"),
        (GanConfig { discriminator, ..small() }, "`discriminator.hidden`: 2 stages halve a 3x4"),
    ];
    for (config, problem) in cases {
        let message = refusal::<Gan>(&config, &data(SMALL, ValueRange::Unit));
        assert!(message.starts_with(problem), "{message}");
    }
    let config = GanConfig {
        output: GeneratorOutput::Softmax,
        ..small()
    };
    let message = refusal::<Gan>(&config, &data(SMALL, ValueRange::Real));
    assert!(
        message.starts_with("`output`: `softmax` gives values in [0, 1]"),
        "{message}"
    );
}

// Under least squares the best discriminator is p/(p+q) itself, not its logit (Mao et al. 2017,
// eq. 5 with targets 1 and 0), so that a score of ½ is undecided and one of ¾ means 75 %.
#[test]
fn a_least_squares_score_is_read_as_a_probability() {
    let config = GanConfig {
        objective: Objective::LeastSquares,
        ..small()
    };
    let (model, store) = gan(&config, ValueRange::Unit);
    scale(&store, "discriminator", 0.0);
    set(&store, "discriminator.1.bias", &[0.75]);
    let images = images(4, SMALL);
    let logits = values(&model.logits(&images).unwrap());
    assert_close(logits[0], 3f64.ln());
    let loss = loss(&model, "discriminator", &images, 1);
    assert_close(term(&loss, "real_probability"), 0.75);
    assert_close(term(&loss, "real_accuracy"), 1.0);
    assert_close(term(&loss, "fake_accuracy"), 0.0);
}

#[test]
fn a_wasserstein_critic_reports_scores_and_no_probabilities() {
    let config = GanConfig {
        objective: Objective::Wasserstein,
        ..small()
    };
    let (model, _) = gan(&config, ValueRange::Unit);
    let loss = loss(&model, "discriminator", &images(4, SMALL), 1);
    let names: Vec<_> = loss.terms.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["real_score", "fake_score"]);
    assert!(model.critic().is_none());
}
