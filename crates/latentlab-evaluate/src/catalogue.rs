//! What the figures of a run mean, where they come from and which values of them are better.

use latentlab_core::{Error, nearest};
use latentlab_train::observers::Goal;

/// A figure that this program knows.
pub struct Entry {
    /// The name: of the whole path (`test/elbo`), or of what follows a phase's (`loss`).
    pub name: &'static str,
    /// Unit and range.
    pub unit: &'static str,
    /// Which values are better, where one side is.
    pub better: Option<Goal>,
    /// What it takes to measure it.
    pub from: Origin,
    /// What it is.
    pub meaning: &'static str,
}

/// What it takes to measure a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A step of training.
    Step,
    /// A model with a likelihood.
    Likelihood,
    /// The same, and `evaluate.importance_samples`.
    Importance,
    /// A model that encodes and decodes.
    Reconstruction,
    /// A model that classifies.
    Classification,
    /// A model with a discriminator, and samples.
    Criticism,
    /// A model that samples.
    Samples,
    /// Samples, and features to compare them by.
    Features,
    /// Samples, and features that are those of a classifier.
    Classes,
    /// Samples of data whose modes are known.
    Modes,
    /// Samples of data whose probabilities are known.
    Outcomes,
    /// `evaluate`, which training does not wait for.
    EvaluateOnly,
}

const LOW: Option<Goal> = Some(Goal::Min);
const HIGH: Option<Goal> = Some(Goal::Max);

const fn entry(
    name: &'static str,
    unit: &'static str,
    better: Option<Goal>,
    from: Origin,
    meaning: &'static str,
) -> Entry {
    Entry {
        name,
        unit,
        better,
        from,
        meaning,
    }
}

/// Every figure, in the order of a report.
#[rustfmt::skip]
pub const FIGURES: [Entry; 52] = [
    entry("test/elbo", "nats per image", HIGH, Origin::Likelihood,
        "evidence lower bound on log p(x), `-reconstruction - kl` (Kingma and Welling 2014, eq. 3)"),
    entry("test/reconstruction", "nats per image", LOW, Origin::Likelihood,
        "-log p(x given z) of the images, z drawn from their posterior: the bound's first part"),
    entry("test/kl", "nats per image, from 0", None, Origin::Likelihood,
        "KL divergence of the posteriors from the prior: the bound's second part, the nats that a code holds; 0 is posterior collapse"),
    entry("test/kl/*", "nats, from 0", None, Origin::Likelihood,
        "the same for each latent dimension"),
    entry("test/active_units", "latent dimensions", None, Origin::Likelihood,
        "dimensions with a KL divergence above 0.01 nats: those that are in use"),
    entry("test/log_likelihood", "nats per image", HIGH, Origin::Importance,
        "importance-weighted bound on log p(x), tighter with every draw (Burda et al. 2016, eq. 8)"),
    entry("test/squared_error", "squared data, summed over an image", LOW, Origin::Reconstruction,
        "between images and their reconstructions"),
    entry("test/peak_signal_to_noise", "decibels", HIGH, Origin::EvaluateOnly,
        "of the reconstructions, at a peak of 1"),
    entry("test/structural_similarity", "-1 to 1", HIGH, Origin::EvaluateOnly,
        "of images and their reconstructions, window of 11 pixels (Wang et al. 2004)"),
    entry("test/accuracy", "share", HIGH, Origin::Classification,
        "images that the classifier puts into their class"),
    entry("test/cross_entropy", "nats per image, from 0", LOW, Origin::Classification,
        "of the labels under the classifier"),
    entry("test/real_probability", "probability", None, Origin::Criticism,
        "the discriminator's mean D(x) on test images; 1/2 where it cannot tell"),
    entry("test/fake_probability", "probability", None, Origin::Criticism,
        "the discriminator's mean D(G(z)) on samples; 1/2 where it cannot tell"),
    entry("test/real_accuracy", "share", None, Origin::Criticism,
        "test images that the discriminator takes for real"),
    entry("test/fake_accuracy", "share", None, Origin::Criticism,
        "samples that the discriminator takes for generated"),
    entry("samples/frechet", "squared features, from 0", LOW, Origin::Features,
        "Fréchet distance between Gaussians fitted to the features of samples and of test images (Heusel et al. 2017); comparable among equal features and numbers of samples only"),
    entry("samples/frechet_of_data", "squared features, from 0", None, Origin::EvaluateOnly,
        "the same distance for as many training images: what a perfect model would come to"),
    entry("samples/sure", "share", HIGH, Origin::Classes,
        "samples that the classifier is at least 90 % sure of; one good digit over and over has all of them, and noise can, so read it beside `classes` and `precision`"),
    entry("samples/classes", "classes", HIGH, Origin::Classes,
        "classes that at least one sample in a hundred is taken for"),
    entry("samples/class_divergence", "nats, from 0", LOW, Origin::Classes,
        "KL divergence of the classes of the samples from those of the test images"),
    entry("samples/kernel_distance", "around 0 and up", LOW, Origin::EvaluateOnly,
        "squared maximum mean discrepancy with a cubic kernel, mean and error over subsets (Bińkowski et al. 2018)"),
    entry("samples/precision", "share", HIGH, Origin::EvaluateOnly,
        "samples within the reach of the test images: are they good? (Kynkäänniemi et al. 2019, k = 3)"),
    entry("samples/recall", "share", HIGH, Origin::EvaluateOnly,
        "test images within the reach of the samples: is everything there? (the same)"),
    entry("samples/density", "from 0, data at 1", HIGH, Origin::EvaluateOnly,
        "how many test images' neighbourhoods a sample lies in, beside how many it should (Naeem et al. 2020, k = 5)"),
    entry("samples/coverage", "share", HIGH, Origin::EvaluateOnly,
        "test images whose neighbourhood holds a sample (the same)"),
    entry("samples/classifier_score", "1 to the number of classes", HIGH, Origin::EvaluateOnly,
        "exp of the mean KL of a sample's classes from those of all, over ten parts (Salimans et al. 2016)"),
    entry("samples/diversity", "ratio, data at 1", None, Origin::EvaluateOnly,
        "mean distance between two samples over that between two test images, by their features; 0 after a collapse"),
    entry("samples/nearest_training_image", "ratio, new images at 1", None, Origin::EvaluateOnly,
        "median distance of a sample to its nearest training image over that of a test image, by values: well below 1 for copies, and for blur"),
    entry("samples/spread", "unit of the data, from 0", None, Origin::Samples,
        "standard deviation of each value over the samples, averaged; 0 after a collapse"),
    entry("samples/modes", "modes", HIGH, Origin::Modes,
        "modes with a sample within three deviations (Srivastava et al. 2017)"),
    entry("samples/high_quality", "share", HIGH, Origin::Modes,
        "samples within three deviations of a mode (the same)"),
    entry("samples/total_variation", "share", LOW, Origin::Outcomes,
        "half of the absolute differences between the samples' shares and the true probabilities"),
    entry("samples/jensen_shannon", "nats, 0 to ln 2", LOW, Origin::Outcomes,
        "Jensen-Shannon divergence of the same (Lin 1991)"),
    entry("latent/frechet_from_prior", "squared latent units, from 0", LOW, Origin::EvaluateOnly,
        "Fréchet distance of codes drawn for the test images from the prior"),
    entry("latent/kernel_from_prior", "around 0 and up", LOW, Origin::EvaluateOnly,
        "kernel distance of the same"),
    entry("latent/neighbour_accuracy", "share", HIGH, Origin::EvaluateOnly,
        "test codes whose class is that of most of their 5 nearest training codes"),
    entry("latent/linear_probe_accuracy", "share", HIGH, Origin::EvaluateOnly,
        "test codes that a linear classifier of training codes is right on (Alain and Bengio 2017)"),
    entry("loss", "that of the loss", None, Origin::Step,
        "what the phase minimised in this step; low is no better where another phase plays against it"),
    entry("grad_norm", "from 0", None, Origin::Step,
        "Euclidean norm of the phase's gradient before clipping, where `clip_norm` is set"),
    entry("elbo", "nats per image", HIGH, Origin::Step,
        "importance-weighted bound on log p(x) of the batch (Burda et al. 2016, eq. 8)"),
    entry("squared_error", "squared data, summed over an image", LOW, Origin::Step,
        "of the batch and its reconstruction"),
    entry("reconstruction", "nats per image", LOW, Origin::Step,
        "-log p(x given z) of the batch"),
    entry("kl", "nats per image, from 0", None, Origin::Step,
        "KL divergence of the batch's posteriors from the prior"),
    entry("value", "nats, -2 ln 2 at the equilibrium", None, Origin::Step,
        "V(D,G) = mean log D(x) + mean log(1 - D(G(z))) (Goodfellow et al. 2014, eq. 1)"),
    entry("real_probability", "probability", None, Origin::Step,
        "the discriminator's mean D(x) on the batch"),
    entry("fake_probability", "probability", None, Origin::Step,
        "the discriminator's mean D(G(z))"),
    entry("real_score", "that of the critic", None, Origin::Step,
        "the mean output of a critic without probabilities on the batch"),
    entry("fake_score", "that of the critic", None, Origin::Step,
        "the same on generated images"),
    entry("real_accuracy", "share", None, Origin::Step,
        "images of the batch that the discriminator takes for real"),
    entry("fake_accuracy", "share", None, Origin::Step,
        "generated images that the discriminator takes for generated"),
    entry("penalty", "that of the loss, from 0", None, Origin::Step,
        "the discriminator's gradient penalty, weighted"),
    entry("accuracy", "share", HIGH, Origin::Step,
        "images of the batch that the classifier puts into their class"),
];

/// What there is to know of a figure of a run, such as `validation/kl/003` or `generator/loss`.
pub fn look_up(figure: &str) -> Option<&'static Entry> {
    let (group, name) = figure.split_once('/')?;
    let known = match group {
        "validation" => format!("test/{name}"),
        "test" | "samples" | "latent" => figure.to_owned(),
        _ => figure.rsplit('/').next()?.to_owned(),
    };
    let known = match known.starts_with("test/kl/") {
        true => "test/kl/*".to_owned(),
        false => known,
    };
    FIGURES.iter().find(|entry| entry.name == known)
}

/// Whether evaluations record a figure, or would if it were spelt right.
pub fn is_evaluated(figure: &str) -> bool {
    let group = figure.split_once('/').map(|(group, _)| group);
    matches!(group, Some("test" | "validation" | "samples"))
}

/// An error about a figure that no evaluation knows, with the nearest that one does.
pub fn unknown(field: &str, figure: &str) -> Error {
    let nearest = nearest(figure, FIGURES.iter().map(|entry| entry.name));
    let nearest = nearest.map(|name| format!(", did you mean `{name}`?"));
    let problem = format!(
        "there is no figure `{figure}`{}; `list --figures` shows all",
        nearest.unwrap_or_default()
    );
    Error::config(field, problem)
}

impl Entry {
    /// The name, for a person: where a phase records it, which one is left open.
    pub fn title(&self) -> String {
        match self.from {
            Origin::Step => format!("<phase>/{}", self.name),
            _ => self.name.to_owned(),
        }
    }

    /// Unit and range, and which values are better: `share, high is better`.
    pub fn unit_and_side(&self) -> String {
        match self.side() {
            "" => self.unit.to_owned(),
            side => format!("{}, {side} is better", self.unit),
        }
    }

    /// Which values are better, in a word; none where neither side is.
    pub fn side(&self) -> &'static str {
        match self.better {
            Some(Goal::Min) => "low",
            Some(Goal::Max) => "high",
            None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_wherever_they_are_recorded() {
        for (figure, name) in [
            ("test/elbo", Some("test/elbo")),
            ("validation/elbo", Some("test/elbo")),
            ("validation/kl/003", Some("test/kl/*")),
            ("samples/sure", Some("samples/sure")),
            ("discriminator/loss", Some("loss")),
            ("elbo", None),
            ("test/elbow", None),
            ("samples/loss", None),
        ] {
            let found = look_up(figure).map(|entry| entry.name);
            assert_eq!(found, name, "{figure}");
        }
    }

    #[test]
    fn the_page_about_figures_has_all_of_them() {
        let mut table = String::from(
            "| figure | unit, range | better | what it is |\n| --- | --- | --- | --- |\n",
        );
        for entry in &FIGURES {
            let (name, unit, side) = (entry.title(), entry.unit, entry.side());
            let only = match entry.from {
                Origin::EvaluateOnly => " (`evaluate` only)",
                _ => "",
            };
            table.push_str(&format!(
                "| `{name}`{only} | {unit} | {side} | {} |\n",
                entry.meaning
            ));
        }
        let page = include_str!("../../../docs/figures.md");
        assert!(
            page.contains(&table),
            "docs/figures.md should hold this table:\n{table}"
        );
    }
}
