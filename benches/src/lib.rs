//! Criterion benches of LatentLab.
