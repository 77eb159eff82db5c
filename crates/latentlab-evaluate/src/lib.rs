//! What a generative model, or a folder of pictures, is worth.
//!
//! [`Evaluation`] takes in passing what is cheap, the same images and the same noise each time;
//! [`Judge`] measures everything, once. What they find is listed in one [`catalogue`]: name, unit,
//! better side and what it takes. Samples are compared by the features of a [`FeatureExtractor`], two
//! of which are part of this crate.

mod batches;
pub mod catalogue;
mod evaluation;
mod feature_statistics;
mod features;
mod judgement;
mod sampled;
mod truth;

pub use batches::{at_once, in_batches};
pub use evaluation::{Evaluation, Setting, choice};
pub use features::{FeatureExtractor, FeatureNetwork};
pub use judgement::{Judge, Judgement, MANY};

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
