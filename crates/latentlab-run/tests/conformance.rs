//! Every registered model, in every variant its configuration offers, holds the same contract.

use latentlab_core::Registry;
use latentlab_run::conformance::check;
use toml::{Table, toml};

fn registry() -> Registry {
    Registry::default().with(latentlab_models::plugin).unwrap()
}

fn hold(model: &str, configs: impl IntoIterator<Item = Table>) {
    for config in configs {
        if let Err(error) = check(&registry(), model, &config) {
            panic!("{error}\nwith the configuration\n{config}");
        }
    }
}

#[test]
fn every_registered_model_holds_the_contract_with_its_defaults() {
    let names: Vec<_> = registry().iter().map(|entry| entry.name).collect();
    assert!(!names.is_empty());
    for name in names {
        hold(name, [Table::new()]);
    }
}

#[test]
fn autoencoders_hold_it_in_every_architecture() {
    hold(
        "ae",
        [
            toml! { hidden = [] latent = 3 },
            toml! { hidden = [16] decoder = "gaussian_sigmoid" output_bias = "data_mean" },
            toml! { hidden = [16] decoder = "bernoulli" output_bias = "data_mean" norm = "batch" },
            toml! { hidden = [16] norm = "spectral" activation = "tanh" init = "orthogonal" },
            toml! { architecture = "conv" hidden = [4, 6] norm = "batch" init = "dcgan" },
            toml! { architecture = "conv" hidden = [4, 6, 8] init = "kaiming" activation = "silu" },
        ],
    );
}

#[test]
fn variational_autoencoders_hold_it_in_every_form() {
    hold(
        "vae",
        [
            toml! { hidden = [] latent = 2 },
            toml! { hidden = [16] beta = 4.0 beta_warmup = 10 },
            toml! { hidden = [16] free_bits = 0.05 init = "xavier" },
            toml! { hidden = [16] samples = 5 output_bias = "data_mean" },
            toml! { hidden = [16] decoder = "gaussian" },
            toml! { hidden = [16] decoder = "gaussian_sigmoid" },
            toml! { hidden = [16] decoder = "gaussian" decoder_log_var = -2.0 samples = 3 },
            toml! { architecture = "conv" hidden = [4, 6] latent = 5 norm = "batch" },
        ],
    );
}

#[test]
fn gans_hold_it_under_every_objective() {
    // Hinge and Wasserstein losses push real and generated logits by equal amounts at first, so
    // that the last bias, alone, starts with a gradient of exactly zero: no contract without it.
    let objectives = ["minimax", "non_saturating", "least_squares"];
    hold(
        "gan",
        objectives.map(|name| {
            let mut config = small_gan();
            config.insert("objective".to_owned(), name.into());
            config
        }),
    );
}

#[test]
fn gans_hold_it_under_every_penalty_added_or_lazy() {
    for name in ["r1", "r2", "wgan_gp", "dragan"] {
        for every in [1, 4] {
            let mut config = small_gan();
            let penalty = Table::from_iter([
                ("name".to_owned(), name.into()),
                ("every".to_owned(), every.into()),
            ]);
            config.insert("penalty".to_owned(), penalty.into());
            hold("gan", [config]);
        }
    }
}

#[test]
fn gans_hold_it_in_every_architecture() {
    hold(
        "gan",
        [
            toml! {
                latent = 6
                prior = "uniform"
                generator = { architecture = "conv", hidden = [6, 4], norm = "batch", init = "dcgan" }
                discriminator = { architecture = "conv", hidden = [4, 6], norm = "spectral" }
            },
            toml! {
                latent = 6
                critic_steps = 3
                real_target = 0.9
                output = "softmax"
                generator = { hidden = [12], norm = "batch" }
                discriminator = { hidden = [12], norm = "spectral" }
            },
        ],
    );
}

fn small_gan() -> Table {
    toml! {
        latent = 6
        generator = { hidden = [16, 12] }
        discriminator = { hidden = [12, 8] }
    }
}
