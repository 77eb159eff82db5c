//! `latentlab evaluate`: what a trained model, or a folder of pictures, is worth.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{Device, Tensor};
use clap::Args;
use latentlab_core::Registry;
use latentlab_core::numbers;
use latentlab_data::{Background, DataConfig, Dataset, Folder, Options, Source, Split};
use latentlab_metrics::Figure;
use serde_json::{Map, Value, json};

use super::{assignments, say};
use crate::own_pictures;
use latentlab_evaluate::{FeatureExtractor, Judge, Judgement, choice};
use latentlab_run::{
    Error, Result, RunModel,
    figures::{grouped, number},
};

/// Pictures and samples, at least: below that nothing can be said.
const LEAST: usize = 10;
/// Samples, at most, where nobody says how many.
const DEFAULT_SAMPLES: usize = 10_000;

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directory; with --against, a run whose test images the pictures are compared with,
    /// MNIST without it
    #[arg(value_name = "DIR", required_unless_present = "against")]
    run: Option<PathBuf>,
    /// Judge the PNG and JPEG files in a folder, from any program, instead of a model
    #[arg(long, value_name = "DIR_OF_IMAGES", conflicts_with_all = ["importance", "best"])]
    against: Option<PathBuf>,
    /// What is seen through transparent parts of those pictures: white, black, #rrggbb; as the
    /// pictures of the run were read without it, or white
    #[arg(long, value_name = "COLOUR", requires = "against")]
    background: Option<Background>,
    /// Samples to draw, and test images to compare them with, at most; as many as there are test
    /// images, from 10 to 10,000, without it
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    samples: Option<usize>,
    /// Importance samples of the bound on log p(x) of each test image; 0 leaves it out
    #[arg(
        long,
        value_name = "K",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    importance: usize,
    /// What to compare by: digits, pictures, pixels, none, or the file of a feature network; digits on
    /// MNIST, pictures on other pictures and pixels elsewhere without it, or none where there are
    /// too many
    #[arg(long, value_name = "NAME|FILE")]
    by: Option<String>,
    /// Take the best checkpoint instead of the latest
    #[arg(long)]
    best: bool,
    /// Where the data of the run lie now, such as data.dir=DIR
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    if let Some(samples) = arguments.samples {
        super::draw::within("--samples", samples, LEAST, 1_000_000)?;
    }
    let changes = assignments(&arguments.set)?;
    let session = match &arguments.run {
        Some(run) => {
            let model = RunModel {
                directory: run,
                best: arguments.best,
                changes: &changes,
            };
            Some(model.session(registry)?)
        }
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
    let wanted = arguments.by.as_deref().unwrap_or("auto");
    let (features, without) =
        match FeatureExtractor::choose("--by", wanted, &source, dataset.info(), registry)? {
            None if wanted == "auto" => match FeatureExtractor::Pixels.check(dataset.info()) {
                Ok(()) => (Some(FeatureExtractor::Pixels), None),
                Err(error) => (
                    None,
                    Some(format!("samples and data are not compared: {error}")),
                ),
            },
            chosen => (chosen, None),
        };
    let device = session.as_ref().map(|(session, _)| session.device.clone());
    let device = device.unwrap_or(Device::Cpu);
    let compared_by = features.as_ref().map(|features| features.name().to_owned());
    let all = dataset.len(Split::Test).clamp(LEAST, DEFAULT_SAMPLES);
    let samples = arguments.samples.unwrap_or(all);
    // As many of either side, or the figures of a folder and of a model would not be alike.
    let judge = |most| Judge::new(Arc::clone(&dataset), &source, features, most, &device);
    let (subject, mut judgement) = match (&arguments.against, &session) {
        (Some(folder), _) => {
            // Read first: they are what is most likely to be wrong.
            let most = arguments.samples.unwrap_or(DEFAULT_SAMPLES);
            let background = arguments.background;
            let pictures = pictures(folder, &source, &dataset, background, most)?;
            let judge = judge(pictures.places.len())?;
            let batches = pictures.batches(judge.at_once());
            let mut judgement = judge.samples(pictures.places.len(), batches)?;
            judgement.notes.extend(pictures.notes);
            let beside = match session {
                Some(_) => "",
                None => " beside MNIST's test images; name a run to compare with its data",
            };
            (format!("{}{beside}", folder.display()), judgement)
        }
        (None, Some((session, step))) => {
            let (name, model) = (&session.experiment.model.name, session.shown());
            if arguments.importance > 0 && model.likelihood().is_none() {
                let problem =
                    format!("--importance: the model `{name}` has no likelihood to bound");
                return Err(Error::Argument(problem));
            }
            let judge = judge(samples)?;
            let judgement = judge.model(model, samples, arguments.importance)?;
            (format!("{name}, step {step}"), judgement)
        }
        (None, None) => return Err(Error::Argument("nothing to judge".to_owned())),
    };
    judgement.notes.extend(without);
    match arguments.json {
        true => say(in_json(&subject, compared_by.as_deref(), &judgement).to_string()),
        false => say(in_words(&subject, compared_by.as_deref(), &judgement)),
    }
    Ok(0)
}

/// Pictures from elsewhere.
struct Pictures {
    /// Images in the form of those that they are compared with.
    dataset: Dataset,
    /// Those that are judged.
    places: Vec<usize>,
    /// What was done to bring them into that form, and what was passed over.
    notes: Vec<String>,
}

impl Pictures {
    /// The pictures `[N, C, H, W]`, at most `at_once` of them at a time.
    fn batches(&self, at_once: usize) -> impl Iterator<Item = latentlab_core::Result<Tensor>> {
        self.places.chunks(at_once).map(|places| {
            let batch = self.dataset.images(Split::Train, places, &Device::Cpu)?;
            Ok(batch.images)
        })
    }
}

/// The pictures in `folder`, at most `most`, in the form of the images of `dataset`, and read as the
/// pictures of `source` were if that is a folder.
fn pictures(
    folder: &Path,
    source: &Source,
    dataset: &Dataset,
    background: Option<Background>,
    most: usize,
) -> Result<Pictures> {
    if !folder.is_dir() {
        let problem = format!("--against: there is no folder {}", folder.display());
        return Err(Error::Argument(problem));
    }
    let source = Folder {
        dir: folder.to_owned(),
        ..own_pictures::reader(source, dataset.info(), background)?
    };
    let config = DataConfig {
        source: Source::Folder(source),
        options: Options::default(),
    };
    let pictures = Dataset::open(&config).map_err(latentlab_core::Error::from)?;
    let count = pictures.len(Split::Train);
    if count < LEAST {
        return Err(Error::Argument(format!(
            "{} holds {count} pictures, which is too few to judge: {LEAST} are the least, some \
             thousand tell more",
            folder.display()
        )));
    }
    let notes = pictures.summary().notes.iter();
    let notes = notes.map(|note| {
        let resized = match note.what.starts_with("resized") {
            true => "; that blurs them, and figures tell of it as well",
            false => "",
        };
        format!("of the pictures, {note}{resized}")
    });
    Ok(Pictures {
        notes: notes.collect(),
        places: choice(count, most),
        dataset: pictures,
    })
}

const NOT_FID: &str = "not comparable with published FID, KID or inception scores, whose features \
                       are Inception v3's";

fn in_words(subject: &str, features: Option<&str>, judgement: &Judgement) -> String {
    let mut text = subject.to_owned();
    if let Some(features) = features {
        text.push_str(&format!("\nfeatures: {features} ({NOT_FID})"));
    }
    let named = judgement
        .figures
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
            let whole = format!("{}/{name}", group.name);
            for remark in judgement.remarks_on(&whole) {
                text.push_str(&format!("\n    ^ {remark}"));
            }
        }
    }
    for note in &judgement.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    text.push_str("\nwhat each figure is: `list --figures`");
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

fn in_json(subject: &str, features: Option<&str>, judgement: &Judgement) -> Value {
    let figures: Map<String, Value> = judgement
        .figures
        .iter()
        .map(|(name, figure)| {
            let figure = json!({
                "value": numbers::to_json(figure.value + 0.0),
                "standard_error": figure.error.map(numbers::to_json),
                "real": figure.real,
                "generated": figure.generated,
                "remarks": judgement.remarks_on(name).collect::<Vec<_>>(),
            });
            (name.clone(), figure)
        })
        .collect();
    json!({
        "subject": subject,
        "features": features,
        "note": features.map(|_| NOT_FID),
        "notes": judgement.notes,
        "figures": figures,
    })
}
