//! Inputs to begin with: right ones, and headers that lie about what follows.

use std::io::{Cursor, Write};

use candle_core::{Device, Tensor};
use flate2::{Compression, write::GzEncoder};
use latentlab_experiment::library;
use latentlab_tensor::{encode_described, encode_tensors};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::Scratch;

type Seeds = Vec<(&'static str, Vec<u8>)>;

/// An IDX file of bytes: sizes, and the values below them.
fn idx_file(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    sizes
        .iter()
        .for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// Two images of 2x3 pixels.
pub fn images() -> Vec<u8> {
    idx_file(&[2, 2, 3], &[7; 12])
}

/// Their labels.
pub fn labels() -> Vec<u8> {
    idx_file(&[2], &[3, 1])
}

/// The training images among the files of a set.
pub const IDX_IMAGES: &str = "train-images-idx3-ubyte";
/// The training labels among the files of a set.
pub const IDX_LABELS: &str = "train-labels-idx1-ubyte";

/// The files of a set of two images to train on and two to test on.
pub fn idx_set() -> [(&'static str, Vec<u8>); 4] {
    [
        (IDX_IMAGES, images()),
        (IDX_LABELS, labels()),
        ("t10k-images-idx3-ubyte", images()),
        ("t10k-labels-idx1-ubyte", labels()),
    ]
}

pub fn idx() -> Seeds {
    vec![
        ("images", images()),
        ("labels", labels()),
        (
            "2^31 images of 2^31 x 2^31",
            idx_file(&[1 << 31; 3], &[7; 12]),
        ),
        ("2^32 - 1 labels", idx_file(&[u32::MAX], &[1, 2])),
        ("images without pixels", idx_file(&[u32::MAX, 0, 3], &[])),
        ("no images", idx_file(&[0, 28, 28], &[])),
        ("values of eight bytes", {
            let mut bytes = images();
            bytes[2] = 0x0e;
            bytes
        }),
    ]
}

fn zipped_up(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

pub fn gzip() -> Seeds {
    let bomb = [idx_file(&[2, 2, 3], &[7; 12]), vec![0; 8 << 20]].concat();
    let lie = idx_file(&[60_000, 28, 28], &[]);
    vec![
        ("images", zipped_up(&images())),
        ("8 MiB of zeros behind them", zipped_up(&bomb)),
        ("60,000 images that are not there", zipped_up(&lie)),
        ("empty", zipped_up(&[])),
        (
            "two members",
            [zipped_up(&images()), zipped_up(&images())].concat(),
        ),
    ]
}

/// An array in the format of `numpy.save`.
fn array(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

/// An `.npz` file with one array.
pub fn zipped(name: &str, array: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    let started = writer.start_file(format!("{name}.npy"), options);
    started.expect("the name is short");
    writer.write_all(array).expect("memory takes bytes");
    writer.finish().expect("memory takes bytes").into_inner()
}

pub fn npz() -> Seeds {
    let right = zipped("images", &array("|u1", "10, 2, 2", &[9; 40]));
    let place = |bytes: &[u8], signature: &[u8]| {
        let mut windows = bytes.windows(4);
        windows
            .position(|window| window == signature)
            .expect("it is a zip")
    };
    // The central directory says how large an entry is once it is unpacked.
    let mut large = right.clone();
    let directory = place(&large, b"PK\x01\x02");
    large[directory + 24..directory + 28].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    let bomb = array("|u1", "10, 2, 2", &vec![0; 8 << 20]);
    vec![
        ("images", right),
        ("an entry of 4 GiB", large),
        ("8 MiB of zeros", zipped("images", &bomb)),
    ]
}

pub fn npy() -> Seeds {
    vec![
        ("bytes", array("|u1", "10, 2, 2", &[9; 40])),
        ("floats", array("<f4", "10, 1, 1", &[0; 40])),
        (
            "2^62 images",
            array("|u1", "4611686018427387904, 2, 2", &[9; 40]),
        ),
        ("no shape", array("|u1", "", &[9; 40])),
        (
            "2^63 floats",
            array("<f8", "9223372036854775807, 9223372036854775807", &[9; 40]),
        ),
        ("NaN", array("<f4", "10, 1, 1", &[0xff; 40])),
        ("a long header", {
            let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
            bytes.extend(u32::MAX.to_le_bytes());
            bytes
        }),
    ]
}

/// A PNG file that says it has this size, with the rows of one of 4x4.
fn picture(size: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("memory takes bytes");
    writer
        .write_image_data(&[99; 48])
        .expect("memory takes bytes");
    writer.finish().expect("memory takes bytes");
    bytes[16..20].copy_from_slice(&size.to_be_bytes());
    bytes[20..24].copy_from_slice(&size.to_be_bytes());
    with_right_sums(&bytes)
}

/// A PNG file with the right checksum behind each of its chunks (PNG, section 5.3), so that a change
/// is not refused for the sum alone.
pub fn with_right_sums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut chunk = 8;
    while let Some(length) = bytes.get(chunk..chunk + 4) {
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let end = chunk + 8 + length;
        let Some(summed) = bytes.get(chunk + 4..end) else {
            break;
        };
        let mut sum = flate2::Crc::new();
        sum.update(summed);
        if let Some(place) = bytes.get_mut(end..end + 4) {
            place.copy_from_slice(&sum.sum().to_be_bytes());
        }
        chunk = end + 4;
    }
    bytes
}

pub fn png() -> Seeds {
    vec![
        ("4 x 4", picture(4)),
        ("60,000 x 60,000", picture(60_000)),
        ("16,384 x 16,384", picture(16_384)),
        ("8,192 x 8,192", picture(8_192)),
        ("2^31 x 2^31", picture(1 << 31)),
        ("nothing", picture(0)),
    ]
}

/// A JPEG file of 8x8 grey pixels, with its size at the places 94 to 97; by libjpeg, quality 1.
const JPEG: &[u8] = include_bytes!("seeds/grey.jpg");

pub fn jpeg() -> Seeds {
    let sized = |size: u16| {
        let mut bytes = JPEG.to_vec();
        let frame = bytes.windows(2).position(|window| window == [0xff, 0xc0]);
        let frame = frame.expect("it has a frame");
        bytes[frame + 5..frame + 7].copy_from_slice(&size.to_be_bytes());
        bytes[frame + 7..frame + 9].copy_from_slice(&size.to_be_bytes());
        bytes
    };
    vec![
        ("8 x 8", JPEG.to_vec()),
        ("65,535 x 65,535", sized(u16::MAX)),
        ("16,384 x 16,384", sized(16_384)),
        ("nothing", sized(0)),
    ]
}

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
    let golden = include_bytes!("../../latentlab-experiment/tests/golden/schema-1/run.json");
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
    let golden = include_bytes!("../../latentlab-experiment/tests/golden/schema-1/metrics.jsonl");
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
