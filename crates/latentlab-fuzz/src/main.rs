//! The guided search: libFuzzer, handed to the reader that `LATENTLAB_READER` names. `list` prints them
//! all.
//!
//! `cargo xtask fuzz` builds it with counters in all code, and starts it. The reader's seeds are
//! written to the folder `LATENTLAB_SEEDS` first, and every input to the file `LATENTLAB_INPUT`: where
//! the stack has overflowed, nothing is left that could write it.

#![no_main]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::OnceLock,
};

use latentlab_fuzz::{READERS, Reader, Scratch};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

/// What is searched.
struct Search {
    reader: &'static Reader,
    /// Where every input is written before it is read.
    input: Option<PathBuf>,
}

static SEARCH: OnceLock<Search> = OnceLock::new();

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
    let input = env::var_os("LATENTLAB_INPUT").map(PathBuf::from);
    SEARCH.get_or_init(|| Search { reader, input });
}

fuzz_target!(init: begin(), |bytes: &[u8]| {
    let Search { reader, input } = SEARCH.get().expect("the search has begun");
    if let Some(input) = input {
        fs::write(input, bytes).expect("the file of the input can be written to");
    }
    SCRATCH.with(|scratch| {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let _ = (reader.read)(bytes, scratch);
        let taken = MEMORY.peak_usage().saturating_sub(before);
        let means = reader.means(bytes);
        assert!(taken <= means, "took {taken} bytes of memory, {means} are its means");
    });
});
