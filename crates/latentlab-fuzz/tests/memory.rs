//! Headers that lie and bombs are refused before the memory is taken.
//!
//! One test in a process of its own: what it counts is all that the process has.

use latentlab_fuzz::{READERS, Scratch};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn no_input_takes_memory_that_it_only_claims_to_need() {
    let mut faults = Vec::new();
    for reader in &READERS {
        let scratch = Scratch::new();
        for (input, bytes) in reader.inputs() {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            (reader.read)(&bytes, &scratch);
            let taken = MEMORY.peak_usage() - before;
            if taken > reader.means(&bytes) {
                let (name, length) = (reader.name, bytes.len());
                faults.push(format!("{name}, {input}: {taken} bytes for {length}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
