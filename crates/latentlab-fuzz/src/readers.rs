//! Everything that reads.

use std::hint::black_box;

use latentlab_core::merge;
use latentlab_data::{DataConfig, Dataset};
use latentlab_experiment::{
    Experiment, FeatureExtractor, RunRecord, library, overrides::parse_assignment,
};
use latentlab_tensor::{decode_tensors, description};
use latentlab_train::observers::read_metrics;
use toml::Table;

use crate::{Reader, Scratch, seeds};

/// Every reader.
pub const READERS: [Reader; 12] = [
    Reader {
        name: "idx",
        what: "an IDX file of images or labels",
        read: idx,
        seeds: seeds::idx,
    },
    Reader {
        name: "gzip",
        what: "an IDX file within gzip",
        read: gzip,
        seeds: seeds::gzip,
    },
    Reader {
        name: "npz",
        what: "an .npz file",
        read: npz,
        seeds: seeds::npz,
    },
    Reader {
        name: "npy",
        what: "an array within an .npz file",
        read: npy,
        seeds: seeds::npy,
    },
    Reader {
        name: "png",
        what: "a PNG file in a folder of pictures",
        read: png,
        seeds: seeds::png,
    },
    Reader {
        name: "jpeg",
        what: "a JPEG file in a folder of pictures",
        read: jpeg,
        seeds: seeds::jpeg,
    },
    Reader {
        name: "safetensors",
        what: "parameters, and a feature network with its description",
        read: safetensors,
        seeds: seeds::safetensors,
    },
    Reader {
        name: "checkpoint",
        what: "state.json of a checkpoint whose hashes are right",
        read: checkpoint,
        seeds: seeds::checkpoint,
    },
    Reader {
        name: "run",
        what: "run.json",
        read: run,
        seeds: seeds::run,
    },
    Reader {
        name: "metrics",
        what: "metrics.jsonl",
        read: metrics,
        seeds: seeds::metrics,
    },
    Reader {
        name: "experiment",
        what: "an experiment file",
        read: experiment,
        seeds: seeds::experiment,
    },
    Reader {
        name: "override",
        what: "`--set KEY.PATH=VALUE`",
        read: assignment,
        seeds: seeds::assignment,
    },
];

/// The other three files of a set of two images are right.
fn idx(bytes: &[u8], scratch: &Scratch) {
    let is_labels = bytes.get(3) == Some(&1);
    let files = [
        ("train-images-idx3-ubyte", seeds::images()),
        ("train-labels-idx1-ubyte", seeds::labels()),
        ("t10k-images-idx3-ubyte", seeds::images()),
        ("t10k-labels-idx1-ubyte", seeds::labels()),
    ];
    for (place, (name, right)) in files.into_iter().enumerate() {
        let tried = place == usize::from(is_labels);
        scratch.write(&format!("idx/{name}"), if tried { bytes } else { &right });
    }
    open(scratch, "idx", "dir", "idx");
}

fn gzip(bytes: &[u8], scratch: &Scratch) {
    scratch.write("gzip/train-images-idx3-ubyte.gz", bytes);
    scratch.write("gzip/train-labels-idx1-ubyte", &seeds::labels());
    scratch.write("gzip/t10k-images-idx3-ubyte", &seeds::images());
    scratch.write("gzip/t10k-labels-idx1-ubyte", &seeds::labels());
    open(scratch, "idx", "dir", "gzip");
}

fn npz(bytes: &[u8], scratch: &Scratch) {
    scratch.write("data.npz", bytes);
    open(scratch, "npz", "path", "data.npz");
}

fn npy(bytes: &[u8], scratch: &Scratch) {
    npz(&seeds::zipped("images", bytes), scratch);
}

fn png(bytes: &[u8], scratch: &Scratch) {
    scratch.write("png/one.png", bytes);
    open(scratch, "folder", "dir", "png");
}

fn jpeg(bytes: &[u8], scratch: &Scratch) {
    scratch.write("jpeg/one.jpg", bytes);
    open(scratch, "folder", "dir", "jpeg");
}

/// Opens data, of which `key` names what was written as `name`.
fn open(scratch: &Scratch, source: &str, key: &str, name: &str) {
    let mut table = Table::new();
    let path = scratch.path(name).display().to_string();
    table.insert("name".to_owned(), source.into());
    table.insert(key.to_owned(), path.into());
    let config = DataConfig::from_table(&table).expect("the source has this key");
    black_box(Dataset::open(&config).is_ok());
}

fn safetensors(bytes: &[u8], scratch: &Scratch) {
    black_box(decode_tensors(bytes).is_ok());
    black_box(description(bytes).is_ok());
    let file = scratch.write("features.safetensors", bytes);
    black_box(FeatureExtractor::read(&file, &scratch.registry).is_ok());
}

fn checkpoint(bytes: &[u8], scratch: &Scratch) {
    scratch.replace_in_checkpoint("state.json", bytes);
    black_box(scratch.checkpoints().latest().is_ok());
}

fn run(bytes: &[u8], scratch: &Scratch) {
    scratch.write("run.json", bytes);
    black_box(RunRecord::read(&scratch.path("")).is_ok());
}

fn metrics(bytes: &[u8], scratch: &Scratch) {
    let file = scratch.write("metrics.jsonl", bytes);
    black_box(read_metrics(file).is_ok());
}

fn experiment(bytes: &[u8], scratch: &Scratch) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(table) = text.parse::<Table>() {
        let resolved = Experiment::resolve(&table, &Table::new(), &scratch.registry);
        black_box(resolved.and_then(|found| found.to_table()).is_ok());
    }
}

fn assignment(bytes: &[u8], scratch: &Scratch) {
    let text = String::from_utf8_lossy(bytes);
    let mut changes = Table::new();
    if let Ok(change) = parse_assignment(&text) {
        merge(&mut changes, &change);
        let source = library::find("gan-mnist").expect("it comes with the program");
        let resolved = Experiment::resolve(&source.table, &changes, &scratch.registry);
        black_box(resolved.is_ok());
    }
}
