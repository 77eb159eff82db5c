//! Everything that reads.

mod data;

use std::{collections::BTreeMap, hint::black_box};

use candle_core::{DType, Device, Tensor};
use latentlab_core::{DataInfo, ImageShape, ValueRange, merge};
use latentlab_evaluate::FeatureExtractor;
use latentlab_run::{Experiment, RunRecord, library, overrides::parse_assignment};
use latentlab_tensor::{ParamStore, decode_tensors, description, encode_described};
use latentlab_train::observers::{MetricsFile, read_metrics};
use toml::Table;

use crate::{Reader, Scratch, seeds};

/// Bytes of memory whatever the input: buffers of decoders, and what is made for a test.
const BUFFERS: usize = 2 << 20;
/// The same where a model is made: the mean of the largest image that there may be, parameters.
const MODEL: usize = 24 << 20;
/// Bytes of memory for a byte of text: a tree of values, twice while it grows.
const TEXT: usize = 400;
/// Deflate makes at most 1032 bytes of one (zlib's technical notes); two copies of that while the
/// parts of a set are joined, and the room of the vector they are joined in.
const DEFLATED: usize = 4 * 1032;
/// A bit of a deflated PNG file can stand for a pixel of four bytes, and a middle square is cut out.
const PNG: usize = 2 * 32 * 1032;
/// Where alpha is kept, colours are weighted by it, eight bytes a pixel.
const WEIGHTED: usize = 64 * 1032;
/// A bit of a JPEG file can stand for a block of 64 pixels (three bytes each, beside three
/// coefficients of two), of which a middle square is cut out.
const JPEG: usize = 8 * 64 * (3 + 6 + 3);
/// Values of a model, at most, that is made for what was read.
const ROOM: usize = 1 << 16;
/// Values in the file of a feature network: a few layers of a small one.
const SMALL: usize = 1 << 12;

/// Every reader.
pub const READERS: [Reader; 16] = [
    Reader {
        name: "idx",
        what: "an IDX file of images or labels",
        read: data::idx,
        memory: [BUFFERS, 8],
        seeds: seeds::idx,
    },
    Reader {
        name: "gzip",
        what: "an IDX file within gzip",
        read: data::gzip,
        memory: [BUFFERS, DEFLATED],
        seeds: seeds::gzip,
    },
    Reader {
        name: "npz",
        what: "an .npz file",
        read: data::npz,
        memory: [BUFFERS, DEFLATED],
        seeds: seeds::npz,
    },
    Reader {
        name: "npy",
        what: "an array within an .npz file",
        read: data::npy,
        memory: [BUFFERS, DEFLATED],
        seeds: seeds::npy,
    },
    Reader {
        name: "png",
        what: "a PNG file in a folder of pictures",
        read: data::png,
        memory: [BUFFERS, PNG],
        seeds: seeds::png,
    },
    Reader {
        name: "alpha",
        what: "a PNG file of which alpha is kept",
        read: data::alpha,
        memory: [BUFFERS, PNG + WEIGHTED],
        seeds: seeds::alpha,
    },
    Reader {
        name: "jpeg",
        what: "a JPEG file in a folder of pictures",
        read: data::jpeg,
        memory: [BUFFERS, JPEG],
        seeds: seeds::jpeg,
    },
    Reader {
        name: "safetensors",
        what: "parameters, and a feature network with its description",
        read: safetensors,
        memory: [MODEL, TEXT],
        seeds: seeds::safetensors,
    },
    Reader {
        name: "network",
        what: "the description within the file of a feature network",
        read: network,
        memory: [MODEL, TEXT],
        seeds: seeds::network,
    },
    Reader {
        name: "checkpoint",
        what: "state.json of a checkpoint whose hashes are right",
        read: checkpoint,
        memory: [BUFFERS, TEXT],
        seeds: seeds::checkpoint,
    },
    Reader {
        name: "manifest",
        what: "the hashes of a checkpoint",
        read: manifest,
        memory: [BUFFERS, TEXT],
        seeds: seeds::manifest,
    },
    Reader {
        name: "pointer",
        what: "LATEST and BEST beside the checkpoints",
        read: pointer,
        memory: [BUFFERS, TEXT],
        seeds: seeds::pointer,
    },
    Reader {
        name: "run",
        what: "run.json",
        read: run,
        memory: [BUFFERS, TEXT],
        seeds: seeds::run,
    },
    Reader {
        name: "metrics",
        what: "metrics.jsonl",
        read: metrics,
        memory: [BUFFERS, TEXT],
        seeds: seeds::metrics,
    },
    Reader {
        name: "experiment",
        what: "an experiment file, and the model in it",
        read: experiment,
        memory: [MODEL, TEXT],
        seeds: seeds::experiment,
    },
    Reader {
        name: "override",
        what: "`--set KEY.PATH=VALUE`",
        read: assignment,
        memory: [BUFFERS, TEXT],
        seeds: seeds::assignment,
    },
];

fn safetensors(bytes: &[u8], scratch: &Scratch) -> bool {
    black_box(description(bytes).is_ok());
    let file = scratch.write("features.safetensors", bytes);
    black_box(FeatureExtractor::read(&file, &scratch.registry).is_ok());
    decode_tensors(bytes).is_ok()
}

/// The file of which `bytes` are the description has room for a small network, but holds none:
/// accepted is what fails at its parameters only.
fn network(bytes: &[u8], scratch: &Scratch) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let values = Tensor::zeros(SMALL, DType::F32, &Device::Cpu).expect("there is room");
    let values = BTreeMap::from([("values".to_owned(), values)]);
    let file = encode_described(&values, &text).expect("memory takes bytes");
    let file = scratch.write("network.safetensors", &file);
    let refused = FeatureExtractor::read(&file, &scratch.registry).err();
    refused.is_some_and(|error| error.to_string().contains("`values`: not a parameter"))
}

fn checkpoint(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.replace_in_checkpoint("state.json", bytes);
    scratch.checkpoints().latest().is_ok()
}

fn manifest(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.write("checkpoints/step-000001/MANIFEST.sha256", bytes);
    scratch.checkpoints().latest().is_ok()
}

fn pointer(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.write("checkpoints/LATEST", bytes);
    scratch.write("checkpoints/BEST", bytes);
    black_box(scratch.checkpoints().latest().is_ok());
    scratch
        .checkpoints()
        .best()
        .is_ok_and(|found| found.is_some())
}

fn run(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.write("run.json", bytes);
    RunRecord::read(&scratch.path("")).is_ok()
}

/// What can be read can be gone on from, and is then all still there.
fn metrics(bytes: &[u8], scratch: &Scratch) -> bool {
    let file = scratch.write("metrics.jsonl", bytes);
    let records = read_metrics(&file);
    let opened = MetricsFile::open(&file, u64::MAX, 1, None).map(drop);
    let (Ok(records), Ok(())) = (&records, &opened) else {
        // A last line that is cut off can be read over, but not where it was saved before.
        let told = opened.expect_err("what cannot be read cannot be opened");
        assert!(
            records.is_err() || told.to_string().contains("is cut off"),
            "{told}"
        );
        return false;
    };
    let again = read_metrics(&file).expect("a file that was opened can be read");
    assert_eq!(again.len(), records.len());
    !records.is_empty()
}

/// What is resolved can be written, and says the same when it is read again.
fn experiment(bytes: &[u8], scratch: &Scratch) -> bool {
    let file = scratch.write("experiment.toml", bytes);
    let Ok(source) = library::find(file) else {
        return false;
    };
    let none = Table::new();
    let Ok(found) = Experiment::resolve(&source.table, &none, &scratch.registry) else {
        return false;
    };
    if let Ok(table) = found.to_table() {
        let text = toml::to_string(&table).expect("a table is TOML");
        let table: Table = text.parse().expect("what was written as TOML is TOML");
        let again = Experiment::resolve(&table, &none, &scratch.registry);
        let again = again.expect("what was resolved can be resolved");
        let again = again.to_table().expect("it was one before");
        // As text: NaN is not equal to itself.
        assert_eq!(toml::to_string(&again).expect("a table is TOML"), text);
    }
    let model = scratch.registry.get(&found.model.name);
    let model = model.expect("a resolved experiment names a model");
    let digits = ImageShape {
        channels: 1,
        height: 28,
        width: 28,
    };
    let info = DataInfo {
        shape: digits,
        range: ValueRange::Unit,
        classes: Some(10),
        mean: vec![0.0; digits.pixels()],
    };
    let store = ParamStore::new(0, DType::F32, &Device::Cpu).with_room(ROOM);
    black_box(
        model
            .build(&found.model.config, &info, &store.root())
            .is_ok(),
    );
    true
}

fn assignment(bytes: &[u8], scratch: &Scratch) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut changes = Table::new();
    let Ok(change) = parse_assignment(&text) else {
        return false;
    };
    merge(&mut changes, &change);
    let source = library::find("gan-mnist").expect("it comes with the program");
    Experiment::resolve(&source.table, &changes, &scratch.registry).is_ok()
}
