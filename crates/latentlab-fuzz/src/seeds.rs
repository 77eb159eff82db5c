//! Inputs to begin with: right ones, and headers that lie about what follows.

mod arrays;
mod pictures;

use candle_core::{Device, Tensor};
use latentlab_run::library;
use latentlab_tensor::{encode_described, encode_tensors};

use crate::Scratch;

pub use arrays::{IDX_IMAGES, IDX_LABELS, gzip, idx, idx_set, images, labels, npy, npz, zipped};
pub use pictures::{alpha, jpeg, png, with_right_sums};

type Seeds = Vec<(&'static str, Vec<u8>)>;

pub fn safetensors() -> Seeds {
    let tensor = Tensor::new(&[1f32, 2.0], &Device::Cpu).expect("two numbers are a tensor");
    let tensors = [("layer.weight".to_owned(), tensor)].into_iter().collect();
    let right = encode_tensors(&tensors).expect("memory takes bytes");
    let described = |config: &str, side: &str| {
        let text = format!(
            r#"{{"model": "classifier", "config": {{{config}}}, "shape": {{"channels": 1,
                "height": {side}, "width": {side}}}, "range": "unit", "classes": 2}}"#
        );
        encode_described(&tensors, &text).expect("memory takes bytes")
    };
    let header = |json: &str| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes
    };
    vec![
        ("one tensor", right.clone()),
        (
            "a header of 2^63 bytes",
            [&(1u64 << 63).to_le_bytes(), &right[8..]].concat(),
        ),
        (
            "a header of 100 MB",
            [&100_000_000u64.to_le_bytes(), &right[8..]].concat(),
        ),
        (
            "a tensor of 2^62 floats",
            header(r#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}"#),
        ),
        (
            "a shape without elements",
            header(
                r#"{"a":{"dtype":"F32","shape":[18446744073709551615,0],"data_offsets":[0,0]}}"#,
            ),
        ),
        ("a classifier", described("", "8")),
        (
            "a classifier of 2^40 features",
            described("\"features\": 1099511627776", "8"),
        ),
        (
            "a classifier of a million features",
            described("\"features\": 1000000", "8"),
        ),
        ("a classifier of vast images", described("", "1000000000")),
    ]
}

/// `depth` brackets of either kind, which parsers that call themselves follow down.
fn nested(open: &str, depth: usize, close: &str) -> Vec<u8> {
    format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes()
}

pub fn network() -> Seeds {
    let text = |model: &str, config: &str, sides: [usize; 3]| {
        let [channels, height, width] = sides;
        let text = format!(
            r#"{{"model": "{model}", "config": {{{config}}}, "shape": {{"channels": {channels},
                "height": {height}, "width": {width}}}, "range": "unit", "classes": 2}}"#
        );
        text.into_bytes()
    };
    let conv = r#""architecture": "conv", "hidden": [9223372036854775807]"#;
    let decoder =
        r#""latent": 2, "generator": {"architecture": "conv", "hidden": [9223372036854775807]}"#;
    let packing = r#""packing": 9223372036854775807"#;
    let small = [1, 8, 8];
    vec![
        (
            "a classifier",
            text("classifier", r#""hidden": [], "features": 1"#, small),
        ),
        (
            "an autoencoder",
            text("ae", r#""hidden": [], "latent": 1"#, small),
        ),
        ("a vae", text("vae", r#""hidden": [2], "latent": 1"#, small)),
        ("a gan", text("gan", r#""latent": 1"#, small)),
        ("2^63 - 1 channels", text("classifier", conv, small)),
        (
            "2^63 - 1 channels of a decoder",
            text("gan", decoder, small),
        ),
        ("2^63 - 1 packed images", text("gan", packing, small)),
        (
            "2^63 - 1 features",
            text("classifier", r#""features": 9223372036854775807"#, small),
        ),
        (
            "1024 x 1024 x 1024 values",
            text("classifier", "", [1024; 3]),
        ),
        (
            "2^32 x 2^32 x 2^32 values",
            text("classifier", "", [1 << 32; 3]),
        ),
        ("no values", text("classifier", "", [0, 8, 8])),
        (
            "30,000 layers",
            text(
                "classifier",
                &format!(
                    r#""architecture": "dense", "hidden": [{}1]"#,
                    "1,".repeat(30_000)
                ),
                small,
            ),
        ),
        ("100,000 levels", nested("[", 100_000, "]")),
    ]
}

pub fn manifest() -> Seeds {
    let line = |name: &str| format!("{}  {name}\n", "0".repeat(64));
    vec![
        ("that of a checkpoint", Scratch::new().manifest()),
        ("a hash", line("state.json").into()),
        ("a file elsewhere", line("../../../../etc/passwd").into()),
        ("no hash", b"  params.safetensors\n".to_vec()),
        (
            "the same file, 10,000 times",
            line("state.json").repeat(10_000).into(),
        ),
        ("nothing", Vec::new()),
    ]
}

pub fn pointer() -> Seeds {
    let names = [
        ("a checkpoint", "step-000001"),
        ("none", "step-000002"),
        ("a number beyond any", "step-18446744073709551616"),
        ("a path", "step-000001/../../step-000001"),
        ("nothing", ""),
    ];
    let seeds = names.map(|(name, text)| (name, text.as_bytes().to_vec()));
    [seeds.to_vec(), vec![("a megabyte", vec![b'7'; 1 << 20])]].concat()
}

pub fn checkpoint() -> Seeds {
    let state = r#"{"schema": 1, "step": 1, "seed": 0, "extra": null}"#;
    vec![
        ("a state", state.as_bytes().to_vec()),
        (
            "another step",
            state
                .replace("\"step\": 1", "\"step\": 18446744073709551615")
                .into(),
        ),
        (
            "another schema",
            state
                .replace("\"schema\": 1", "\"schema\": 4294967296")
                .into(),
        ),
        ("100,000 levels", nested("[", 100_000, "]")),
        ("100,000 objects", nested("{\"extra\":", 100_000, "}")),
    ]
}

pub fn run() -> Seeds {
    let golden = include_bytes!("../../latentlab-cli/tests/golden/schema-1/run.json");
    vec![
        ("a run", golden.to_vec()),
        ("100,000 levels", nested("[", 100_000, "]")),
        (
            "another schema",
            br#"{"schema": 18446744073709551615}"#.to_vec(),
        ),
    ]
}

pub fn metrics() -> Seeds {
    let golden = include_bytes!("../../latentlab-cli/tests/golden/schema-1/metrics.jsonl");
    vec![
        ("records", golden.to_vec()),
        (
            "no end of the line",
            b"{\"step\": 1, \"elapsed_s\": 0.5".to_vec(),
        ),
        (
            "a step below the last",
            b"{\"step\":2}\n{\"step\":1}\n".to_vec(),
        ),
        (
            "numbers beyond any",
            b"{\"step\":1e999,\"a\":1e999}\n".to_vec(),
        ),
        ("100,000 levels", nested("[", 100_000, "]")),
        ("one line of a megabyte", vec![b'7'; 1 << 20]),
    ]
}

pub fn experiment() -> Seeds {
    let embedded = library::EMBEDDED.into_iter().chain(library::PAPERS);
    let mut seeds: Seeds = embedded
        .map(|(name, text)| (name, text.as_bytes().to_vec()))
        .collect();
    seeds.extend([
        (
            "numbers beyond any",
            b"steps = 9223372036854775807\nbatch_size = 9223372036854775807\n\
            threads = 0\nmodel.name = 'vae'\noptimizer.lr = 1e300\n"
                .to_vec(),
        ),
        (
            "100,000 levels of arrays",
            [b"a = ".as_slice(), &nested("[", 100_000, "]")].concat(),
        ),
        (
            "100,000 levels of tables",
            [b"a = ".as_slice(), &nested("{a=", 100_000, "}")].concat(),
        ),
        (
            "a key of 100,000 parts",
            format!("a{} = 1", ".a".repeat(100_000)).into_bytes(),
        ),
        (
            "a table of 100,000 parts",
            format!("[a{}]", ".a".repeat(100_000)).into_bytes(),
        ),
    ]);
    seeds
}

pub fn assignment() -> Seeds {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("a number", text("model.config.latent=8")),
        ("an array", text("model.config.generator.hidden=[64, 64]")),
        (
            "a table",
            text("stop.patience={metric = 'generator/loss', evaluations = 3}"),
        ),
        ("no value", text("model.config.latent=")),
        ("dots", text("...=1")),
        (
            "a key of 10,000 parts",
            format!("a{}=1", ".a".repeat(10_000)).into_bytes(),
        ),
        ("a value that goes on", text("a=1\nb=2")),
        (
            "10,000 levels",
            [b"a=".as_slice(), &nested("[", 10_000, "]")].concat(),
        ),
    ]
}
