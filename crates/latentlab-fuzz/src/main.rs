//! The guided search: libFuzzer, handed to the reader that `LATENTLAB_READER` names.
//!
//! `cargo xtask fuzz` builds it with counters in all code, and starts it.

#![no_main]

use std::sync::OnceLock;

use latentlab_fuzz::{Reader, Scratch};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

fn reader() -> &'static Reader {
    static READER: OnceLock<&Reader> = OnceLock::new();
    READER.get_or_init(|| {
        let name = std::env::var("LATENTLAB_READER").unwrap_or_default();
        Reader::named(&name).unwrap_or_else(|error| panic!("LATENTLAB_READER: {error}"))
    })
}

fuzz_target!(|bytes: &[u8]| SCRATCH.with(|scratch| (reader().read)(bytes, scratch)));
