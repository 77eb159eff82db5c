//! What samples are worth beside data, judged by features of both.

mod classes;
pub(crate) mod distances;
mod diversity;
mod frechet;
mod kernel;
mod manifold;
mod memorisation;
mod spread;

pub use classes::{ClassCounts, class_divergence, classifier_score, confident_share};
pub use diversity::diversity;
pub use frechet::frechet_distance;
pub(crate) use kernel::discrepancy_from_normal;
pub use kernel::{
    KernelDistance, Subsets, kernel_discrepancy, kernel_distance, kernel_distance_over,
};
pub use manifold::{DensityCoverage, PrecisionRecall, density_coverage, precision_recall};
pub use memorisation::{Memorisation, Neighbour, memorisation, nearest_neighbours};
pub use spread::{PixelDeviation, pixel_deviation};
