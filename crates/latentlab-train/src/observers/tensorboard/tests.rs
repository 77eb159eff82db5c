//! Tests of the file of events, with a reader of its own.

use super::*;
use crate::observers::scene::Scene;

/// What a reader finds in an event.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    Version(String),
    Scalar(f64, u64, String, f32),
    Image(f64, u64, String, (u64, u64), usize),
}

/// CRC-32C (Castagnoli), bit by bit from its polynomial.
fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    (!sum).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The messages of a file, each with both checksums right.
fn messages(mut file: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !file.is_empty() {
        let (length, rest) = file.split_at(8);
        let (length_sum, rest) = rest.split_at(4);
        assert_eq!(checksum(length).to_le_bytes(), length_sum);
        let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        let (message, rest) = rest.split_at(length);
        let (sum, rest) = rest.split_at(4);
        assert_eq!(checksum(message).to_le_bytes(), sum);
        found.push(message);
        file = rest;
    }
    found
}

/// A field of a protobuf message: numbers as their bits.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            break;
        }
    }
    value
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, Field::Number(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("no wire type {other} is used"),
        };
        let (content, rest) = bytes.split_at(length);
        bytes = rest;
        found.push((key >> 3, Field::Bytes(content)));
    }
    found
}

fn number(fields: &[(u64, Field)], tag: u64) -> u64 {
    let found = fields.iter().find(|(found, _)| *found == tag);
    match found {
        None => 0, // as protobuf has it
        Some((_, Field::Number(number))) => *number,
        Some(_) => panic!("field {tag} is no number"),
    }
}

fn bytes<'a>(fields: &[(u64, Field<'a>)], tag: u64) -> Option<&'a [u8]> {
    fields.iter().find_map(|(found, field)| match field {
        Field::Bytes(bytes) if *found == tag => Some(*bytes),
        _ => None,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Everything that the file says, read without the code that wrote it.
fn read(directory: &Path) -> Vec<Found> {
    let file = fs::read(directory.join(FILE)).unwrap();
    let mut found = Vec::new();
    for message in messages(&file) {
        let event = fields(message);
        let seconds =
            bytes(&event, 1).map_or(0.0, |bits| f64::from_le_bytes(bits.try_into().unwrap()));
        let step = number(&event, 2);
        if let Some(version) = bytes(&event, 3) {
            found.push(Found::Version(text(version)));
        }
        for (tag, value) in fields(bytes(&event, 5).unwrap_or_default()) {
            let Field::Bytes(value) = value else {
                panic!("field {tag} of a summary is a message")
            };
            let value = fields(value);
            let tag = text(bytes(&value, 1).unwrap());
            if let Some(bits) = bytes(&value, 2) {
                let scalar = f32::from_le_bytes(bits.try_into().unwrap());
                found.push(Found::Scalar(seconds, step, tag.clone(), scalar));
            }
            if let Some(image) = bytes(&value, 4) {
                let image = fields(image);
                assert_eq!(number(&image, 3), 3, "red, green and blue");
                let size = (number(&image, 2), number(&image, 1));
                let png = bytes(&image, 4).unwrap();
                found.push(Found::Image(seconds, step, tag, size, png.len()));
            }
        }
    }
    found
}

/// A PNG file of one colour.
fn red(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    let pixels = [200, 0, 0].repeat((width * height) as usize);
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A run directory with pictures of some steps.
fn pictured(steps: &[u64]) -> (tempfile::TempDir, PathBuf, usize) {
    let directory = tempfile::tempdir().unwrap();
    let samples = directory.path().join("samples");
    fs::create_dir(&samples).unwrap();
    let png = red(3, 2);
    for step in steps {
        fs::write(samples.join(pictures::name(PREFIX, *step)), &png).unwrap();
    }
    (directory, samples, png.len())
}

fn loss(step: u64) -> Record {
    let mut record = Record::new(step, step as f64 / 4.0);
    record.insert("ae/loss", 100.0 / step as f64);
    record
}

#[test]
fn the_checksum_of_the_reader_is_the_published_one() {
    // RFC 3720, appendix B.4: 32 bytes of zeros.
    let sum = 0x8a91_36aa_u32;
    let masked = sum.rotate_right(15).wrapping_add(0xa282_ead8);
    assert_eq!(checksum(&[0; 32]), masked);
}

#[test]
fn another_reader_finds_every_number_and_every_picture() {
    let (directory, samples, size) = pictured(&[2]);
    let scene = Scene::new();
    let mut board = TensorBoard::open(directory.path(), &[], 0, vec![samples]).unwrap();
    let mut first = loss(1);
    first.insert("ae/kl", f64::NAN);
    first.insert("ae/psnr", f64::INFINITY);
    scene.observe(&mut board, 1, &mut first).unwrap();
    let mut nothing = Record::new(2, 9.0);
    scene.observe(&mut board, 2, &mut nothing).unwrap();
    scene.observe(&mut board, 4, &mut loss(4)).unwrap();
    let found = read(directory.path());
    assert_eq!(found[0], Found::Version("brain.Event:2".to_owned()));
    let Found::Scalar(0.25, 1, tag, nan) = &found[1] else {
        panic!("{found:?}")
    };
    assert!(tag == "ae/kl" && nan.is_nan(), "{found:?}");
    let tag = || "ae/loss".to_owned();
    assert_eq!(
        found[2..],
        [
            Found::Scalar(0.25, 1, tag(), 100.0),
            Found::Scalar(0.25, 1, "ae/psnr".to_owned(), f32::INFINITY),
            Found::Image(0.25, 2, "samples".to_owned(), (3, 2), size),
            Found::Scalar(1.0, 4, tag(), 25.0),
        ]
    );
}

#[test]
fn a_run_taken_up_again_leaves_the_bytes_of_one_that_was_not() {
    let (directory, samples, _) = pictured(&[1, 3, 4, 6]);
    let open = |records: &[Record], step| {
        TensorBoard::open(directory.path(), records, step, vec![samples.clone()]).unwrap()
    };
    let bytes = || fs::read(directory.path().join(FILE)).unwrap();
    let scene = Scene::new();
    // Records of even steps; pictures beside records, between them, before the first.
    let mut whole = open(&[], 0);
    for step in 1..=6 {
        let mut record = if step % 2 == 0 {
            loss(step)
        } else {
            Record::new(step, 0.0)
        };
        scene.observe(&mut whole, step, &mut record).unwrap();
    }
    let expected = bytes();
    drop(open(&[loss(2), loss(4), loss(6)], 6));
    assert_eq!(bytes(), expected, "written from the records alone");
    // Killed after step 5 with a torn event, resumed from the checkpoint of step 3.
    let mut torn = expected.clone();
    torn.truncate(expected.len() - 5);
    fs::write(directory.path().join(FILE), torn).unwrap();
    let mut resumed = open(&[loss(2)], 3);
    assert!(
        !read(directory.path())
            .iter()
            .any(|found| matches!(found, Found::Scalar(_, 4.., ..) | Found::Image(_, 4.., ..)))
    );
    for step in 4..=6 {
        let mut record = if step % 2 == 0 {
            loss(step)
        } else {
            Record::new(step, 0.0)
        };
        scene.observe(&mut resumed, step, &mut record).unwrap();
    }
    assert_eq!(bytes(), expected);
}

#[test]
fn a_picture_that_is_none_is_named() {
    let (directory, samples, _) = pictured(&[]);
    fs::write(samples.join("step-000001.png"), "torn").unwrap();
    let message = TensorBoard::open(directory.path(), &[], 1, vec![samples]).unwrap_err();
    assert!(message.to_string().contains("step-000001.png"), "{message}");
}
