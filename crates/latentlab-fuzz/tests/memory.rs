//! Headers that lie and bombs are refused before the memory is taken.
//!
//! One test in a process of its own: what it counts is all that the process has.

use latentlab_fuzz::{READERS, Scratch};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a reader may take, beside some copies of the input: in MiB.
const MEANS: f32 = 24.0;
const COPIES: f32 = 12.0;

#[test]
fn no_input_takes_memory_that_it_only_claims_to_need() {
    let scratch = Scratch::new();
    let mut faults = Vec::new();
    for reader in &READERS {
        for (input, bytes) in reader.inputs() {
            let size = bytes.len() as f32 / (1024.0 * 1024.0);
            let before = MEMORY.current_usage_as_mb();
            MEMORY.reset_peak_usage();
            (reader.read)(&bytes, &scratch);
            let taken = MEMORY.peak_usage_as_mb() - before;
            if taken > MEANS + COPIES * size {
                faults.push(format!(
                    "{}, {input}: {taken:.0} MiB for {size:.2}",
                    reader.name
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
