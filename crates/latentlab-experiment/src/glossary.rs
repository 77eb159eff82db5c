//! What the figures of a run mean, where they come from and which values of them are better.

use latentlab_core::{Error, Result, nearest};
use latentlab_train::observers::Goal;
use toml::{Table, Value};

/// A figure that this program knows.
pub(crate) struct Entry {
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
pub(crate) enum Origin {
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
    Judge,
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
pub(crate) const FIGURES: [Entry; 52] = [
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
    entry("test/peak_signal_to_noise", "decibels", HIGH, Origin::Judge,
        "of the reconstructions, at a peak of 1"),
    entry("test/structural_similarity", "-1 to 1", HIGH, Origin::Judge,
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
    entry("samples/frechet_of_data", "squared features, from 0", None, Origin::Judge,
        "the same distance for as many training images: what a perfect model would come to"),
    entry("samples/sure", "share", HIGH, Origin::Classes,
        "samples that the classifier is at least 90 % sure of; one good digit over and over has all of them, and noise can, so read it beside `classes` and `precision`"),
    entry("samples/classes", "classes", HIGH, Origin::Classes,
        "classes that at least one sample in a hundred is taken for"),
    entry("samples/class_divergence", "nats, from 0", LOW, Origin::Classes,
        "KL divergence of the classes of the samples from those of the test images"),
    entry("samples/kernel_distance", "around 0 and up", LOW, Origin::Judge,
        "squared maximum mean discrepancy with a cubic kernel, mean and error over subsets (Bińkowski et al. 2018)"),
    entry("samples/precision", "share", HIGH, Origin::Judge,
        "samples within the reach of the test images: are they good? (Kynkäänniemi et al. 2019, k = 3)"),
    entry("samples/recall", "share", HIGH, Origin::Judge,
        "test images within the reach of the samples: is everything there? (the same)"),
    entry("samples/density", "from 0, data at 1", HIGH, Origin::Judge,
        "how many test images' neighbourhoods a sample lies in, beside how many it should (Naeem et al. 2020, k = 5)"),
    entry("samples/coverage", "share", HIGH, Origin::Judge,
        "test images whose neighbourhood holds a sample (the same)"),
    entry("samples/classifier_score", "1 to the number of classes", HIGH, Origin::Judge,
        "exp of the mean KL of a sample's classes from those of all, over ten parts (Salimans et al. 2016)"),
    entry("samples/diversity", "ratio, data at 1", None, Origin::Judge,
        "mean distance between two samples over that between two test images, by their features; 0 after a collapse"),
    entry("samples/nearest_training_image", "ratio, new images at 1", None, Origin::Judge,
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
    entry("latent/frechet_from_prior", "squared latent units, from 0", LOW, Origin::Judge,
        "Fréchet distance of codes drawn for the test images from the prior"),
    entry("latent/kernel_from_prior", "around 0 and up", LOW, Origin::Judge,
        "kernel distance of the same"),
    entry("latent/neighbour_accuracy", "share", HIGH, Origin::Judge,
        "test codes whose class is that of most of their 5 nearest training codes"),
    entry("latent/linear_probe_accuracy", "share", HIGH, Origin::Judge,
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
pub(crate) fn look_up(figure: &str) -> Option<&'static Entry> {
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
pub(crate) fn is_evaluated(figure: &str) -> bool {
    let group = figure.split_once('/').map(|(group, _)| group);
    matches!(group, Some("test" | "validation" | "samples"))
}

/// An error about a figure that no evaluation knows, with the nearest that one does.
fn unknown(field: &str, figure: &str) -> Error {
    let nearest = nearest(figure, FIGURES.iter().map(|entry| entry.name));
    let nearest = nearest.map(|name| format!(", did you mean `{name}`?"));
    let problem = format!(
        "there is no figure `{figure}`{}; `list --figures` shows all",
        nearest.unwrap_or_default()
    );
    Error::config(field, problem)
}

/// The rules of an experiment file that name a figure and its goal.
const RULES: [(&str, &str); 2] = [("checkpoint", "best"), ("stop", "patience")];

/// Takes the goals out of the experiment file `table` whose figure `overrides` replaces: they are
/// those of the figure before.
pub(crate) fn forget_goals(table: &mut Table, overrides: &Table) {
    for (above, below) in RULES {
        let over = overrides.get(above).and_then(|above| above.get(below));
        let renamed = over.is_some_and(|over| over.get("metric").is_some());
        let rule = table.get_mut(above).and_then(|above| above.get_mut(below));
        if let (true, Some(rule)) = (renamed, rule.and_then(Value::as_table_mut)) {
            rule.remove("goal");
        }
    }
}

/// Writes out which values of the figures of `checkpoint.best` and `stop.patience` are better, where
/// the experiment file `table` leaves it to the glossary.
///
/// # Errors
/// If the glossary knows no better side.
pub(crate) fn fill_goals(table: &mut Table) -> Result<()> {
    for (above, below) in RULES {
        let rule = table.get_mut(above).and_then(|above| above.get_mut(below));
        let Some(rule) = rule.and_then(Value::as_table_mut) else {
            continue;
        };
        let Some(metric) = rule.get("metric").and_then(Value::as_str) else {
            continue;
        };
        if rule.contains_key("goal") {
            continue;
        }
        let entry = look_up(metric);
        if entry.is_none() && is_evaluated(metric) {
            return Err(unknown(&format!("{above}.{below}.metric"), metric));
        }
        let goal = entry.and_then(|entry| entry.better).ok_or_else(|| {
            let problem = format!(
                "is missing, and which values of `{metric}` are better is not known: say `min` or \
                 `max`"
            );
            Error::config(format!("{above}.{below}.goal"), problem)
        })?;
        let goal = match goal {
            Goal::Min => "min",
            Goal::Max => "max",
        };
        rule.insert("goal".to_owned(), goal.into());
    }
    Ok(())
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
    fn a_goal_left_out_is_that_of_the_figure() {
        let filled = |text: &str| -> Result<Table> {
            let mut table: Table = text.parse().expect("valid TOML");
            fill_goals(&mut table).map(|()| table)
        };
        let goal = |text: &str| {
            let table = filled(text).unwrap();
            table["checkpoint"]["best"]["goal"]
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(
            goal("checkpoint.best.metric = 'test/elbo'").as_deref(),
            Some("max")
        );
        assert_eq!(
            goal("checkpoint.best.metric = 'vae/reconstruction'").as_deref(),
            Some("min")
        );
        assert_eq!(
            goal("checkpoint.best = { metric = 'test/elbo', goal = 'min' }").as_deref(),
            Some("min"),
            "what the file says stays"
        );
        let error = filled("stop.patience = { metric = 'test/kl', evaluations = 3 }").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`stop.patience.goal`: is missing"),
            "{error}"
        );
    }

    #[test]
    fn a_goal_goes_with_its_figure() {
        let over = |text: &str| {
            let registry = latentlab_core::Registry::default();
            let registry = registry.with(latentlab_models::plugin).unwrap();
            let file = crate::library::find("vae-mnist").unwrap().table;
            let changes = text.parse().expect("valid TOML");
            let experiment = crate::Experiment::resolve(&file, &changes, &registry).unwrap();
            experiment.checkpoint.best.map(|best| best.goal)
        };
        assert_eq!(over(""), Some(Goal::Max));
        let other = "checkpoint.best.metric = 'samples/frechet'";
        assert_eq!(over(other), Some(Goal::Min), "the goal of the ELBO stayed");
        let said = "checkpoint.best = { metric = 'samples/frechet', goal = 'max' }";
        assert_eq!(over(said), Some(Goal::Max));
    }

    #[test]
    fn the_page_about_figures_has_all_of_them() {
        let mut table = String::from(
            "| figure | unit, range | better | what it is |\n| --- | --- | --- | --- |\n",
        );
        for entry in &FIGURES {
            let (name, unit, side) = (entry.title(), entry.unit, entry.side());
            let only = match entry.from {
                Origin::Judge => " (`evaluate` only)",
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
