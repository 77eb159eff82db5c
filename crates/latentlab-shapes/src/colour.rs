//! Colours: red, green and blue in `[0, 1]`, drawn by their hue.

use crate::{Hue, random::Stream};

/// Red, green and blue in `[0, 1]`, as a screen takes them.
pub(crate) type Colour = [f64; 3];

/// Colours of which one figure can be told from another, at least so far apart.
pub(crate) const CONTRAST: f64 = 0.3;

/// The colour of a hue in degrees (0 red, 120 green, 240 blue), a saturation and a value, both in
/// `[0, 1]`.
fn of_hue(degrees: f64, saturation: f64, value: f64) -> Colour {
    let sector = degrees / 60.0;
    [5.0, 3.0, 1.0].map(|offset: f64| {
        let place = (offset + sector).rem_euclid(6.0);
        let share = place.min(4.0 - place).clamp(0.0, 1.0);
        value - value * saturation * share
    })
}

/// A colour that is warm or cool for certain.
pub(crate) fn of_family(hue: Hue, stream: &mut Stream) -> Colour {
    let degrees = match hue {
        Hue::Warm => stream.between(-45.0, 65.0),
        Hue::Cool => stream.between(110.0, 255.0),
    };
    of_hue(degrees, stream.between(0.5, 1.0), stream.between(0.45, 1.0))
}

/// Any colour, grey ones and dark ones among them.
pub(crate) fn any(stream: &mut Stream) -> Colour {
    let saturation = stream.unit();
    of_hue(
        stream.between(0.0, 360.0),
        saturation * saturation,
        stream.between(0.05, 1.0),
    )
}

/// The colour a share `share` of the way from `from` to `to`.
pub(crate) fn mix(from: Colour, to: Colour, share: f64) -> Colour {
    std::array::from_fn(|channel| from[channel] + (to[channel] - from[channel]) * share)
}

/// A darker or lighter companion of a colour, of the same hue: whichever is farther away.
pub(crate) fn companion(colour: Colour, stream: &mut Stream) -> Colour {
    let end = match luminance(colour) > 0.45 {
        true => [0.0; 3],
        false => [1.0; 3],
    };
    mix(colour, end, stream.between(0.5, 0.75))
}

/// How light a colour looks, in `[0, 1]`.
pub(crate) fn luminance([red, green, blue]: Colour) -> f64 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// How far apart two colours are, from 0 to √3.
pub(crate) fn distance(a: Colour, b: Colour) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_those_of_the_colour_wheel() {
        // colorsys.hsv_to_rgb of Python.
        let expected = [
            (0.0, 1.0, 1.0, [1.0, 0.0, 0.0]),
            (60.0, 1.0, 1.0, [1.0, 1.0, 0.0]),
            (210.0, 0.5, 0.8, [0.4, 0.6, 0.8]),
            (-30.0, 1.0, 0.5, [0.5, 0.0, 0.25]),
        ];
        for (degrees, saturation, value, expected) in expected {
            let found = of_hue(degrees, saturation, value);
            assert!(distance(found, expected) < 1e-12, "{degrees}: {found:?}");
        }
    }

    #[test]
    fn warm_colours_have_more_red_than_blue_or_green_and_cool_ones_less() {
        let mut stream = Stream::new(0, 0);
        for _ in 0..1000 {
            let [red, green, blue] = of_family(Hue::Warm, &mut stream);
            assert!(red > green.min(blue) && red >= 0.9 * green.max(blue));
            let [red, green, blue] = of_family(Hue::Cool, &mut stream);
            assert!(red < green.max(blue));
        }
    }

    #[test]
    fn a_companion_is_seen_beside_its_colour() {
        let mut stream = Stream::new(0, 1);
        for hue in crate::class::HUES {
            for _ in 0..1000 {
                let colour = of_family(hue, &mut stream);
                let other = companion(colour, &mut stream);
                assert!(distance(colour, other) > CONTRAST, "{colour:?} {other:?}");
            }
        }
    }
}
