//! What LatentLab's speed is measured on: criterion benches, and the workloads that are compared
//! with PyTorch.

mod workload;

pub use workload::{Job, Result, Workload};
