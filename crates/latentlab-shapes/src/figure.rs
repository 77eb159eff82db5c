//! A figure: a form at a place, covered with a pattern of two colours.

use std::f64::consts::TAU;

use crate::{
    Class, Surface,
    colour::{Colour, companion, mix, of_family},
    form,
    pattern::{Kind, Pattern, covered},
    random::Stream,
};

/// Periods of fine and of coarse patterns, in units of 1/32 of a picture: none is in between.
const FINE: [f64; 2] = [2.6, 3.6];
const COARSE: [f64; 2] = [7.0, 10.0];
/// Widths of soft edges, in the same unit.
const SOFT: [f64; 2] = [3.5, 5.5];

/// A form at a place, covered with a pattern of two colours.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    class: Class,
    centre: [f64; 2],
    radius: f64,
    /// Cosine and sine of the turn.
    turn: [f64; 2],
    /// The width of the edge beyond that of a pixel.
    softness: f64,
    pattern: Pattern,
    colours: [Colour; 2],
}

impl Figure {
    /// A figure of a class, of such a centre and radius, the rest at random.
    pub fn new(class: Class, centre: [f64; 2], radius: f64, stream: &mut Stream) -> Self {
        let colour = of_family(class.hue, stream);
        let other = companion(colour, stream);
        let turn = stream.between(0.0, TAU);
        let softness = stream.between(SOFT[0], SOFT[1]);
        Self {
            class,
            centre,
            radius,
            turn: [libm::cos(turn), libm::sin(turn)],
            softness: if class.surface == Surface::Soft {
                softness
            } else {
                0.0
            },
            pattern: pattern(class.surface, centre, radius, stream),
            colours: [colour, other],
        }
    }

    /// The mean colour.
    pub fn colour(&self) -> Colour {
        mix(self.colours[0], self.colours[1], self.pattern.mean())
    }

    /// What is seen of a pixel with sides of `pixel` around `point`, where `behind` is behind.
    pub fn over(&self, behind: Colour, point: [f64; 2], pixel: f64) -> Colour {
        let (x, y) = (point[0] - self.centre[0], point[1] - self.centre[1]);
        let reach = self.radius + self.softness + pixel;
        if x.abs().max(y.abs()) > 1.5 * reach {
            return behind;
        }
        let [cosine, sine] = self.turn.map(|part| part / self.radius);
        let turned = [x * cosine + y * sine, y * cosine - x * sine];
        let distance = form::distance(self.class.form, turned) * self.radius;
        let share = covered(distance, pixel.max(self.softness));
        let share = if self.softness > pixel {
            share * share * (3.0 - 2.0 * share)
        } else {
            share
        };
        if share == 0.0 {
            return behind;
        }
        let own = mix(
            self.colours[0],
            self.colours[1],
            self.pattern.at(point, pixel),
        );
        mix(behind, own, share)
    }
}

/// What a surface looks like.
fn pattern(surface: Surface, centre: [f64; 2], radius: f64, stream: &mut Stream) -> Pattern {
    let (kind, [low, high]) = match surface {
        Surface::Plain | Surface::Soft => {
            let kind = stream.one_of([Kind::Plain, Kind::Gradient, Kind::Glow]);
            (kind, [2.0 * radius, 3.0 * radius])
        }
        Surface::Fine => {
            let kind = stream.one_of([Kind::Stripes, Kind::Waves, Kind::Checker]);
            // Across a checker's squares lie half as many pixels as along its diagonal.
            match kind {
                Kind::Checker => (kind, [3.4, 4.4]),
                _ => (kind, FINE),
            }
        }
        Surface::Coarse => {
            let kind = [
                Kind::Stripes,
                Kind::Waves,
                Kind::Checker,
                Kind::Dots,
                Kind::Cells,
            ];
            (stream.one_of(kind), COARSE)
        }
        Surface::Grain => (Kind::Grain, [1.0, 1.0]),
    };
    let pattern = Pattern::new(kind, stream.between(low, high), stream);
    match surface {
        Surface::Plain | Surface::Soft => pattern.around(centre),
        _ => pattern,
    }
}
