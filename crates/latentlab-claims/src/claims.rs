//! The claims, from the autoencoder over the VAE to the GAN.

mod bottleneck;
mod density;
mod distribution;
mod disturbances;
mod dying_gradient;
mod equilibrium;
mod fixed_generator;
mod game;
mod holes;
mod manifold;
mod matching;
mod noise;
mod purposes;

use std::fmt::Display;

use latentlab_core::{Registry, Result, merge};
use latentlab_run::{Error, overrides::parse_assignment};
use toml::Table;

use crate::Claim;

/// Every claim.
pub const CLAIMS: [Claim; 12] = [
    bottleneck::CLAIM,
    manifold::CLAIM,
    holes::CLAIM,
    distribution::CLAIM,
    density::CLAIM,
    purposes::CLAIM,
    game::CLAIM,
    matching::CLAIM,
    equilibrium::CLAIM,
    dying_gradient::CLAIM,
    noise::CLAIM,
    disturbances::CLAIM,
];

/// The models that claims need beside the built-in ones.
pub(crate) fn plugin(registry: &mut Registry) -> Result<()> {
    registry.add::<fixed_generator::FixedGenerator>()
}

/// The steps that an experiment file takes.
pub(crate) fn steps(file: &Table) -> latentlab_run::Result<u64> {
    let steps = file.get("steps").and_then(toml::Value::as_integer);
    let steps = steps.and_then(|steps| u64::try_from(steps).ok());
    steps.ok_or_else(|| Error::Argument("the experiment has no `steps`".to_owned()))
}

/// Sets a key of an experiment file, such as `model.config.latent`.
pub(crate) fn set(file: &mut Table, key: &str, value: impl Display) -> latentlab_run::Result<()> {
    merge(file, &parse_assignment(&format!("{key}={value}"))?);
    Ok(())
}
