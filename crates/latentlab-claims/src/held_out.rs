//! Pictures that no network here was trained on: drawn ones, and emoji.

use std::{collections::BTreeMap, io::Cursor};

use candle_core::{Device, Tensor};
use latentlab_data::{DataConfig, Dataset, Split};
use latentlab_run::{Error, Result};
use latentlab_tensor::Rng;

use crate::digits::labels;

/// 800 emoji of 32x32 pixels, 32 in a row; data/README.md says whose they are.
const EMOJI: &[u8] = include_bytes!("../data/emoji.png");
/// Rows and columns of a picture.
pub(crate) const SIDE: usize = 32;

/// Pictures of one kind, with what makes some of them alike.
#[derive(Clone)]
pub(crate) struct Pictures {
    /// `[N, 3, 32, 32]`, in `[0, 1]`.
    pub images: Tensor,
    /// The mode of each: its class, or the picture itself where every one is of its own kind.
    pub modes: Vec<u32>,
}

impl Pictures {
    /// The first `count` pictures of the drawn ones' test set, which has other indices than those
    /// that the network `pictures` learned from; their modes are their classes.
    pub fn drawn(count: usize) -> Result<Self> {
        let mut table = toml::toml! { name = "shapes" train = 60 };
        crate::claims::set(&mut table, "test", count)?;
        let config = DataConfig::from_table(&table)?;
        let dataset = Dataset::open(&config).map_err(latentlab_core::Error::from)?;
        let batch = dataset.first(Split::Test, count, &Device::Cpu)?;
        Ok(Self {
            modes: labels(&batch)?,
            images: batch.images,
        })
    }

    /// The emoji; each is a mode.
    pub fn emoji() -> Result<Self> {
        let wrong = |error: png::DecodingError| Error::Argument(format!("emoji.png: {error}"));
        let decoder = png::Decoder::new(Cursor::new(EMOJI));
        let mut reader = decoder.read_info().map_err(wrong)?;
        let room = reader.output_buffer_size().unwrap_or(0);
        let mut pixels = vec![0; room];
        let info = reader.next_frame(&mut pixels).map_err(wrong)?;
        let (width, height) = (info.width as usize, info.height as usize);
        let (columns, rows) = (width / SIDE, height / SIDE);
        if info.color_type != png::ColorType::Rgb || pixels.len() != width * height * 3 {
            let problem = "emoji.png: expected red, green and blue of 8 bits each";
            return Err(Error::Argument(problem.to_owned()));
        }
        let mut values = Vec::with_capacity(pixels.len());
        for index in 0..rows * columns {
            let corner = (index / columns * width + index % columns) * SIDE;
            for (channel, pixel) in (0..3).flat_map(|c| (0..SIDE * SIDE).map(move |at| (c, at))) {
                let at = corner + pixel / SIDE * width + pixel % SIDE;
                values.push(f32::from(pixels[at * 3 + channel]) / 255.0);
            }
        }
        let shape = (rows * columns, 3, SIDE, SIDE);
        Ok(Self {
            images: Tensor::from_vec(values, shape, &Device::Cpu)?,
            modes: (0..(rows * columns) as u32).collect(),
        })
    }

    /// Number of pictures.
    pub fn count(&self) -> usize {
        self.modes.len()
    }

    /// The pictures at `places`, in their order.
    pub fn select(&self, places: &[u32]) -> Result<Self> {
        let index = Tensor::new(places, self.images.device())?;
        let modes = places.iter().map(|place| self.modes[*place as usize]);
        Ok(Self {
            modes: modes.collect(),
            images: self.images.index_select(&index, 0)?,
        })
    }

    /// Two sets of `count` pictures each, none in both, drawn at random for each `seed`.
    ///
    /// # Errors
    /// If there are fewer than twice as many.
    pub fn halves(&self, count: usize, seed: u64) -> Result<[Self; 2]> {
        if 2 * count > self.count() {
            let problem = format!("{} pictures are not twice {count}", self.count());
            return Err(Error::Argument(problem));
        }
        let order = Rng::stream(seed, "claims/halves", 0).permutation(self.count());
        Ok([
            self.select(&order[..count])?,
            self.select(&order[count..2 * count])?,
        ])
    }

    /// The pictures of some of the modes, at least one, over and over until there are as many as
    /// before. A larger share that is left out contains every smaller one.
    pub fn fewer_modes(&self, left_out: f64, seed: u64) -> Result<Tensor> {
        let mut of_modes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (place, mode) in self.modes.iter().enumerate() {
            of_modes.entry(*mode).or_default().push(place as u32);
        }
        let modes: Vec<Vec<u32>> = of_modes.into_values().collect();
        let order = Rng::stream(seed, "fewer modes", 0).permutation(modes.len());
        let kept = ((1.0 - left_out) * modes.len() as f64).round().max(1.0) as usize;
        let kept = order
            .iter()
            .take(kept)
            .flat_map(|mode| &modes[*mode as usize]);
        let kept: Vec<u32> = kept.copied().collect();
        let places: Vec<u32> = kept.into_iter().cycle().take(self.count()).collect();
        Ok(self.select(&places)?.images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(images: &Tensor) -> Vec<Vec<u8>> {
        let values: Vec<Vec<f32>> = images.flatten_from(1).unwrap().to_vec2().unwrap();
        let bytes = |row: Vec<f32>| row.into_iter().map(|value| (value * 255.0) as u8).collect();
        values.into_iter().map(bytes).collect()
    }

    #[test]
    fn there_are_800_emoji_on_white_no_two_of_which_are_the_same() {
        let emoji = Pictures::emoji().unwrap();
        assert_eq!(emoji.images.dims(), [800, 3, 32, 32]);
        let mut all = bytes(&emoji.images);
        let white = all.iter().filter(|image| image[..3] == [255; 3]).count();
        assert!(white > 700, "the corner of {white} is white");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 800);
    }

    #[test]
    fn halves_share_no_picture_and_differ_from_seed_to_seed() {
        let emoji = Pictures::emoji().unwrap();
        let [a, b] = emoji.halves(400, 0).unwrap();
        let mut both = [a.modes.clone(), b.modes].concat();
        both.sort_unstable();
        assert_eq!(both, (0..800).collect::<Vec<u32>>());
        let [other, _] = emoji.halves(400, 1).unwrap();
        assert_ne!(a.modes, other.modes);
        let first = emoji.select(&a.modes[..1]).unwrap();
        assert_eq!(bytes(&first.images)[0], bytes(&a.images)[0]);
        assert!(emoji.halves(401, 0).is_err());
    }

    #[test]
    fn drawn_pictures_have_their_classes_for_modes() {
        let drawn = Pictures::drawn(120).unwrap();
        assert_eq!(drawn.images.dims(), [120, 3, 32, 32]);
        let mut modes = drawn.modes.clone();
        modes.sort_unstable();
        modes.dedup();
        assert_eq!(modes.len(), 60);
    }

    #[test]
    fn fewer_modes_are_some_of_the_pictures_as_often_as_before() {
        let pictures = Pictures::emoji().unwrap().halves(50, 0).unwrap()[0].clone();
        let kept = |left_out: f64| {
            let images = pictures.fewer_modes(left_out, 0).unwrap();
            assert_eq!(images.dims(), pictures.images.dims());
            let mut bytes = bytes(&images);
            bytes.sort_unstable();
            bytes.dedup();
            bytes
        };
        let (half, few) = (kept(0.5), kept(0.9));
        assert_eq!((half.len(), few.len(), kept(1.0).len()), (25, 5, 1));
        assert!(few.iter().all(|image| half.contains(image)), "not nested");
    }
}
