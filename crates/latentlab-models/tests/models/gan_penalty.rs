//! The gradient penalties: their values where the gradient is known, where they look, and their own
//! gradient, which is of the second order.

use std::collections::BTreeSet;

use latentlab_core::{ImageShape, ValueRange};
use latentlab_losses::{adversarial::Objective, penalty::Sided};
use latentlab_models::{Gan, GanConfig, Penalty, PenaltyKind};
use latentlab_nn::{Architecture, NetworkConfig};
use latentlab_tensor::{ParamStore, gradcheck::check_group, ops::Activation};

use super::{SMALL, assert_close, build, data, images, loss, scalar, scale, set, term, values};

const KINDS: [PenaltyKind; 4] = [
    PenaltyKind::R1,
    PenaltyKind::R2,
    PenaltyKind::WganGp,
    PenaltyKind::Dragan,
];

fn of(name: PenaltyKind) -> Penalty {
    Penalty {
        name,
        ..Penalty::default()
    }
}

/// A game with smooth layers: `hidden` are those of the discriminator.
fn gan(penalty: Penalty, hidden: &[usize]) -> (Gan, ParamStore) {
    let layers = |hidden: &[usize]| NetworkConfig {
        hidden: hidden.to_vec(),
        activation: Activation::Tanh,
        ..NetworkConfig::default()
    };
    let config = GanConfig {
        latent: 2,
        generator: layers(&[4]),
        discriminator: layers(hidden),
        penalty,
        ..GanConfig::default()
    };
    build(&config, &data(SMALL, ValueRange::Unit))
}

/// The penalty as a term of the discriminator's loss.
fn added(model: &Gan) -> f64 {
    term(
        &loss(model, "discriminator", &images(4, SMALL), 1),
        "penalty",
    )
}

#[test]
fn a_linear_discriminator_has_the_penalty_of_its_weight() {
    // D(x) = w·x, so ∇D = w everywhere: γ/2 ‖w‖² and λ (‖w‖ − 1)², with γ = λ = 10.
    let one_sided = |name| Penalty {
        sided: Sided::One,
        ..of(name)
    };
    for (penalty, of_norm_3, of_norm_half) in [
        (of(PenaltyKind::R1), 45.0, 1.25),
        (of(PenaltyKind::R2), 45.0, 1.25),
        (of(PenaltyKind::WganGp), 40.0, 2.5),
        (of(PenaltyKind::Dragan), 40.0, 2.5),
        (one_sided(PenaltyKind::WganGp), 40.0, 0.0),
    ] {
        let (model, store) = gan(penalty, &[]);
        for (norm, expected) in [(3.0, of_norm_3), (0.5, of_norm_half)] {
            let mut weight = [0.0; 12];
            (weight[2], weight[7]) = (0.6 * norm, -0.8 * norm);
            set(&store, "discriminator.1.weight", &weight);
            assert_close(added(&model), expected);
        }
    }
}

#[test]
fn an_added_penalty_is_part_of_the_loss() {
    let total = |penalty| {
        let (model, _) = gan(penalty, &[5]);
        scalar(&loss(&model, "discriminator", &images(4, SMALL), 1).total)
    };
    for name in KINDS {
        let (model, _) = gan(of(name), &[5]);
        let expected = total(of(PenaltyKind::None)) + added(&model);
        assert_close(total(of(name)), expected);
    }
}

#[test]
fn a_lazy_penalty_counts_as_often_as_it_is_left_out() {
    // R1 draws nothing, so that both have the same value.
    let every = 16;
    let (model, _) = gan(
        Penalty {
            every,
            ..of(PenaltyKind::R1)
        },
        &[5],
    );
    let lazy = scalar(&loss(&model, "penalty", &images(4, SMALL), 16).total);
    assert_close(
        lazy,
        every as f64 * added(&gan(of(PenaltyKind::R1), &[5]).0),
    );
}

#[test]
fn a_penalty_looks_where_its_name_says() {
    for (name, at_real, at_fake) in [
        (PenaltyKind::R1, true, false),
        (PenaltyKind::R2, false, true),
        (PenaltyKind::WganGp, true, true),
        (PenaltyKind::Dragan, true, false),
    ] {
        let (model, store) = gan(of(name), &[5]);
        let real = images(4, SMALL);
        let penalty = |factor: f64| {
            let images = (&real * factor).unwrap();
            term(&loss(&model, "discriminator", &images, 1), "penalty")
        };
        let before = penalty(1.0);
        assert_eq!(penalty(0.5) != before, at_real, "{name:?} at real images");
        scale(&store, "generator", 3.0);
        assert_eq!(
            penalty(1.0) != before,
            at_fake,
            "{name:?} at generated images"
        );
    }
}

/// The smallest images of which no weight of two convolutions sees the margin only.
const TINY: ImageShape = ImageShape {
    channels: 1,
    height: 8,
    width: 8,
};

/// A game with a critic of two convolutions.
fn tiny_conv(name: PenaltyKind, every: u64) -> (Gan, ParamStore) {
    let layers = |hidden: &[usize]| NetworkConfig {
        architecture: Architecture::Conv,
        hidden: hidden.to_vec(),
        activation: Activation::Tanh,
        ..NetworkConfig::default()
    };
    let config = GanConfig {
        latent: 2,
        objective: Objective::Wasserstein,
        generator: layers(&[2]),
        discriminator: layers(&[2, 3]),
        penalty: Penalty { every, ..of(name) },
        ..GanConfig::default()
    };
    build(&config, &data(TINY, ValueRange::Unit))
}

#[test]
fn the_gradient_of_a_penalty_is_right_by_every_parameter_of_the_critic() {
    for name in KINDS {
        let (model, store) = tiny_conv(name, 1);
        let images = images(2, TINY);
        let total = || Ok(loss(&model, "discriminator", &images, 1).total);
        let error = check_group(&store, "discriminator", total).unwrap();
        assert!(error < 1e-7, "{name:?} is off by {error}");
    }
}

#[test]
fn the_gradient_of_a_penalty_reaches_every_weight_of_the_discriminator() {
    for name in KINDS {
        let (model, store) = tiny_conv(name, 4);
        let loss = loss(&model, "penalty", &images(2, TINY), 4).total;
        let gradients = loss.backward().unwrap();
        let reached: BTreeSet<String> = store
            .parameters("discriminator")
            .into_iter()
            .filter_map(|(path, parameter)| Some((path, gradients.get(parameter.var())?.clone())))
            .filter(|(_, gradient)| values(gradient).iter().all(|slope| slope.abs() > 1e-12))
            .map(|(path, _)| path)
            .collect();
        // Not the last bias, on which no gradient by the input depends.
        let expected = ["0.bias", "0.weight", "2.bias", "2.weight", "5.weight"];
        let expected = expected.map(|path| format!("discriminator.{path}"));
        assert_eq!(reached, BTreeSet::from(expected), "{name:?}");
    }
}
