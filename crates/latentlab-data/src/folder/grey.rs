//! Grey levels of colours.

use image::DynamicImage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How colours become grey levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grey {
    /// 0.299, 0.587 and 0.114 of red, green and blue (ITU-R BT.601), to the byte what Pillow and
    /// torchvision compute.
    #[default]
    Bt601,
    /// 0.2126, 0.7152 and 0.0722 (ITU-R BT.709).
    Bt709,
}

impl Grey {
    /// The grey level of a colour.
    pub(super) fn level(self, [red, green, blue]: [u8; 3]) -> u8 {
        let [red, green, blue] = [red, green, blue].map(u32::from);
        match self {
            // 65,536 times the weights, rounded so that they add up to it.
            Self::Bt601 => ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8,
            Self::Bt709 => ((2_126 * red + 7_152 * green + 722 * blue + 5_000) / 10_000) as u8,
        }
    }

    /// The grey levels of a picture, whose alpha is left out.
    pub(super) fn levels(self, image: DynamicImage) -> Vec<u8> {
        match self {
            Self::Bt601 if image.color().has_color() => {
                let pixels = image.into_rgb8();
                pixels.pixels().map(|pixel| self.level(pixel.0)).collect()
            }
            _ => image.into_luma8().into_raw(),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    #[test]
    fn grey_levels_are_those_of_pillow() {
        // [Image.new("RGB", (1, 1), c).convert("L").getpixel((0, 0)) for c in colours], Pillow 13.0
        let colours = [
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([1, 2, 3], 2),
            ([250, 128, 3], 150),
            ([17, 230, 199], 163),
            ([255, 255, 255], 255),
        ];
        for (colour, level) in colours {
            assert_eq!(Grey::Bt601.level(colour), level, "{colour:?}");
        }
    }

    #[test]
    fn the_older_weights_give_what_they_gave() {
        for colour in [
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [1, 2, 3],
            [250, 128, 3],
        ] {
            let one = RgbImage::from_pixel(1, 1, image::Rgb(colour));
            assert_eq!(
                Grey::Bt709.levels(one.into()),
                [Grey::Bt709.level(colour)],
                "{colour:?}"
            );
        }
    }

    #[test]
    fn grey_pictures_keep_their_levels() {
        let image = image::GrayImage::from_fn(256, 1, |x, _| image::Luma([x as u8]));
        assert_eq!(Grey::Bt601.levels(image.clone().into()), image.into_raw());
    }
}
