//! The claims, in the order of the study they come from.

mod bottleneck;
mod density;
mod distribution;
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
use latentlab_experiment::overrides::parse_assignment;
use toml::Table;

use crate::Claim;

/// Every claim.
pub const CLAIMS: [Claim; 11] = [
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
];

/// The models that claims need beside the built-in ones.
pub(crate) fn plugin(registry: &mut Registry) -> Result<()> {
    registry.add::<fixed_generator::FixedGenerator>()
}

/// Sets a key of an experiment file, such as `model.config.latent`.
pub(crate) fn set(
    file: &mut Table,
    key: &str,
    value: impl Display,
) -> latentlab_experiment::Result<()> {
    merge(file, &parse_assignment(&format!("{key}={value}"))?);
    Ok(())
}
