//! Folders of pictures that can be seen through: on a background, with alpha kept, or dropped.

use std::path::Path;

use crate::opened::{bytes, notes, open};
use image::{
    DynamicImage, GrayAlphaImage, ImageBuffer, LumaA, Rgba, RgbaImage, imageops,
    imageops::FilterType,
};
use latentlab_data::Dataset;
use tempfile::tempdir;
use toml::Table;

/// One picture, read with `keys`.
fn read(picture: &DynamicImage, keys: Table) -> Dataset {
    let dir = tempdir().unwrap();
    picture.save(dir.path().join("1.png")).unwrap();
    read_folder(dir.path(), keys)
}

fn read_folder(dir: &Path, mut keys: Table) -> Dataset {
    keys.insert("test_fraction".to_owned(), 0.0.into());
    open("folder", "dir", dir, keys).unwrap()
}

#[test]
fn hidden_colours_are_covered_by_the_background() {
    let mut sprite = RgbaImage::from_pixel(2, 1, Rgba([0, 200, 0, 0]));
    sprite.put_pixel(1, 0, Rgba([100, 0, 255, 128]));
    let sprite = DynamicImage::from(sprite);
    let on = |background: &str| {
        let mut keys = toml::toml! { height = 1 width = 2 };
        keys.insert("background".to_owned(), background.into());
        bytes(&read(&sprite, keys))
    };
    // By hand: (100 · 128 + below · 127) / 255 and so on, rounded.
    assert_eq!(on("white"), [255, 177, 255, 127, 255, 255]);
    assert_eq!(on("black"), [0, 50, 0, 0, 0, 128]);
    assert_eq!(on("#204060"), [32, 66, 64, 32, 96, 176]);
    assert_eq!(on("drop"), [0, 100, 200, 0, 0, 255]);
}

#[test]
fn grey_with_alpha_and_sixteen_bits_are_composed_too() {
    let keys = || toml::toml! { height = 1 width = 1 channels = 1 };
    let grey = GrayAlphaImage::from_pixel(1, 1, LumaA([60, 51]));
    // (60 · 51 + 255 · 204) / 255
    assert_eq!(bytes(&read(&grey.into(), keys())), [216]);
    let deep = ImageBuffer::from_pixel(1, 1, LumaA([60u16 * 257, 51 * 257]));
    let deep = DynamicImage::ImageLumaA16(deep);
    let deep = read(&deep, keys());
    assert_eq!(bytes(&deep), [216]);
    let said = notes(&deep);
    assert!(
        said.contains(&"of 16 bits, rounded to 8: 1 (1.png)".to_owned()),
        "{said:?}"
    );
    let colours = ImageBuffer::from_pixel(1, 1, Rgba([65_535u16, 0, 0, 13_107]));
    let keys = toml::toml! { height = 1 width = 1 background = "black" };
    assert_eq!(
        bytes(&read(&DynamicImage::ImageRgba16(colours), keys)),
        [51, 0, 0]
    );
}

#[test]
fn a_palette_with_a_transparent_colour_is_composed() {
    let dir = tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("1.png")).unwrap();
    let mut encoder = png::Encoder::new(file, 2, 1);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(vec![200, 0, 0, 0, 0, 200]);
    encoder.set_trns(vec![0]);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0, 1]).unwrap();
    writer.finish().unwrap();
    let dataset = read_folder(dir.path(), toml::toml! { height = 1 width = 2 });
    assert_eq!(bytes(&dataset), [255, 0, 255, 0, 255, 200]);
    assert_eq!(
        notes(&dataset),
        ["transparent in places, composed on the background: 1 (1.png)"]
    );
}

/// 64x64 pixels: a red square in the middle, and a green that cannot be seen around it.
fn square() -> RgbaImage {
    RgbaImage::from_fn(64, 64, |x, y| {
        match (20..44).contains(&x) && (20..44).contains(&y) {
            true => Rgba([255, 0, 0, 255]),
            false => Rgba([0, 255, 0, 0]),
        }
    })
}

#[test]
fn hidden_colours_do_not_bleed_into_edges_when_a_picture_is_resized() {
    let dataset = read(&square().into(), toml::toml! { size = 8 });
    // The same square, painted on white by hand.
    let painted = image::RgbImage::from_fn(64, 64, |x, y| match square().get_pixel(x, y).0[3] {
        0 => image::Rgb([255; 3]),
        _ => image::Rgb([255, 0, 0]),
    });
    let painted = imageops::resize(&painted, 8, 8, FilterType::Triangle).into_raw();
    let planes: Vec<u8> = (0..3)
        .flat_map(|channel| painted[channel..].iter().step_by(3).copied())
        .collect();
    assert_eq!(bytes(&dataset), planes);
}

#[test]
fn alpha_that_is_kept_is_one_more_channel_and_weights_the_colours() {
    let dataset = read(
        &square().into(),
        toml::toml! { size = 8 background = "keep" },
    );
    assert_eq!(dataset.info().shape.batch(1), (1, 4, 8, 8));
    let planes = bytes(&dataset);
    let (colours, alpha) = planes.split_at(3 * 64);
    // Where anything is seen it is as red as can be, however little of it there is.
    for (pixel, alpha) in alpha.iter().enumerate() {
        let colour = [colours[pixel], colours[64 + pixel], colours[128 + pixel]];
        assert_eq!(
            colour,
            if *alpha > 0 { [255, 0, 0] } else { [0; 3] },
            "{pixel}"
        );
    }
    // Edges are mixed: neither opaque nor transparent.
    assert!(alpha.iter().any(|alpha| (1..255).contains(alpha)));
    assert_eq!(
        notes(&dataset),
        [
            "transparent in places, alpha kept as a channel: 1 (1.png)",
            "resized to fewer pixels: 1 (1.png)"
        ]
    );
}

#[test]
fn alpha_that_is_kept_of_grey_pictures_makes_two_channels() {
    let keys = || toml::toml! { height = 1 width = 1 channels = 1 background = "keep" };
    let seen = GrayAlphaImage::from_pixel(1, 1, LumaA([60, 51]));
    let dataset = read(&seen.into(), keys());
    assert_eq!(dataset.info().shape.batch(1), (1, 2, 1, 1));
    assert_eq!(bytes(&dataset), [60, 51]);
    let opaque = image::RgbImage::from_pixel(1, 1, image::Rgb([255, 0, 0]));
    assert_eq!(bytes(&read(&opaque.into(), keys())), [76, 255]);
}

#[test]
fn opaque_pictures_are_not_counted_as_transparent() {
    let opaque = RgbaImage::from_pixel(2, 2, Rgba([1, 2, 3, 255]));
    let dataset = read(&opaque.into(), toml::toml! { size = 2 });
    assert_eq!(bytes(&dataset), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    assert_eq!(notes(&dataset), [""; 0]);
}

#[test]
fn what_is_no_background_is_refused_by_its_key() {
    let dir = tempdir().unwrap();
    let message = open(
        "folder",
        "dir",
        dir.path(),
        toml::toml! { background = "grey" },
    );
    let message = message.unwrap_err().to_string();
    assert!(
        message.starts_with("`data.background`: is \"grey\", expected \"white\""),
        "{message}"
    );
    let message = open("folder", "dir", dir.path(), toml::toml! { channels = 4 });
    let message = message.unwrap_err().to_string();
    assert!(
        message.contains("background = \"keep\" with channels = 3"),
        "{message}"
    );
}
