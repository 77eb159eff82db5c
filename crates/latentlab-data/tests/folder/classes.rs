//! Folders of images: classes, cropping, and files that are no images.

use std::fs;

use crate::opened::{labels, open, values};
use image::{GrayImage, Luma, Rgb, RgbImage};
use latentlab_data::Split;
use tempfile::tempdir;
use toml::Table;

#[test]
fn sub_folders_are_classes_and_images_are_cropped_to_their_middle() {
    let dir = tempdir().unwrap();
    for (class, colour) in [("dogs", [0, 255, 0]), ("cats", [255, 0, 0])] {
        fs::create_dir(dir.path().join(class)).unwrap();
        // Six columns, of which only the middle four are coloured.
        let image = RgbImage::from_fn(6, 4, |x, _| {
            if (1..5).contains(&x) {
                Rgb(colour)
            } else {
                Rgb([0, 0, 255])
            }
        });
        image.save(dir.path().join(class).join("1.png")).unwrap();
    }
    let keys = toml::toml! { size = 2 test_fraction = 0.0 };
    let dataset = open("folder", "dir", dir.path(), keys).unwrap();
    assert_eq!(dataset.info().shape.batch(2), (2, 3, 2, 2));
    assert_eq!(labels(&dataset, Split::Train), [0, 1]);
    // Cats come first: all red, no green, no blue.
    let red = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(values(&dataset, Split::Train)[..12], red);
}

#[test]
fn a_folder_of_grey_images_has_no_labels() {
    let dir = tempdir().unwrap();
    for n in 0..10u8 {
        let image = GrayImage::from_pixel(3, 3, Luma([n * 20]));
        image
            .save(
                dir.path()
                    .join(format!("{n}.{}", if n == 0 { "jpg" } else { "png" })),
            )
            .unwrap();
    }
    fs::write(dir.path().join("notes.txt"), "no image").unwrap();
    let keys = toml::toml! { size = 3 channels = 1 };
    let dataset = open("folder", "dir", dir.path(), keys).unwrap();
    assert_eq!(
        (dataset.len(Split::Train), dataset.len(Split::Test)),
        (9, 1)
    );
    assert_eq!(dataset.info().classes, None);
}

#[test]
fn a_broken_image_and_an_empty_folder_are_named() {
    let dir = tempdir().unwrap();
    let message = open("folder", "dir", dir.path(), Table::new())
        .unwrap_err()
        .to_string();
    assert!(message.contains("holds no PNG or JPEG file"), "{message}");
    fs::write(dir.path().join("torn.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let message = open("folder", "dir", dir.path(), Table::new())
        .unwrap_err()
        .to_string();
    assert!(message.contains("torn.png"), "{message}");
}

#[test]
fn an_image_of_sixty_thousand_pixels_a_side_is_refused() {
    let dir = tempdir().unwrap();
    // The first chunk of a PNG: 60,000 x 60,000 pixels, 8 bits, RGB, with its checksum.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60, 8, 2, 0, 0, 0]);
    let mut checksum = flate2::Crc::new();
    checksum.update(&png[12..]);
    png.extend(checksum.sum().to_be_bytes());
    png.extend(b"\0\0\0\x08IDAT\x78\x9c\x03\0\0\0\0\x01");
    fs::write(dir.path().join("huge.png"), png).unwrap();
    let message = open("folder", "dir", dir.path(), Table::new())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("huge.png") && message.contains("16384 pixels a side"),
        "{message}"
    );
}

#[test]
fn large_empty_pictures_that_compress_as_well_as_any_can_are_read() {
    let dir = tempdir().unwrap();
    GrayImage::new(3000, 3000)
        .save(dir.path().join("1.png"))
        .unwrap();
    GrayImage::new(3000, 3000)
        .save(dir.path().join("2.jpg"))
        .unwrap();
    // One bit a pixel, 4096 x 4096.
    let file = fs::File::create(dir.path().join("3.png")).unwrap();
    let mut encoder = png::Encoder::new(file, 4096, 4096);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![0; 4096 * 4096 / 8]).unwrap();
    writer.finish().unwrap();
    let keys = toml::toml! { size = 1 channels = 1 test_fraction = 0.0 };
    let dataset = open("folder", "dir", dir.path(), keys).unwrap();
    assert_eq!(values(&dataset, Split::Train), [0.0; 3]);
}
