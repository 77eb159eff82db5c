//! `latentlab evaluate`: what a trained model, or a folder of pictures, is worth.

use std::{path::PathBuf, sync::Arc};

use candle_core::{Device, Tensor};
use clap::Args;
use latentlab_core::{Registry, ValueRange};
use latentlab_data::{DataConfig, Dataset, Folder, Options, Source, Split};
use latentlab_metrics::Figure;
use serde_json::{Map, Value, json};

use super::say;
use crate::{
    Error, FeatureExtractor, Result, Session,
    evaluation::choice,
    figures::{grouped, number},
    judgement::{Figures, Judge},
};

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directory; with --against, a run whose test images the pictures are compared with,
    /// MNIST without it
    #[arg(value_name = "DIR", required_unless_present = "against")]
    run: Option<PathBuf>,
    /// Judge the PNG and JPEG files in a folder, from any program, instead of a model
    #[arg(long, value_name = "DIR_OF_IMAGES")]
    against: Option<PathBuf>,
    /// Samples to draw, and test images to compare them with, at most
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    samples: usize,
    /// Importance samples of the bound on log p(x) of each test image; 0 leaves it out
    #[arg(long, value_name = "K", default_value_t = 0)]
    importance: usize,
    /// What to compare by: digits, pixels, or the file of a feature network; digits on MNIST and
    /// pixels elsewhere without it
    #[arg(long, value_name = "NAME|FILE")]
    features: Option<String>,
    /// Take the best checkpoint instead of the latest
    #[arg(long)]
    best: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    super::draw::within("--samples", arguments.samples, 10, 1_000_000)?;
    let session = match &arguments.run {
        Some(run) => Some(Session::of_run(run, registry, arguments.best)?),
        None => None,
    };
    let (source, dataset) = match &session {
        Some((session, _)) => {
            let data = DataConfig::from_table(&session.experiment.data)?;
            (data.source, Arc::clone(&session.dataset))
        }
        None => {
            let data = DataConfig::from_table(&toml::toml! { name = "mnist" })?;
            let dataset = Dataset::open(&data).map_err(latentlab_core::Error::from)?;
            (data.source, Arc::new(dataset))
        }
    };
    let wanted = arguments.features.as_deref().unwrap_or("auto");
    let features = match FeatureExtractor::choose(wanted, &source, registry)? {
        None if wanted == "auto" => Some(FeatureExtractor::Pixels),
        chosen => chosen,
    };
    let device = session.as_ref().map(|(session, _)| session.device.clone());
    let device = device.unwrap_or(Device::Cpu);
    let judge = Judge::new(Arc::clone(&dataset), features, arguments.samples, &device)?;
    let (subject, figures) = match (&arguments.against, &session) {
        (Some(folder), _) => {
            let pictures = pictures(folder, &dataset, arguments.samples)?;
            (folder.display().to_string(), judge.samples(&pictures)?)
        }
        (None, Some((session, step))) => {
            let model = session.shown();
            let name = &session.experiment.model.name;
            let figures = judge.model(model, arguments.samples, arguments.importance)?;
            (format!("{name}, step {step}"), figures)
        }
        (None, None) => return Err(Error::Argument("nothing to judge".to_owned())),
    };
    match arguments.json {
        true => say(in_json(&subject, judge.features(), &figures).to_string()),
        false => say(in_words(&subject, judge.features(), &figures)),
    }
    Ok(0)
}

/// The pictures in `folder`, at most `most`, in the form of the images of `dataset`.
fn pictures(folder: &std::path::Path, dataset: &Dataset, most: usize) -> Result<Tensor> {
    let info = dataset.info();
    let shape = info.shape;
    if shape.height != shape.width
        || !matches!(shape.channels, 1 | 3)
        || info.range != ValueRange::Unit
    {
        let problem = "pictures can be compared with square images of 1 or 3 channels only";
        return Err(Error::Argument(problem.to_owned()));
    }
    let config = DataConfig {
        source: Source::Folder(Folder {
            dir: folder.to_owned(),
            size: shape.height as u32,
            channels: shape.channels,
            test_fraction: 0.0,
        }),
        options: Options::default(),
    };
    let pictures = Dataset::open(&config).map_err(latentlab_core::Error::from)?;
    let places = choice(pictures.len(Split::Train), most);
    Ok(pictures.images(Split::Train, &places, &Device::Cpu)?.images)
}

const NOT_FID: &str = "not comparable with published FID, KID or inception scores, whose features \
                       are Inception v3's";

fn in_words(subject: &str, features: Option<&str>, figures: &Figures) -> String {
    let mut text = subject.to_owned();
    if let Some(features) = features {
        text.push_str(&format!("\nfeatures: {features} ({NOT_FID})"));
    }
    let named = figures
        .iter()
        .map(|(name, figure)| (name.as_str(), *figure));
    for group in grouped(named) {
        text.push_str(&format!("\n{}", group.name));
        for (name, figure) in group.figures {
            text.push_str(&format!(
                "\n  {name:<26}{:<24}{}",
                value(&figure),
                counts(&figure)
            ));
        }
    }
    text
}

fn value(figure: &Figure) -> String {
    match figure.error {
        Some(error) => format!("{} ± {}", number(figure.value), number(error)),
        None => number(figure.value),
    }
}

fn counts(figure: &Figure) -> String {
    match (figure.real, figure.generated) {
        (real, 0) => format!("{real} real"),
        (0, generated) => format!("{generated} generated"),
        (real, generated) => format!("{real} real, {generated} generated"),
    }
}

fn in_json(subject: &str, features: Option<&str>, figures: &Figures) -> Value {
    let figures: Map<String, Value> = figures
        .iter()
        .map(|(name, figure)| {
            let figure = json!({
                "value": figure.value,
                "standard_error": figure.error,
                "real": figure.real,
                "generated": figure.generated,
            });
            (name.clone(), figure)
        })
        .collect();
    json!({
        "subject": subject,
        "features": features,
        "note": features.map(|_| NOT_FID),
        "figures": figures,
    })
}
