//! What is seen through a picture: alpha composed on a colour, kept, or dropped.
//!
//! A pixel that cannot be seen has a colour all the same. It must not come out when pixels are mixed,
//! so alpha is composed before resizing, and where it is kept, colours are weighted by it.

use std::str::FromStr;

use image::{DynamicImage, ImageBuffer, Pixel, Primitive, Rgba};
use serde::{Deserialize, Serialize};

/// What is seen through the transparent parts of a picture.
///
/// As text: "white", "black", a colour such as "#ff8000", "keep" or "drop".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Background {
    /// A colour: red, green, blue.
    Colour([u8; 3]),
    /// Alpha stays, as one more channel, 255 for opaque.
    Keep,
    /// Alpha is left out as if the picture had none, so that hidden colours show.
    Drop,
}

impl Background {
    /// What paper is.
    pub const WHITE: Self = Self::Colour([255; 3]);
    /// What a screen is that is switched off.
    pub const BLACK: Self = Self::Colour([0; 3]);

    /// The colour of padding, where it is no alpha that is kept.
    pub(super) fn colour(self) -> [u8; 3] {
        match self {
            Self::Colour(colour) => colour,
            Self::Keep | Self::Drop => [0; 3],
        }
    }
}

impl Default for Background {
    fn default() -> Self {
        Self::WHITE
    }
}

impl FromStr for Background {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hexadecimal = |digits: &str| {
            let all = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = all
                .then(|| u32::from_str_radix(digits, 16).ok())
                .flatten()?;
            let [_, red, green, blue] = number.to_be_bytes();
            Some(Self::Colour([red, green, blue]))
        };
        match text {
            "white" => Ok(Self::WHITE),
            "black" => Ok(Self::BLACK),
            "keep" => Ok(Self::Keep),
            "drop" => Ok(Self::Drop),
            _ => text.strip_prefix('#').and_then(hexadecimal).ok_or_else(|| {
                format!(
                    "is \"{text}\", expected \"white\", \"black\", a colour such as \"#ff8000\", \
                     \"keep\" or \"drop\""
                )
            }),
        }
    }
}

impl TryFrom<String> for Background {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Background> for String {
    fn from(background: Background) -> Self {
        match background {
            Background::WHITE => "white".to_owned(),
            Background::BLACK => "black".to_owned(),
            Background::Colour([red, green, blue]) => format!("#{red:02x}{green:02x}{blue:02x}"),
            Background::Keep => "keep".to_owned(),
            Background::Drop => "drop".to_owned(),
        }
    }
}

/// Whether something can be seen through the picture somewhere.
pub(super) fn is_transparent(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageLumaA8(image) => image.pixels().any(|pixel| pixel.0[1] < u8::MAX),
        DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel.0[3] < u8::MAX),
        DynamicImage::ImageLumaA16(image) => image.pixels().any(|pixel| pixel.0[1] < u16::MAX),
        DynamicImage::ImageRgba16(image) => image.pixels().any(|pixel| pixel.0[3] < u16::MAX),
        _ => false,
    }
}

/// The picture without alpha, on `colour`; on its grey level `level`, where the picture has no
/// colours and neither has the background, or they are not `wanted`.
pub(super) fn compose(
    image: DynamicImage,
    colour: [u8; 3],
    level: u8,
    wanted: bool,
) -> DynamicImage {
    let grey = !wanted || colour == [level; 3];
    match image {
        DynamicImage::ImageLumaA8(image) if grey => {
            DynamicImage::ImageLuma8(on(&image, [level], |level| level))
        }
        DynamicImage::ImageLumaA16(image) if grey => {
            DynamicImage::ImageLuma16(on(&image, [level], widened))
        }
        DynamicImage::ImageLumaA8(_) => {
            DynamicImage::ImageRgb8(on(&image.into_rgba8(), colour, |level| level))
        }
        DynamicImage::ImageLumaA16(_) => {
            DynamicImage::ImageRgb16(on(&image.into_rgba16(), colour, widened))
        }
        DynamicImage::ImageRgba8(image) => {
            DynamicImage::ImageRgb8(on(&image, colour, |level| level))
        }
        DynamicImage::ImageRgba16(image) => DynamicImage::ImageRgb16(on(&image, colour, widened)),
        opaque => opaque,
    }
}

/// A byte as a number of 16 bits with the same meaning.
fn widened(level: u8) -> u16 {
    u16::from(level) * 257
}

/// `image`, whose last channel is alpha, on `background`, rounded to the nearest level.
fn on<P, Q, S, const COLOURS: usize>(
    image: &ImageBuffer<P, Vec<S>>,
    background: [u8; COLOURS],
    widen: fn(u8) -> S,
) -> ImageBuffer<Q, Vec<S>>
where
    P: Pixel<Subpixel = S>,
    Q: Pixel<Subpixel = S>,
    S: Primitive,
{
    let whole = |level: S| level.to_u64().unwrap_or(0);
    let most = whole(S::DEFAULT_MAX_VALUE);
    let background = background.map(|level| whole(widen(level)));
    let mut opaque: ImageBuffer<Q, Vec<S>> = ImageBuffer::new(image.width(), image.height());
    for (pixel, composed) in image.pixels().zip(opaque.pixels_mut()) {
        let pixel = pixel.channels();
        let alpha = whole(pixel[COLOURS]);
        let places = pixel.iter().zip(background).zip(composed.channels_mut());
        for ((level, below), composed) in places {
            let sum = whole(*level) * alpha + below * (most - alpha);
            *composed = S::from((sum + most / 2) / most).unwrap_or(S::DEFAULT_MAX_VALUE);
        }
    }
    opaque
}

/// `image` with its colours weighted by alpha, as numbers of 16 bits: what can be mixed.
pub(super) fn weighted(image: &DynamicImage) -> ImageBuffer<Rgba<u16>, Vec<u16>> {
    let mut image = image.to_rgba16();
    for Rgba([colours @ .., alpha]) in image.pixels_mut() {
        let alpha = u32::from(*alpha);
        for level in colours {
            *level = ((u32::from(*level) * alpha + 32_767) / 65_535) as u16;
        }
    }
    image
}

/// The inverse of [`weighted`], as bytes; what cannot be seen becomes black.
pub(super) fn unweighted(image: &ImageBuffer<Rgba<u16>, Vec<u16>>) -> Vec<u8> {
    let byte = |level: u32, most: u32| ((level * 255 + most / 2) / most).min(255) as u8;
    let pixels = image.pixels().flat_map(|Rgba([colours @ .., alpha])| {
        let alpha = u32::from(*alpha);
        let [red, green, blue] = colours.map(|level| match alpha {
            0 => 0,
            alpha => byte(u32::from(level), alpha),
        });
        match byte(alpha, 65_535) {
            0 => [0; 4],
            alpha => [red, green, blue, alpha],
        }
    });
    pixels.collect() // [H, W, 4]
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, LumaA, RgbaImage};

    use super::*;

    #[test]
    fn every_background_can_be_written_and_read() {
        for text in ["white", "black", "#ff8000", "keep", "drop"] {
            let background: Background = text.parse().unwrap();
            assert_eq!(String::from(background), text);
        }
        assert_eq!("#ffffff".parse(), Ok(Background::WHITE));
        for text in ["", "red", "#fff", "#gg0000", "#+10000"] {
            assert!(text.parse::<Background>().is_err(), "{text}");
        }
    }

    #[test]
    fn alpha_is_composed_and_rounded_to_the_nearest() {
        // By hand: (200 · 100 + 255 · 155) / 255 = 233.4, and on grey (200 · 100 + 16 · 155) / 255.
        let one = RgbaImage::from_pixel(1, 1, Rgba([200, 0, 255, 100]));
        let image = compose(one.clone().into(), [255; 3], 255, true);
        assert_eq!(image.into_rgb8().into_raw(), [233, 155, 255]);
        let image = compose(one.into(), [16, 0, 0], 3, true);
        assert_eq!(image.into_rgb8().into_raw(), [88, 0, 100]);
        let one = GrayAlphaImage::from_pixel(1, 1, LumaA([200, 100]));
        let image = compose(one.clone().into(), [16; 3], 16, true);
        assert_eq!(image.as_luma8().unwrap().as_raw(), &[88]);
        let image = compose(one.into(), [16, 0, 0], 3, true);
        assert_eq!(image.as_rgb8().unwrap().as_raw(), &[88, 78, 78]);
    }

    #[test]
    fn sixteen_bits_are_composed_as_they_are() {
        let one = ImageBuffer::from_pixel(1, 1, LumaA([0u16, 32_768]));
        let image = compose(DynamicImage::ImageLumaA16(one), [255; 3], 255, false);
        // 65,535 · 32,767 / 65,535.
        assert_eq!(image.as_luma16().unwrap().as_raw(), &[32_767]);
    }

    #[test]
    fn weighting_by_alpha_comes_back_and_hides_what_cannot_be_seen() {
        let mut image = RgbaImage::new(256, 1);
        for (x, _, pixel) in image.enumerate_pixels_mut() {
            *pixel = Rgba([200, 7, 255, x as u8]);
        }
        let back = unweighted(&weighted(&image.clone().into()));
        assert_eq!(back[..4], [0; 4]);
        assert_eq!(back[4..], image.into_raw()[4..]);
    }
}
