//! Tests of drawing images.

use super::*;

const BLACK: [u8; 3] = [0; 3];
const WHITE: [u8; 3] = [255; 3];

fn ramp(shape: (usize, usize, usize, usize)) -> Tensor {
    let count = shape.0 * shape.1 * shape.2 * shape.3;
    let values: Vec<f32> = (0..count).map(|i| i as f32 / (count - 1) as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// An image of one pixel with these channels, drawn alone.
fn pixel(channels: &[f32], grid: &Grid) -> [u8; 3] {
    let image = Tensor::new(channels, &Device::Cpu).unwrap();
    let image = image.reshape((1, channels.len(), 1, 1)).unwrap();
    let alone = Grid {
        frame: false,
        ..grid.clone()
    };
    alone.draw(&image).unwrap().pixel(0, 0).unwrap()
}

fn refusal(grid: &Grid, images: &Tensor) -> String {
    grid.draw(images).unwrap_err().to_string()
}

#[test]
fn small_images_are_doubled_with_one_pixel_between() {
    let picture = image_grid(&ramp((3, 1, 4, 5)), 2).unwrap();
    assert_eq!((picture.width(), picture.height()), (2 * 11 + 1, 2 * 9 + 1));
    assert_eq!(picture.pixel(0, 0), Some(GREY));
    assert_eq!(picture.pixel(1, 1), Some(BLACK));
    assert_eq!(picture.pixel(2, 2), Some(BLACK));
    assert_eq!(picture.pixel(10, 17), Some(WHITE));
    assert_eq!(picture.pixel(12, 10), Some(GREY)); // where a fourth would be
}

#[test]
fn large_images_keep_their_size() {
    let picture = image_grid(&ramp((1, 1, 65, 2)), 1).unwrap();
    assert_eq!((picture.width(), picture.height()), (4, 67));
}

#[test]
fn a_scale_draws_squares_and_no_frame_leaves_no_line() {
    let images = ramp((3, 1, 4, 5));
    for scale in [1, 3, 7] {
        let grid = Grid {
            scale: Some(scale),
            frame: false,
            ..Grid::new(2)
        };
        let picture = grid.draw(&images).unwrap();
        assert_eq!((picture.width(), picture.height()), (10 * scale, 8 * scale));
        let framed = Grid {
            frame: true,
            ..grid.clone()
        };
        let framed = framed.draw(&images).unwrap();
        let size = (10 * scale + 3, 8 * scale + 3);
        assert_eq!((framed.width(), framed.height()), size);
        for row in 0..8 * scale {
            for column in 0..10 * scale {
                let square = picture.pixel(column / scale * scale, row / scale * scale);
                assert_eq!(picture.pixel(column, row), square);
                let lines = (1 + column / (5 * scale), 1 + row / (4 * scale));
                let same = framed.pixel(column + lines.0, row + lines.1);
                assert_eq!(same, picture.pixel(column, row), "{column}, {row}");
            }
        }
        assert_eq!(picture.pixel(9 * scale, 7 * scale), Some(GREY)); // without an image
    }
}

#[test]
fn each_image_is_a_picture_of_its_own() {
    let images = ramp((3, 3, 2, 4));
    let pictures = Grid::new(1).each(&images).unwrap();
    assert_eq!(pictures.len(), 3);
    for (index, picture) in pictures.iter().enumerate() {
        let image = images.narrow(0, index, 1).unwrap();
        let plain = Grid {
            scale: Some(1),
            frame: false,
            ..Grid::new(1)
        };
        assert_eq!(&plain.draw(&image).unwrap().to_png(), picture);
    }
    let large = Grid {
        scale: Some(5),
        ..Grid::new(1)
    };
    let (size, _, _) = decoded(&large.each(&images).unwrap()[0]);
    assert_eq!(size, (20, 10));
}

/// Columns and rows, kind and levels of a PNG file.
fn decoded(bytes: &[u8]) -> ((u32, u32), ColorType, Vec<u8>) {
    let decoder = ::png::Decoder::new(std::io::Cursor::new(bytes));
    let mut reader = decoder.read_info().unwrap();
    let mut levels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut levels).unwrap();
    ((info.width, info.height), info.color_type, levels)
}

#[test]
fn an_image_alone_keeps_its_alpha() {
    let file = |channels: &[f32], grid: &Grid| {
        let image = Tensor::new(channels, &Device::Cpu).unwrap();
        let image = image.reshape((1, channels.len(), 1, 1)).unwrap();
        decoded(&grid.each(&image).unwrap()[0])
    };
    let all = Grid::new(1);
    let (_, kind, levels) = file(&[0.2, 0.5], &all);
    assert_eq!((kind, levels), (ColorType::GrayscaleAlpha, vec![51, 128]));
    let (_, kind, levels) = file(&[1.0, 0.0, 0.2, 0.5], &all);
    assert_eq!((kind, levels), (ColorType::Rgba, vec![255, 0, 51, 128]));
    let opaque = Grid {
        channels: Some(vec![0, 1, 2]),
        scale: Some(2),
        ..all
    };
    let (size, kind, levels) = file(&[1.0, 0.0, 0.2, 0.5], &opaque);
    assert_eq!((size, kind), ((2, 2), ColorType::Rgb));
    assert_eq!(levels, [255, 0, 51].repeat(4));
}

#[test]
fn channels_are_shown_as_the_table_says() {
    let all = Grid::new(1);
    assert_eq!(pixel(&[0.5], &all), [128; 3]);
    assert_eq!(pixel(&[0.0, 0.5], &all), [128; 3]);
    assert_eq!(pixel(&[0.2, 1.0], &all), [51; 3]);
    assert_eq!(pixel(&[1.0, 0.5, -3.0], &all), [255, 128, 0]);
    assert_eq!(pixel(&[1.0, 0.0, 0.2, 1.0], &all), [255, 0, 51]);
    assert_eq!(pixel(&[1.0, 0.0, 0.2, 0.0], &all), WHITE);
    assert_eq!(pixel(&[1.0, 0.0, 0.2, 0.5], &all), [255, 128, 153]);
    let bands: Vec<f32> = (0..13).map(|band| band as f32 / 12.0).collect();
    assert_eq!(pixel(&bands, &all), [0, 21, 43]);
    assert_eq!(pixel(&[f32::NAN], &all), BLACK);
}

#[test]
fn chosen_channels_are_shown_as_images_of_these() {
    let bands: Vec<f32> = (0..13).map(|band| band as f32 / 12.0).collect();
    for (chosen, colour) in [
        (vec![12], [255; 3]),
        (vec![0, 6], [128; 3]),
        (vec![3, 2, 1], [64, 43, 21]),
        (vec![12, 0, 12, 6], [255, 128, 255]),
    ] {
        let grid = Grid {
            channels: Some(chosen),
            ..Grid::new(1)
        };
        assert_eq!(pixel(&bands, &grid), colour, "{grid:?}");
    }
}

#[test]
fn images_that_cannot_be_drawn_are_refused() {
    let images = ramp((2, 2, 1, 1));
    let grid = |scale, channels| Grid {
        scale,
        channels,
        ..Grid::new(1)
    };
    for (grid, problem) in [
        (Grid::new(0), "cannot draw images in 0 columns"),
        (
            grid(Some(0), None),
            "cannot draw images at a scale of 0: it must be from 1 to 64",
        ),
        (grid(Some(65), None), "cannot draw images at a scale of 65"),
        (
            grid(None, Some(vec![])),
            "cannot draw 0 channels: choose from 1 to 4",
        ),
        (grid(None, Some(vec![0; 5])), "cannot draw 5 channels"),
        (
            grid(None, Some(vec![0, 2])),
            "cannot draw channel 2: the images have the channels 0 to 1",
        ),
    ] {
        assert!(
            refusal(&grid, &images).starts_with(problem),
            "{}",
            refusal(&grid, &images)
        );
    }
    let none = images.narrow(0, 0, 0).unwrap();
    assert_eq!(
        refusal(&Grid::new(1), &none),
        "cannot draw images of shape [0, 2, 1, 1]"
    );
    let wide = Tensor::zeros((1, 1, 1, 20_000), DType::F32, &Device::Cpu).unwrap();
    let wide = wide.broadcast_as((60, 1, 1, 20_000)).unwrap();
    let message = refusal(&grid(Some(64), None), &wide);
    assert!(
        message.contains("pixels is too large: take fewer images"),
        "{message}"
    );
}

#[test]
fn reconstructions_stand_below_their_originals_and_missing_ones_leave_no_hole() {
    let originals = Tensor::ones((3, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
    let picture = pairs(&originals, &originals.zeros_like().unwrap(), 2).unwrap();
    let column = |column: usize| -> Vec<_> {
        let rows = 0..4;
        rows.map(|row| picture.pixel(column, 1 + 3 * row).unwrap())
            .collect()
    };
    assert_eq!(column(1), [WHITE, BLACK, WHITE, BLACK]);
    assert_eq!(column(4), [WHITE, BLACK, GREY, GREY]);
    let other = Tensor::ones((2, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
    let message = pairs(&originals, &other, 2).unwrap_err().to_string();
    assert!(
        message.starts_with("cannot draw reconstructions [2, 1, 1, 1]"),
        "{message}"
    );
    assert!(pairs(&originals, &originals, 0).is_err());
}
