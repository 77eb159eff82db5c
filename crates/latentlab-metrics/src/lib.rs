//! What a trained generative model is worth.
//!
//! Metrics ask for what a model can do (a likelihood, a reconstruction) or look at samples; none
//! knows a model by name. All sums are taken on the host in 64 bits.
//!
//! ```
//! use latentlab_metrics::{jensen_shannon, total_variation};
//!
//! let (loaded, fair) = ([0.5, 0.5, 0.0], [1.0 / 3.0; 3]);
//! assert!((total_variation(&loaded, &fair)? - 1.0 / 3.0).abs() < 1e-12);
//! assert!(jensen_shannon(&loaded, &fair)? < 2f64.ln());
//! # Ok::<(), latentlab_core::Error>(())
//! ```

mod aggregate;
mod classification;
mod confidence;
mod density;
mod distribution;
mod features;
mod figure;
mod likelihood;
mod modes;
mod moments;
mod principal;
mod reconstruction;
mod representation;
mod samples;
mod similarity;

pub use aggregate::{AggregatePosterior, aggregate_posterior};
pub use classification::{Classification, classification};
pub use confidence::{Confidence, confidence};
pub use density::{log_mixture_density, optimal_discriminator};
pub use distribution::{class_shares, entropy, jensen_shannon, kullback_leibler, total_variation};
pub use features::Features;
pub use figure::Figure;
pub use likelihood::{ACTIVE, EvidenceBound, evidence_bound, importance_bound};
pub use modes::{Coverage, mode_coverage};
pub use moments::Moments;
pub use principal::PrincipalComponents;
pub use reconstruction::{peak_signal_to_noise, squared_error, structural_similarity};
pub use representation::{Labelled, LinearProbe, neighbour_accuracy};
pub use samples::{
    ClassCounts, DensityCoverage, KernelDistance, Memorisation, Neighbour, PrecisionRecall,
    Subsets, class_divergence, classifier_score, confident_share, density_coverage, diversity,
    frechet_distance, kernel_discrepancy, kernel_distance, kernel_distance_over, memorisation,
    nearest_neighbours, pixel_deviation, precision_recall,
};
pub use similarity::structural_similarities;

/// The error of a metric that was given nothing to judge.
fn nothing(what: &str) -> latentlab_core::Error {
    latentlab_core::Error::Data(format!("there are no {what} to evaluate"))
}
