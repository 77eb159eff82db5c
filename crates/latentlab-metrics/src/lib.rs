//! What a trained generative model is worth.
//!
//! Metrics ask for what a model can do (a likelihood, a reconstruction) or look at features of
//! samples and data; none knows a model by name. All sums are taken on the host in 64 bits. A
//! [`Figure`] says how sure it is and how many items it came from, because figures of few items cannot be
//! compared with those of many.
//!
//! Samples beside data, on [`Features`] of both: `[N, D]` of one network, or pixels.
//!
//! | figure | function | unit and range | better | from |
//! | --- | --- | --- | --- | --- |
//! | Fréchet distance | [`frechet_distance`] of [`Moments`] | squared features, from 0 | lower | Heusel et al. 2017 |
//! | kernel distance | [`kernel_distance`], [`kernel_discrepancy`] | around 0 and up | lower | Bińkowski et al. 2018 |
//! | precision, recall | [`precision_recall`] | share | higher | Kynkäänniemi et al. 2019 |
//! | density | [`density_coverage`] | from 0, data at 1 | higher | Naeem et al. 2020 |
//! | coverage | [`density_coverage`] | share | higher | Naeem et al. 2020 |
//! | classifier score | [`classifier_score`] | 1 to the number of classes | higher | Salimans et al. 2016 |
//! | confident share | [`confident_share`] | share | higher | |
//! | class divergence | [`class_divergence`] of [`ClassCounts`] | nats, from 0 | lower | |
//! | memorisation | [`memorisation`] of [`nearest_neighbours`] | ratio, from 0 | near 1 | |
//! | diversity | [`diversity`] | ratio, from 0 | near 1 | |
//! | deviation of pixels | [`pixel_deviation`] | unit of the data, from 0 | that of the data | |
//!
//! Models by their capabilities, latent vectors, and known distributions:
//!
//! | figure | function | unit and range | better | from |
//! | --- | --- | --- | --- | --- |
//! | evidence bound, active units | [`evidence_bound`] | nats per image | higher | Kingma and Welling 2014 |
//! | importance-weighted bound | [`importance_bound`] | nats per image | higher | Burda et al. 2016 |
//! | aggregate posterior | [`aggregate_posterior`] | from 0 | lower | Rosca et al. 2018 |
//! | squared error | [`squared_error`] | squared data per image, from 0 | lower | |
//! | signal to noise | [`peak_signal_to_noise`] | decibels | higher | |
//! | structural similarity | [`structural_similarity`] | -1 to 1 | higher | Wang et al. 2004 |
//! | error of the best linear map | [`PrincipalComponents`] | squared data per image, from 0 | a floor | Baldi and Hornik 1989 |
//! | accuracy of neighbours | [`neighbour_accuracy`] | share | higher | |
//! | accuracy of a linear probe | [`LinearProbe`] | share | higher | Alain and Bengio 2017 |
//! | modes, high quality | [`mode_coverage`] | count, share | higher | Srivastava et al. 2017 |
//! | distance of shares | [`total_variation`], [`jensen_shannon`], [`kullback_leibler`] | share, nats | lower | Lin 1991 |
//! | best discriminator | [`optimal_discriminator`] of [`log_mixture_density`] | probability | | Goodfellow et al. 2014 |
//! | mean over seeds | [`confidence`] | interval of 95 % | narrow | Student 1908 |
//!
//! On the same features the figures of samples are those of torch-fidelity and prdc, similarities
//! those of scikit-image; tests hold them to that. Each of them takes less than a second for 10,000
//! items of 64 features beside as many, on two cores, and beside the features themselves memory
//! for some thousand rows and, on each thread, for one tile of the table of distances.
//!
//! ```
//! use candle_core::{DType, Device};
//! use latentlab_metrics::{Features, Moments, frechet_distance, precision_recall};
//! use latentlab_tensor::Rng;
//!
//! let mut rng = Rng::stream(0, "example", 0);
//! let data = Features::of(&rng.normal((5000, 4), DType::F32, &Device::Cpu)?)?;
//! let samples = (rng.normal((4000, 4), DType::F32, &Device::Cpu)? + 1.0)?; // each feature moved by 1
//! let samples = Features::of(&samples)?;
//!
//! let distance = frechet_distance(&Moments::of(&data)?, &Moments::of(&samples)?)?;
//! assert!((distance.value - 4.0).abs() < 0.2);
//! assert_eq!((distance.real, distance.generated), (5000, 4000));
//! assert!(precision_recall(&data, &samples, 3)?.recall.value < 0.95);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aggregate;
mod classification;
mod confidence;
mod density;
mod distribution;
mod features;
mod figure;
mod host;
mod likelihood;
mod modes;
mod moments;
mod principal;
mod reconstruction;
mod representation;
mod resize;
mod samples;
mod scores;
mod similarity;

pub use aggregate::{AggregatePosterior, aggregate_posterior};
pub use classification::{Classification, classification};
pub use confidence::{Confidence, confidence};
pub use density::{log_mixture_density, optimal_discriminator};
pub use distribution::{class_shares, entropy, jensen_shannon, kullback_leibler, total_variation};
pub use features::Features;
pub use figure::Figure;
pub use likelihood::{ACTIVE, EvidenceBound, evidence_bound, importance_bound};
pub use modes::{Coverage, mode_coverage};
pub use moments::Moments;
pub use principal::PrincipalComponents;
pub use reconstruction::{peak_signal_to_noise, squared_error, structural_similarity};
pub use representation::{Labelled, LinearProbe, neighbour_accuracy};
pub use resize::resized;
pub use samples::{
    ClassCounts, DensityCoverage, KernelDistance, Memorisation, Neighbour, PixelDeviation,
    PrecisionRecall, Subsets, class_divergence, classifier_score, confident_share,
    density_coverage, diversity, frechet_distance, kernel_discrepancy, kernel_distance,
    kernel_distance_over, memorisation, nearest_neighbours, pixel_deviation, precision_recall,
};
pub use similarity::structural_similarities;

/// The error of a metric that was given nothing to judge.
fn nothing(what: &str) -> latentlab_core::Error {
    latentlab_core::Error::Data(format!("there are no {what} to evaluate"))
}

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
