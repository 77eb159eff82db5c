//! Automation of LatentLab.
fn main() {}
