//! The command line of LatentLab.
fn main() {}
