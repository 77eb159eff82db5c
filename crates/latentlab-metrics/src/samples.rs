//! What samples are worth beside data, judged by features of both.

mod classes;
mod distances;
mod frechet;
mod manifold;

pub use classes::{ClassCounts, class_divergence, classifier_score, confident_share};
pub use frechet::frechet_distance;
pub use manifold::{DensityCoverage, PrecisionRecall, density_coverage, precision_recall};
