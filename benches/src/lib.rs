//! What LatentLab's speed is measured on: criterion benches, and the workloads that are compared
//! with PyTorch.

mod around;
mod workload;

pub use around::share_around_steps;
pub use workload::{Job, Result, Workload};
