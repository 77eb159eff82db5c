//! Points in the plane, and bars of probabilities.

use candle_core::{DType, Device, Tensor};

use super::Picture;
use latentlab_train::Result;

const BLACK: [u8; 3] = [0, 0, 0];
const LIGHT_GREY: [u8; 3] = [205, 205, 205];
const WHITE: [u8; 3] = [255, 255, 255];
const BLUE: [u8; 3] = [31, 119, 180];
const ORANGE: [u8; 3] = [255, 127, 14];

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
