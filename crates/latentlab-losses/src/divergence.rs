//! How far one distribution is from another: closed forms, estimates from samples, and bounds.

mod bound;
mod gaussian;
mod mmd;

pub use bound::{free_bits, importance_weighted_bound, monte_carlo_kl};
pub use gaussian::{
    gaussian_kl, gaussian_kl_between, gaussian_kl_per_dimension, gaussian_log_density,
    standard_normal_log_density,
};
pub use mmd::{Kernel, mmd_biased, mmd_unbiased};
