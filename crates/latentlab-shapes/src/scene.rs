//! A scene: a background, small figures, the large one, and the noise of a camera.

use crate::{
    Class, SIDE,
    class::{FORMS, HUES, SURFACES},
    colour::{CONTRAST, Colour, any, distance, mix},
    figure::Figure,
    pattern::{Kind, Pattern},
    random::{Stream, lattice},
};

/// Radii of the large figure and of small ones, in units of 1/32 of a picture: the largest small one
/// is smaller than the smallest large one.
const LARGE: [f64; 2] = [8.5, 13.0];
const SMALL: [f64; 2] = [2.5, 5.0];
/// How far the centre of the large figure lies from that of the picture, at most, along each axis.
const OFF_CENTRE: f64 = 5.0;
/// Small figures, at most.
const MOST_SMALL: usize = 3;
/// The largest deviation of the noise, as a share of white.
const NOISE: f64 = 0.03;
/// How often the colours of a background are drawn anew, at most, until the figure is seen.
const ATTEMPTS: usize = 20;

/// Everything in a picture.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    background: Pattern,
    colours: [Colour; 2],
    /// From the back to the front; the last is the large one.
    figures: Vec<Figure>,
    /// Deviation of the noise, and its seed.
    noise: f64,
    seed: u64,
}

impl Scene {
    /// A scene with a large figure of a class.
    pub fn compose(class: Class, stream: &mut Stream) -> Self {
        let middle = SIDE as f64 / 2.0;
        let mut near_middle = || middle + stream.between(-OFF_CENTRE, OFF_CENTRE);
        let centre = [near_middle(), near_middle()];
        let radius = stream.between(LARGE[0], LARGE[1]);
        let large = Figure::new(class, centre, radius, stream);
        let count = (stream.unit() * (MOST_SMALL + 1) as f64) as usize;
        let mut figures: Vec<Figure> = (0..count).map(|_| small(stream)).collect();
        let background = background(stream);
        let colours = colours_behind(large.colour(), &background, stream);
        figures.push(large);
        let share = stream.unit();
        Self {
            background,
            colours,
            figures,
            noise: NOISE * share * share,
            seed: stream.bits(),
        }
    }

    /// Draws into `planes`, `[3, side, side]`, as much as there is room for.
    pub fn render(&self, side: usize, planes: &mut [u8]) {
        let pixel = SIDE as f64 / side as f64;
        let place = |index: usize| (index as f64 + 0.5) * pixel;
        for index in 0..side * side {
            let (row, column) = (index / side, index % side);
            let colour = self.at([place(column), place(row)], pixel);
            for (channel, value) in colour.into_iter().enumerate() {
                let at = channel * side * side + index;
                let noisy = value + self.noise * noise(self.seed, at);
                if let Some(byte) = planes.get_mut(at) {
                    *byte = (255.0 * noisy.clamp(0.0, 1.0) + 0.5) as u8;
                }
            }
        }
    }

    /// What is seen of a pixel with sides of `pixel` around `point`.
    fn at(&self, point: [f64; 2], pixel: f64) -> Colour {
        let share = self.background.at(point, pixel);
        let behind = mix(self.colours[0], self.colours[1], share);
        let figures = self.figures.iter();
        figures.fold(behind, |behind, figure| figure.over(behind, point, pixel))
    }
}

/// A number of mean 0 and deviation 1: the sum of four uniform ones.
fn noise(seed: u64, at: usize) -> f64 {
    let sum: f64 = (0..4).map(|part| lattice(seed, at as i64, part)).sum();
    (sum - 2.0) * 3f64.sqrt()
}

/// A figure of any class, anywhere.
fn small(stream: &mut Stream) -> Figure {
    let class = Class {
        form: stream.one_of(FORMS),
        surface: stream.one_of(SURFACES),
        hue: stream.one_of(HUES),
    };
    let side = SIDE as f64;
    let centre = [stream.between(0.0, side), stream.between(0.0, side)];
    let radius = stream.between(SMALL[0], SMALL[1]);
    Figure::new(class, centre, radius, stream)
}

fn background(stream: &mut Stream) -> Pattern {
    let (kind, low, high) = stream.one_of([
        (Kind::Plain, 1.0, 1.0),
        (Kind::Plain, 1.0, 1.0),
        (Kind::Gradient, 32.0, 64.0),
        (Kind::Gradient, 32.0, 64.0),
        (Kind::Glow, 24.0, 48.0),
        (Kind::Stripes, 3.0, 16.0),
        (Kind::Checker, 4.0, 20.0),
        (Kind::Waves, 3.0, 24.0),
        (Kind::Dots, 4.0, 12.0),
        (Kind::Cells, 4.0, 16.0),
        (Kind::Noise, 4.0, 24.0),
        (Kind::Noise, 4.0, 24.0),
        (Kind::Grain, 1.0, 1.0),
    ]);
    let pattern = Pattern::new(kind, stream.between(low, high), stream);
    let place = [stream.between(8.0, 24.0), stream.between(8.0, 24.0)];
    match kind {
        Kind::Gradient | Kind::Glow => pattern.around(place),
        _ => pattern,
    }
}

/// Two colours of a background before which a figure of `colour` is seen; the last that were drawn
/// if none were found.
fn colours_behind(colour: Colour, background: &Pattern, stream: &mut Stream) -> [Colour; 2] {
    let mut draw = || {
        let first = any(stream);
        // Most backgrounds are quieter than figures.
        let share = stream.between(0.2, 1.0);
        [first, mix(first, any(stream), share)]
    };
    let seen = |[first, second]: &[Colour; 2]| {
        let mean = mix(*first, *second, background.mean());
        distance(colour, mean) > CONTRAST
    };
    let mut colours = draw();
    for _ in 1..ATTEMPTS {
        if seen(&colours) {
            break;
        }
        colours = draw();
    }
    colours
}
