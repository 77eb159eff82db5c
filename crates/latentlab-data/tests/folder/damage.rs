//! Pictures that are not whole are refused, with the file named.

use std::{fs, io::Cursor};

use crate::opened::open;
use image::{ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use tempfile::tempdir;

/// A picture with detail everywhere, so that no part of its file is idle.
fn picture() -> RgbImage {
    RgbImage::from_fn(96, 96, |x, y| {
        Rgb([x * 37 + y * 11, x * y, x * x + 13 * y].map(|level| level as u8))
    })
}

fn jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    picture().write_with_encoder(encoder).unwrap();
    bytes
}

fn png() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture().write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The progressive pictures of the tests of the check itself.
const PROGRESSIVE: &[u8] = include_bytes!("../jpeg/progressive-420.jpg");

/// Reads a folder of a whole picture and one of these bytes.
fn read(name: &str, bytes: &[u8]) -> Result<(), String> {
    let dir = tempdir().unwrap();
    picture().save(dir.path().join("0.png")).unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    let keys = toml::toml! { size = 8 test_fraction = 0.0 };
    let opened = open("folder", "dir", dir.path(), keys);
    opened.map(|_| ()).map_err(|error| error.to_string())
}

fn refused(name: &str, bytes: &[u8], reason: &str) {
    let message = read(name, bytes).unwrap_err();
    assert!(
        message.contains(name) && message.contains(reason),
        "{message}"
    );
}

#[test]
fn a_picture_beyond_the_limits_is_refused_with_them() {
    let wide = |width| {
        let mut bytes = Cursor::new(Vec::new());
        let image = RgbImage::new(width, 1);
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    read("1.png", &wide(16_384)).unwrap();
    refused(
        "1.png",
        &wide(16_385),
        "16384 pixels a side and 1 GiB decoded are read",
    );
}

#[test]
fn a_jpeg_that_was_cut_off_is_refused_wherever_the_cut_is() {
    for whole in [jpeg(), PROGRESSIVE.to_vec()] {
        read("1.jpg", &whole).unwrap();
        for percent in [30, 50, 70, 90, 97, 99] {
            let cut = whole.len() * percent / 100;
            refused("1.jpg", &whole[..cut], "is cut off");
        }
        refused("1.jpg", &whole[..whole.len() - 2], "end marker, EOI");
        refused("1.jpg", &whole[..whole.len() - 1], "end marker, EOI");
    }
}

#[test]
fn a_jpeg_of_which_a_half_is_zeros_is_refused() {
    for whole in [jpeg(), PROGRESSIVE.to_vec()] {
        let mut zeros = whole.clone();
        zeros[whole.len() / 2..].fill(0);
        refused("1.jpg", &zeros, "is ");
        // As a download leaves it whose last part came.
        let end = whole.len() - 2;
        zeros[end..].copy_from_slice(&whole[end..]);
        refused("1.jpg", &zeros, "is ");
    }
}

#[test]
fn a_jpeg_that_was_cut_and_closed_again_is_refused() {
    let whole = jpeg();
    for percent in [50, 70, 90, 97] {
        let cut = &whole[..whole.len() * percent / 100];
        refused("1.jpg", &[cut, &[0xff, 0xd9]].concat(), "data end before");
    }
}

#[test]
fn pictures_may_be_followed_by_anything() {
    read("1.jpg", &[jpeg(), jpeg()].concat()).unwrap();
    read("1.png", &[png(), b"more".to_vec()].concat()).unwrap();
}

#[test]
fn bytes_left_over_in_a_jpeg_are_said() {
    let dir = tempdir().unwrap();
    let mut bytes = jpeg();
    let end = bytes.len() - 2;
    bytes.splice(end..end, [1, 2, 3]);
    fs::write(dir.path().join("1.jpg"), bytes).unwrap();
    let keys = toml::toml! { size = 96 test_fraction = 0.0 };
    let dataset = open("folder", "dir", dir.path(), keys).unwrap();
    assert_eq!(
        dataset.summary().notes[0].to_string(),
        "JPEG data left over behind the last pixel, perhaps damaged: 1 (1.jpg)"
    );
}

#[test]
fn a_png_that_was_cut_off_or_damaged_is_refused() {
    let whole = png();
    read("1.png", &whole).unwrap();
    for cut in [whole.len() / 2, whole.len() - 12, whole.len() - 1] {
        refused("1.png", &whole[..cut], "is cut off");
    }
    let mut zeros = whole.clone();
    zeros[whole.len() / 2..].fill(0);
    refused("1.png", &zeros, "is ");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0xff;
    refused("1.png", &flipped, "checksum of its chunk IDAT");
}

#[test]
fn what_is_neither_png_nor_jpeg_says_what_it_is() {
    refused("1.jpg", b"GIF89a\x08\0\x08\0", "another format, gif");
    refused(
        "1.png",
        b"<html>404 not found</html>",
        "begins like no picture",
    );
    refused("1.png", b"", "begins like no picture");
}

#[test]
fn the_first_broken_file_is_named_with_the_number_of_others() {
    let dir = tempdir().unwrap();
    let cut = &jpeg()[..900];
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        fs::write(dir.path().join(name), cut).unwrap();
    }
    let message = open("folder", "dir", dir.path(), toml::Table::new());
    let message = message.unwrap_err().to_string();
    assert!(
        message.contains("a.jpg: is cut off") && message.contains("(2 more cannot be read)"),
        "{message}"
    );
}
