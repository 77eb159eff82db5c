//! The command line of LatentLab, with the built-in models.

use std::process::ExitCode;

use latentlab_core::Registry;

/// Keeps the memory of a step for the next one; the system's allocator returns it and faults it in
/// again, which costs more than the arithmetic.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    latentlab_cli::main(|| Registry::default().with(latentlab_models::plugin))
}
