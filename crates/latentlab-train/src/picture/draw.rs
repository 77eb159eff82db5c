//! What pictures show.

use candle_core::{DType, Device, Tensor};

use super::Picture;
use crate::Result;

const BLACK: [u8; 3] = [0, 0, 0];
const GREY: [u8; 3] = [128, 128, 128];
const LIGHT_GREY: [u8; 3] = [205, 205, 205];
const WHITE: [u8; 3] = [255, 255, 255];
const BLUE: [u8; 3] = [31, 119, 180];
const ORANGE: [u8; 3] = [255, 127, 14];

/// Images of at most this many rows are drawn at twice their size.
const SMALL: usize = 64;

/// Images `[N, C, H, W]` with values in `[0, 1]` (what exceeds them is clipped), row by row in
/// `columns` columns. One channel is drawn in grey, three are red, green and blue.
///
/// # Errors
/// If there are no images, or their channels are neither 1 nor 3.
pub fn image_grid(images: &Tensor, columns: usize) -> Result<Picture> {
    let (count, channels, height, width) = images.dims4()?;
    if count == 0 || columns == 0 || !matches!(channels, 1 | 3) {
        let problem = format!(
            "cannot draw images of shape {:?} in {columns} columns: at least one of each, and 1 or \
             3 channels, are needed",
            images.dims()
        );
        return Err(latentlab_core::Error::Data(problem).into());
    }
    let values: Vec<f32> = on_host(images)?.flatten_all()?.to_vec1()?;
    let zoom = if height.max(width) <= SMALL { 2 } else { 1 };
    let (tile_width, tile_height) = (width * zoom + 1, height * zoom + 1);
    let rows = count.div_ceil(columns);
    let mut picture = Picture::new(columns * tile_width + 1, rows * tile_height + 1, GREY);
    for index in 0..count {
        let left = 1 + index % columns * tile_width;
        let top = 1 + index / columns * tile_height;
        for row in 0..height {
            for column in 0..width {
                let value = |channel: usize| {
                    let plane = index * channels + channel.min(channels - 1);
                    let value = values[(plane * height + row) * width + column];
                    (value.clamp(0.0, 1.0) * 255.0).round() as u8
                };
                let colour = [value(0), value(1), value(2)];
                picture.fill(left + column * zoom, top + row * zoom, zoom, zoom, colour);
            }
        }
    }
    Ok(picture)
}

/// Originals `[N, C, H, W]` with their reconstructions below them, in `columns` columns; values as
/// in [`image_grid`].
pub fn pairs(originals: &Tensor, reconstructions: &Tensor, columns: usize) -> Result<Picture> {
    let count = originals.dim(0)?;
    let mut rows = Vec::new();
    for start in (0..count).step_by(columns.max(1)) {
        let length = columns.min(count - start);
        for images in [originals, reconstructions] {
            let row = images.narrow(0, start, length)?;
            rows.push(row.pad_with_zeros(0, 0, columns - length)?);
        }
    }
    image_grid(&Tensor::cat(&rows, 0)?, columns)
}

/// Points `[N, 2, ..]` (first coordinate to the right, second up) in the square from `bounds.0` to
/// `bounds.1`, blue, above those of the `data`, broad and grey, so that it shows what they miss;
/// points outside of the square are left out.
pub fn scatter(points: &Tensor, data: &Tensor, bounds: (f64, f64)) -> Result<Picture> {
    const SIDE: usize = 400;
    let mut picture = Picture::new(SIDE, SIDE, WHITE);
    let place = |value: f32| {
        let share = (f64::from(value) - bounds.0) / (bounds.1 - bounds.0);
        (0.0..1.0)
            .contains(&share)
            .then_some((share * SIDE as f64) as usize)
    };
    for (points, reach, colour) in [(data, 5, LIGHT_GREY), (points, 1, BLUE)] {
        let points: Vec<Vec<f32>> = on_host(points)?.flatten_from(1)?.to_vec2()?;
        for point in points {
            if let (Some(column), Some(row)) = (place(point[0]), place(point[1])) {
                let (left, top) = (column.saturating_sub(reach), SIDE - 1 - row);
                let (top, size) = (top.saturating_sub(reach), 2 * reach + 1);
                picture.fill(left, top, size, size, colour);
            }
        }
    }
    Ok(picture)
}

/// For each outcome of a discrete distribution two bars above its number, from 1: the truth (blue)
/// and the model (orange), both probabilities in `[0, 1]`. The highest bar is a tenth lower than the
/// picture.
pub fn bars(probabilities: &[(f64, f64)]) -> Picture {
    const HEIGHT: usize = 200;
    const HIGHEST: f64 = 180.0;
    const BAR: usize = 16;
    const BELOW: usize = 18;
    let slot = 2 * BAR + BAR / 2;
    let width = slot * probabilities.len() + BAR / 2;
    let mut picture = Picture::new(width, HEIGHT + BELOW, WHITE);
    let highest = probabilities
        .iter()
        .map(|(a, b)| a.max(*b))
        .fold(f64::MIN_POSITIVE, f64::max);
    for (index, (truth, model)) in probabilities.iter().enumerate() {
        let left = BAR / 2 + index * slot;
        for (left, value, colour) in [(left, *truth, BLUE), (left + BAR, *model, ORANGE)] {
            let height = (value / highest * HIGHEST).round() as usize;
            picture.fill(left, HEIGHT - height.min(HEIGHT), BAR, height, colour);
        }
        number(&mut picture, index + 1, left + BAR, HEIGHT + 4);
    }
    picture.fill(0, HEIGHT, width, 1, BLACK);
    picture
}

/// Digits of 3 x 5 dots, a row for every three bits, the top row first.
const DIGITS: [u16; 10] = [
    0b111_101_101_101_111,
    0b010_110_010_010_111,
    0b111_001_111_100_111,
    0b111_001_111_001_111,
    0b101_101_111_001_001,
    0b111_100_111_001_111,
    0b111_100_111_101_111,
    0b111_001_010_010_010,
    0b111_101_111_101_111,
    0b111_101_111_001_111,
];

/// Writes a number below `top`, its middle at the column `middle`.
fn number(picture: &mut Picture, number: usize, middle: usize, top: usize) {
    const DOT: usize = 2;
    let digits: Vec<usize> = number
        .to_string()
        .bytes()
        .map(|digit| usize::from(digit - b'0'))
        .collect();
    let left = middle.saturating_sub((4 * digits.len() - 1) * DOT / 2);
    for (place, digit) in digits.into_iter().enumerate() {
        for dot in (0..15).filter(|dot| DIGITS[digit] >> (14 - dot) & 1 == 1) {
            let column = left + (4 * place + dot % 3) * DOT;
            picture.fill(column, top + dot / 3 * DOT, DOT, DOT, BLACK);
        }
    }
}

fn on_host(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_dtype(DType::F32)?.to_device(&Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: (usize, usize, usize, usize)) -> Tensor {
        let count = shape.0 * shape.1 * shape.2 * shape.3;
        let values: Vec<f32> = (0..count).map(|i| i as f32 / (count - 1) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
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
    fn three_channels_are_red_green_and_blue() {
        let planes = Tensor::new(&[1.0f32, 0.5, -3.0], &Device::Cpu).unwrap();
        let picture = image_grid(&planes.reshape((1, 3, 1, 1)).unwrap(), 1).unwrap();
        assert_eq!(picture.pixel(1, 1), Some([255, 128, 0]));
    }

    #[test]
    fn images_that_cannot_be_drawn_are_refused() {
        for (images, columns) in [(ramp((2, 2, 1, 1)), 1), (ramp((2, 1, 1, 1)), 0)] {
            let message = image_grid(&images, columns).unwrap_err().to_string();
            assert!(
                message.starts_with("cannot draw images of shape"),
                "{message}"
            );
        }
    }

    #[test]
    fn reconstructions_stand_below_their_originals() {
        let originals = Tensor::ones((3, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let picture = pairs(&originals, &originals.zeros_like().unwrap(), 2).unwrap();
        let column: Vec<_> = (0..4)
            .map(|row| picture.pixel(1, 1 + 3 * row).unwrap())
            .collect();
        assert_eq!(column, [WHITE, BLACK, WHITE, BLACK]);
    }

    #[test]
    fn a_point_is_drawn_where_it_lies_and_left_out_outside() {
        let points = Tensor::new(&[[0.5f32, -0.5], [9.0, 0.0]], &Device::Cpu).unwrap();
        let data = Tensor::new(&[[-0.5f32, 0.5]], &Device::Cpu).unwrap();
        let picture = scatter(&points, &data, (-1.0, 1.0)).unwrap();
        assert_eq!(picture.pixel(300, 299), Some(BLUE));
        assert_eq!(picture.pixel(104, 95), Some(LIGHT_GREY));
        let blue = (0..400 * 400).filter(|i| picture.pixel(i % 400, i / 400) == Some(BLUE));
        assert_eq!(blue.count(), 9);
    }

    #[test]
    fn bars_are_in_proportion_above_their_numbers() {
        let picture = bars(&[(0.5, 0.25), (0.0, 0.0)]);
        let height = |column, colour| {
            (0..picture.height())
                .filter(|row| picture.pixel(column, *row) == Some(colour))
                .count()
        };
        assert_eq!((height(8, BLUE), height(24, ORANGE)), (180, 90));
        assert_eq!((height(48, BLUE), height(64, ORANGE)), (0, 0));
        // The stem of the 1 below the first pair, and its foot.
        assert_eq!(picture.pixel(24, 206), Some(BLACK));
        let foot = (20..30).filter(|column| picture.pixel(*column, 212) == Some(BLACK));
        assert_eq!(foot.count(), 6);
    }
}
