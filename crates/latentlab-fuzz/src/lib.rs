//! Hands arbitrary bytes to everything in LatentLab that reads: files of data, of runs, of
//! experiments, and the command line.
//!
//! A [`Reader`] answers any bytes with what they hold or with an error; a panic, an endless loop or
//! memory beyond its means is a fault. Three ways to look for one:
//!
//! - `cargo test` hands every [seed](Reader::seeds) and every file of `corpus/<reader>/` to its reader,
//!   and some hundred [mutations] of each; another test watches the memory of it.
//! - `cargo xtask fuzz` searches for a stated time, guided by which code the bytes reach.
//!
//! What a search finds is mended in the reader and kept in `corpus/`, so that it is tried from then
//! on.

mod mutation;
mod readers;
mod scratch;
mod seeds;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub use mutation::mutations;
pub use readers::READERS;
pub use scratch::Scratch;

/// Something in LatentLab that reads bytes which others have written.
pub struct Reader {
    /// The name, also of its folder of the corpus.
    pub name: &'static str,
    /// What is read.
    pub what: &'static str,
    /// Reads bytes and says whether it took them for right; that it comes back is all that is asked.
    pub read: fn(&[u8], &Scratch) -> bool,
    /// Bytes of memory that reading may take: whatever the input, and for each byte of it.
    pub memory: [usize; 2],
    /// Inputs to begin with, by name: a right one first, others, and headers that lie.
    pub seeds: fn() -> Vec<(&'static str, Vec<u8>)>,
}

impl Reader {
    /// Bytes of memory that reading `input` may take.
    pub fn means(&self, input: &[u8]) -> usize {
        let [anyhow, for_each] = self.memory;
        anyhow + for_each * input.len()
    }

    /// The reader of this name.
    ///
    /// # Errors
    /// With the nearest name, if there is none.
    pub fn named(name: &str) -> latentlab_core::Result<&'static Self> {
        let found = READERS.iter().find(|reader| reader.name == name);
        found.ok_or_else(|| {
            let known = READERS.iter().map(|reader| reader.name);
            latentlab_core::Error::unknown("reader", name, known)
        })
    }

    /// The seeds, and what is kept in the corpus, by name.
    ///
    /// # Panics
    /// If the corpus of this crate cannot be read.
    pub fn inputs(&self) -> Vec<(String, Vec<u8>)> {
        let seeds = (self.seeds)().into_iter();
        let seeds = seeds.map(|(name, bytes)| (name.to_owned(), bytes));
        let mut inputs: Vec<(String, Vec<u8>)> = seeds.collect();
        let Ok(entries) = fs::read_dir(self.corpus()) else {
            return inputs;
        };
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("the corpus can be listed").path())
            .collect();
        files.sort();
        for file in files {
            let bytes = fs::read(&file).expect("the corpus can be read");
            inputs.push((file.display().to_string(), bytes));
        }
        inputs
    }

    fn corpus(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(self.name)
    }
}
