//! Folders of pictures of any orientation, size and colour.

use std::{fs, path::Path};

use crate::opened::{bytes, notes, open};
use image::{
    DynamicImage, GrayImage, ImageEncoder, Luma, Rgb, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};
use latentlab_data::Dataset;
use tempfile::tempdir;
use toml::Table;

fn read(dir: &Path, mut keys: Table) -> Dataset {
    keys.insert("test_fraction".to_owned(), 0.0.into());
    open("folder", "dir", dir, keys).unwrap()
}

/// EXIF data with this orientation, in either order of bytes.
fn exif(orientation: u8, little: bool) -> Vec<u8> {
    let mut bytes = match little {
        true => b"II*\0\x08\0\0\0\x01\0".to_vec(),
        false => b"MM\0*\0\0\0\x08\0\x01".to_vec(),
    };
    // Tag 0x112, a short, one of them.
    match little {
        true => bytes.extend([0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]),
        false => bytes.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]),
    }
    bytes.extend([0; 4]);
    bytes
}

/// Two rows of three blocks of 16x16 pixels, each of one grey level.
fn blocks() -> GrayImage {
    GrayImage::from_fn(48, 32, |x, y| {
        Luma([40 * (1 + 3 * (y / 16) + x / 16) as u8])
    })
}

/// What is seen of [`blocks`] for each orientation from 1 to 8, rows of it divided by 40: EXIF 2.3,
/// section 4.6.4, tag 274, says where the first row and the first column are.
const SEEN: [&[&[u8]]; 8] = [
    &[&[1, 2, 3], &[4, 5, 6]],
    &[&[3, 2, 1], &[6, 5, 4]],
    &[&[6, 5, 4], &[3, 2, 1]],
    &[&[4, 5, 6], &[1, 2, 3]],
    &[&[1, 4], &[2, 5], &[3, 6]],
    &[&[4, 1], &[5, 2], &[6, 3]],
    &[&[6, 3], &[5, 2], &[4, 1]],
    &[&[3, 6], &[2, 5], &[1, 4]],
];

fn encoded(picture: &GrayImage, orientation: u8, jpeg: bool) -> Vec<u8> {
    let (mut bytes, colour) = (Vec::new(), image::ExtendedColorType::L8);
    let exif = exif(orientation, orientation.is_multiple_of(2));
    let (width, height) = picture.dimensions();
    match jpeg {
        true => {
            let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
            encoder.set_exif_metadata(exif).unwrap();
            encoder.write_image(picture, width, height, colour).unwrap();
        }
        false => {
            let mut encoder = PngEncoder::new(&mut bytes);
            encoder.set_exif_metadata(exif).unwrap();
            encoder.write_image(picture, width, height, colour).unwrap();
        }
    }
    bytes
}

#[test]
fn pictures_are_turned_as_their_exif_data_say_before_they_are_cropped() {
    for (orientation, seen) in (1u8..).zip(SEEN) {
        for (jpeg, ending) in [(true, "jpg"), (false, "png")] {
            let dir = tempdir().unwrap();
            let file = encoded(&blocks(), orientation, jpeg);
            fs::write(dir.path().join(format!("1.{ending}")), file).unwrap();
            let mut keys = toml::toml! { channels = 1 };
            let (height, width) = (seen.len() as i64, seen[0].len() as i64);
            // As many rows and columns as blocks: what is cropped away would be missed.
            keys.insert("height".to_owned(), (16 * height).into());
            keys.insert("width".to_owned(), (16 * width).into());
            let dataset = read(dir.path(), keys);
            let pixels = bytes(&dataset);
            for (row, levels) in seen.iter().enumerate() {
                for (column, level) in levels.iter().enumerate() {
                    let place = (16 * row + 8) * 16 * width as usize + 16 * column + 8;
                    let off = pixels[place].abs_diff(40 * level);
                    assert!(off <= 1, "{ending}, {orientation}: {row}, {column}");
                }
            }
            let turned = format!("turned as their EXIF orientation says: 1 (1.{ending})");
            let expected: &[String] = if orientation > 1 { &[turned] } else { &[] };
            assert_eq!(notes(&dataset), expected, "{ending}, {orientation}");
        }
    }
}

#[test]
fn pictures_stay_as_they_are_stored_where_that_is_wanted() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("1.png"), encoded(&blocks(), 6, false)).unwrap();
    let keys = toml::toml! { channels = 1 height = 32 width = 48 orientation = "stored" };
    let dataset = read(dir.path(), keys);
    assert_eq!(bytes(&dataset), blocks().into_raw());
    assert_eq!(notes(&dataset), [""; 0]);
}

#[test]
fn an_orientation_behind_the_pixels_counts_and_one_that_means_nothing_does_not() {
    let dir = tempdir().unwrap();
    let mut late = Vec::new();
    DynamicImage::from(blocks())
        .write_to(
            &mut std::io::Cursor::new(&mut late),
            image::ImageFormat::Png,
        )
        .unwrap();
    let end = late.len() - 12;
    let data = [b"eXIf".to_vec(), exif(3, false)].concat();
    let mut sum = flate2::Crc::new();
    sum.update(&data);
    let length = (data.len() as u32 - 4).to_be_bytes();
    let chunk = [&length, data.as_slice(), &sum.sum().to_be_bytes()].concat();
    late.splice(end..end, chunk);
    fs::write(dir.path().join("1.png"), late).unwrap();
    fs::write(dir.path().join("2.png"), encoded(&blocks(), 9, false)).unwrap();
    let dataset = read(
        dir.path(),
        toml::toml! { channels = 1 height = 32 width = 48 },
    );
    let turned = image::imageops::rotate180(&blocks()).into_raw();
    assert_eq!(bytes(&dataset), [turned, blocks().into_raw()].concat());
}

#[test]
fn colours_become_grey_as_pillow_has_it_or_as_they_did() {
    let dir = tempdir().unwrap();
    let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
    let picture = RgbImage::from_fn(3, 1, |x, _| Rgb(colours[x as usize]));
    picture.save(dir.path().join("1.png")).unwrap();
    let level = |grey: &str| {
        let mut keys = toml::toml! { channels = 1 height = 1 width = 3 };
        keys.insert("grey".to_owned(), grey.into());
        bytes(&read(dir.path(), keys))
    };
    assert_eq!(level("bt601"), [76, 150, 29]);
    assert_eq!(level("bt709"), [54, 182, 18]);
}

#[test]
fn a_picture_is_cropped_padded_or_stretched_to_any_height_and_width() {
    let dir = tempdir().unwrap();
    // Four columns, the outer ones bright.
    let picture = GrayImage::from_fn(4, 2, |x, _| Luma([if x % 3 == 0 { 200 } else { 100 }]));
    picture.save(dir.path().join("1.png")).unwrap();
    let fitted = |fit: &str, height: i64, width: i64| {
        let mut keys = toml::toml! { channels = 1 background = "#404040" };
        keys.insert("fit".to_owned(), fit.into());
        keys.insert("height".to_owned(), height.into());
        keys.insert("width".to_owned(), width.into());
        let dataset = read(dir.path(), keys);
        (bytes(&dataset), notes(&dataset))
    };
    let (pixels, said) = fitted("crop", 2, 2);
    assert_eq!(pixels, [100; 4]);
    assert_eq!(said, ["cropped to their middle: 1 (1.png)"]);
    let (pixels, said) = fitted("pad", 4, 4);
    let row = [200, 100, 100, 200];
    assert_eq!(pixels, [[64; 4], row, row, [64; 4]].as_flattened());
    assert_eq!(said, ["padded: 1 (1.png)"]);
    let (pixels, said) = fitted("stretch", 4, 4);
    assert_eq!(pixels, [row; 4].as_flattened());
    let stretched = "stretched to another ratio of height and width: 1 (1.png)";
    assert_eq!(said, [stretched, "resized to more pixels: 1 (1.png)"]);
}

#[test]
fn padding_of_alpha_that_is_kept_cannot_be_seen() {
    let dir = tempdir().unwrap();
    let picture = RgbImage::from_pixel(1, 2, Rgb([9, 8, 7]));
    picture.save(dir.path().join("1.png")).unwrap();
    let keys = toml::toml! { size = 2 background = "keep" fit = "pad" };
    let dataset = read(dir.path(), keys);
    let planes = [[9, 0, 9, 0], [8, 0, 8, 0], [7, 0, 7, 0], [255, 0, 255, 0]];
    assert_eq!(bytes(&dataset), planes.as_flattened());
}

#[test]
fn what_was_done_is_counted_for_every_file() {
    let dir = tempdir().unwrap();
    RgbImage::new(4, 4).save(dir.path().join("1.png")).unwrap();
    RgbImage::new(9, 4).save(dir.path().join("2.png")).unwrap();
    GrayImage::new(2, 2).save(dir.path().join("3.png")).unwrap();
    GrayImage::new(8, 8).save(dir.path().join("4.jpg")).unwrap();
    GrayImage::new(8, 8).save(dir.path().join("5.jpg")).unwrap();
    let dataset = read(dir.path(), toml::toml! { size = 4 });
    assert_eq!(
        notes(&dataset),
        [
            "cropped to their middle: 1 (2.png)",
            "resized to fewer pixels: 2 (4.jpg, 5.jpg)",
            "resized to more pixels: 1 (3.png)",
            "grey levels taken as colours: 3 (3.png, 4.jpg, …)"
        ]
    );
    let dataset = read(dir.path(), toml::toml! { size = 4 channels = 1 });
    let grey = "colours made grey: 2 (1.png, 2.png)".to_owned();
    assert!(notes(&dataset).contains(&grey), "{:?}", notes(&dataset));
}

#[test]
fn sides_out_of_range_are_refused_by_their_key() {
    let dir = tempdir().unwrap();
    for (key, keys) in [
        ("height", toml::toml! { height = 0 }),
        ("width", toml::toml! { width = 4097 }),
        ("size", toml::toml! { size = 0 }),
    ] {
        let message = open("folder", "dir", dir.path(), keys)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with(&format!("`data.{key}`: is ")),
            "{message}"
        );
    }
}
