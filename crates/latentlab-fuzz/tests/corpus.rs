//! Every input that is kept, and some hundred mutations of each, come back from their reader.

use std::panic::{AssertUnwindSafe, catch_unwind};

use latentlab_fuzz::{READERS, Reader, Scratch, mutations};

/// Mutations of an input; long ones take longer.
fn count(bytes: &[u8]) -> u64 {
    (2_000_000 / (bytes.len() as u64 + 4_000)).clamp(4, 300)
}

fn survives(reader: &Reader, scratch: &Scratch, bytes: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (reader.read)(bytes, scratch))).is_ok()
}

fn try_all(name: &str) {
    let (reader, scratch) = (Reader::named(name).unwrap(), Scratch::new());
    let (right, bytes) = (reader.seeds)().remove(0);
    assert!((reader.read)(&bytes, &scratch), "{name} refuses `{right}`");
    for (input, bytes) in reader.inputs() {
        assert!(
            survives(reader, &scratch, &bytes),
            "{name} panics on `{input}`"
        );
        for (number, changed) in mutations(&bytes, count(&bytes)).enumerate() {
            if !survives(reader, &scratch, &changed) {
                let file = std::env::temp_dir().join(format!("latentlab-{name}-{number}"));
                std::fs::write(&file, &changed).unwrap();
                panic!(
                    "{name} panics on mutation {number} of `{input}`: {}",
                    file.display()
                );
            }
        }
    }
}

macro_rules! every {
    ($($name:ident $reader:literal;)*) => {
        $(#[test]
        fn $name() {
            try_all($reader);
        })*

        #[test]
        fn every_reader_is_tried() {
            let tried = [$($reader),*];
            let known = READERS.each_ref().map(|reader| reader.name);
            assert_eq!(tried, known);
        }
    };
}

every! {
    idx "idx";
    gzip "gzip";
    npz "npz";
    npy "npy";
    png "png";
    alpha "alpha";
    jpeg "jpeg";
    safetensors "safetensors";
    network "network";
    checkpoint "checkpoint";
    manifest "manifest";
    pointer "pointer";
    run "run";
    metrics "metrics";
    experiment "experiment";
    overrides "override";
}
