//! Drawn colour pictures with labels, a pure function of a seed and an index.
//!
//! A picture shows one large figure before a background and up to three small ones. Its label says
//! the figure's form (six), its surface (five: plain, plain with a soft edge, a fine pattern, a coarse
//! one, grain) and whether its colour is warm or cool: sixty classes. A network that tells them apart
//! must see form, sharpness, the scale of textures and colour, wherever the figure lies, however large
//! and turned it is, and whatever is behind it. Place, size, turn, colours, patterns, the background
//! and the small figures are random and no part of the label.
//!
//! Edges and patterns are antialiased. Only additions, multiplications and square roots of IEEE 754
//! and the sines of `libm` are used, so the bytes are the same on every machine.
//!
//! ```
//! use latentlab_shapes::{CLASSES, Class, draw};
//!
//! let mut picture = vec![0; 3 * 32 * 32]; // [3, 32, 32]: red, green, blue
//! let class = draw(0, 61, 32, &mut picture);
//! assert_eq!(class, Class::of_label(61 % CLASSES).unwrap());
//! assert_eq!(class.to_string(), "disc, plain, cool");
//! ```

mod class;
mod colour;
mod figure;
mod form;
mod pattern;
mod random;
mod scene;

pub use class::{CLASSES, Class, Form, Hue, Surface};

use scene::Scene;

/// The side of the square that pictures are composed in: a picture of as many pixels a side shows
/// every pattern at the scale it was made for.
pub const SIDE: usize = 32;

/// Draws picture `index` of `seed` into `planes`, `[3, side, side]`: red, green and blue, 255 for
/// white, rows from the top. Labels go round: the class is that of the label `index` mod [`CLASSES`].
///
/// Another `side` shows the same picture with more or fewer pixels; [`SIDE`] is the one it is made
/// for. Where `planes` is of another length, only what fits into both is drawn.
pub fn draw(seed: u64, index: u64, side: usize, planes: &mut [u8]) -> Class {
    let class = Class::of_index(index);
    Scene::compose(class, &mut random::Stream::new(seed, index)).render(side, planes);
    class
}

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
