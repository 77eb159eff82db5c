//! What a person looks at: pictures of images, charts of records, a page for each run and one for
//! several.
//!
//! [`Report`] is the hook that lets a run draw its samples while it trains and leave its page when it
//! has ended; [`runner`] starts runs with it.

pub mod compare;
pub mod drawing;
mod evenly;
mod hook;
mod html;
mod latent_map;
mod markup;
mod page;
mod palette;
pub mod picture;
mod plots;

pub use hook::{Report, runner};
pub use markup::escape;
pub use picture::Picture;

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
