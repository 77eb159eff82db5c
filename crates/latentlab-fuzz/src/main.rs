//! The guided search: libFuzzer, handed to the reader that `LATENTLAB_READER` names. `list` prints them
//! all.
//!
//! `cargo xtask fuzz` builds it with counters in all code, and starts it. The reader's seeds are
//! written to the folder `LATENTLAB_SEEDS` first.

#![no_main]

use std::{env, fs, path::Path, process, sync::OnceLock};

use latentlab_fuzz::{READERS, Reader, Scratch};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

static READER: OnceLock<&Reader> = OnceLock::new();

/// Finds the reader and writes its seeds, before libFuzzer looks for inputs.
fn begin() {
    let name = env::var("LATENTLAB_READER").unwrap_or_default();
    if name == "list" {
        READERS
            .iter()
            .for_each(|reader| println!("{}: {}", reader.name, reader.what));
        process::exit(0);
    }
    let reader = Reader::named(&name).unwrap_or_else(|error| {
        eprintln!("error: LATENTLAB_READER: {error}");
        process::exit(2)
    });
    if let Some(folder) = env::var_os("LATENTLAB_SEEDS") {
        for (number, (_, bytes)) in (reader.seeds)().into_iter().enumerate() {
            let file = Path::new(&folder).join(format!("seed-{number}"));
            fs::write(file, bytes).expect("the folder of the seeds can be written to");
        }
    }
    READER.get_or_init(|| reader);
}

fuzz_target!(init: begin(), |bytes: &[u8]| {
    let reader = READER.get().expect("the search has begun");
    SCRATCH.with(|scratch| {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let _ = (reader.read)(bytes, scratch);
        let taken = MEMORY.peak_usage().saturating_sub(before);
        let means = reader.means(bytes);
        assert!(taken <= means, "took {taken} bytes of memory, {means} are its means");
    });
});
