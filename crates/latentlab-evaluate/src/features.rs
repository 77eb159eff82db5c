//! What images are compared by: their pixels, or the features of a trained network.
//!
//! A feature network is one safetensors file: the parameters of a model, and as its description
//! (see [`encode_described`]) which model that is, with which configuration, for which images.
//! [`FeatureExtractor::digits`] and [`FeatureExtractor::pictures`] come with the program; `latentlab
//! features DIR` makes another of any run whose model classifies or encodes. For a network trained elsewhere, write its
//! weights under the names of the model of the same layers, with such a description.

use std::{fs, path::Path};

use candle_core::{DType, Device, Tensor};
use latentlab_core::{DataInfo, Error, GenerativeModel, ImageShape, Registry, Result, ValueRange};
use latentlab_data::Source;
use latentlab_metrics::resized;
use latentlab_tensor::{ParamStore, decode_tensors, description, encode_described};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::batches::at_once;

/// The classifier of MNIST's digits: the experiment `digit-classifier`, seed 0, its averaged
/// parameters, written by `latentlab features`.
const DIGITS: &[u8] = include_bytes!("../features/digits.safetensors");

/// The classifier of drawn colour pictures: the experiment `picture-classifier`, seed 0, its averaged
/// parameters, written by `latentlab features`.
const PICTURES: &[u8] = include_bytes!("../features/pictures.safetensors");

/// Images that pass through a network at once, at most.
const CHUNK: usize = 500;
/// Rows and columns of images that the features of pictures see something in, at least.
const SMALLEST_SIDE: usize = 8;
/// Channels, rows and columns of the images of a network, at most.
const LARGEST_SIDE: usize = 1 << 10;
/// Values of an image of a network, at most: its mean is taken into memory before any layer is there.
const LARGEST_IMAGE: usize = 1 << 22;
/// Pixels of an image, at most, that are compared as they are: distances between distributions
/// take the square of this many numbers.
const MOST_PIXELS: usize = 4096;

/// What images are compared by.
pub enum FeatureExtractor {
    /// Their values, as they are.
    Pixels,
    /// What a network makes of them.
    Network(Box<FeatureNetwork>),
}

/// A trained network that classifies or encodes.
pub struct FeatureNetwork {
    name: String,
    description: Description,
    model: Box<dyn GenerativeModel>,
    /// Whether images of any size are brought into its own, and its classes are nobody's concern.
    general: bool,
}

/// What the parameters of a feature network are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    model: String,
    config: Table,
    shape: ImageShape,
    range: ValueRange,
    classes: Option<usize>,
}

impl FeatureExtractor {
    /// The classifier of digits that comes with the program.
    ///
    /// # Errors
    /// None, unless the program was built with a damaged file.
    pub fn digits() -> Result<Self> {
        let registry = Registry::default().with(latentlab_models::plugin)?;
        Self::network("digits", Path::new("digits.safetensors"), DIGITS, &registry)
    }

    /// The network for pictures of any kind and size that comes with the program: the classifier of
    /// drawn colour pictures, whose features alone count. Images are resized to 32x32; grey ones are
    /// taken as colours.
    ///
    /// # Errors
    /// None, unless the program was built with a damaged file.
    pub fn pictures() -> Result<Self> {
        let registry = Registry::default().with(latentlab_models::plugin)?;
        let file = Path::new("pictures.safetensors");
        let mut extractor = Self::network("pictures", file, PICTURES, &registry)?;
        if let Self::Network(network) = &mut extractor {
            network.general = true;
        }
        Ok(extractor)
    }

    /// What `name` asks for: `digits`, `pictures`, `pixels`, `none`, a file, or `auto`. An error calls
    /// it `key`.
    ///
    /// # Errors
    /// If there is no such network, or its file is not as it should be.
    pub fn choose(
        key: &str,
        name: &str,
        source: &Source,
        info: &DataInfo,
        registry: &Registry,
    ) -> Result<Option<Self>> {
        Ok(match (name, source) {
            ("none", _) => None,
            ("pixels", _) => Some(Self::Pixels),
            ("digits", _) | ("auto", Source::Mnist(_)) => Some(Self::digits()?),
            ("pictures", _) => Some(Self::pictures()?),
            ("auto", _) if suits_pictures(info) => Some(Self::pictures()?),
            ("auto", _) => None,
            (file, _) if !Path::new(file).is_file() => {
                let problem = format!(
                    "there is no file `{file}`; known besides files: auto, digits, pictures, pixels, none"
                );
                return Err(Error::config(key, problem));
            }
            (file, _) => Some(Self::read(Path::new(file), registry)?),
        })
    }

    /// The feature network in `file`, of a model in `registry`.
    ///
    /// # Errors
    /// If the file cannot be read, does not say what it holds, or holds something else.
    pub fn read(file: &Path, registry: &Registry) -> Result<Self> {
        let bytes =
            fs::read(file).map_err(|error| Error::Data(format!("{}: {error}", file.display())))?;
        let name = file.file_stem().unwrap_or(file.as_os_str());
        Self::network(&name.to_string_lossy(), file, &bytes, registry)
    }

    fn network(name: &str, file: &Path, bytes: &[u8], registry: &Registry) -> Result<Self> {
        let wrong = |problem: String| Error::Data(format!("{}: {problem}", file.display()));
        let text = description(bytes)
            .map_err(|error| wrong(error.to_string()))?
            .ok_or_else(|| {
                let problem = "does not say which model its parameters are of; make it with \
                               `features DIR`";
                wrong(problem.to_owned())
            })?;
        let description: Description = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("its description: {error}")))?;
        let tensors = decode_tensors(bytes).map_err(|error| wrong(error.to_string()))?;
        let shape = description.shape;
        let sides = [shape.channels, shape.height, shape.width];
        if sides.iter().any(|side| !(1..=LARGEST_SIDE).contains(side)) {
            return Err(wrong(format!(
                "is for images of {sides:?} values, sides are 1 to {LARGEST_SIDE}"
            )));
        }
        if shape.pixels() > LARGEST_IMAGE {
            return Err(wrong(format!(
                "is for images of {sides:?} values, an image has at most {LARGEST_IMAGE}"
            )));
        }
        let info = DataInfo {
            shape,
            range: description.range,
            classes: description.classes,
            mean: vec![0.0; shape.pixels()],
        };
        let values = tensors.values().map(|tensor| tensor.elem_count()).sum();
        let store = ParamStore::new(0, DType::F32, &Device::Cpu).with_room(values);
        let entry = registry.get(&description.model)?;
        let model = entry.build(&description.config, &info, &store.root());
        let model = model.map_err(|error| wrong(error.to_string()))?;
        store
            .load(&tensors)
            .map_err(|error| wrong(error.to_string()))?;
        store.freeze();
        if model.classifier().is_none() && model.reconstructor().is_none() {
            return Err(wrong(has_none(&description.model)));
        }
        Ok(Self::Network(Box::new(FeatureNetwork {
            name: name.to_owned(),
            description,
            model,
            general: false,
        })))
    }

    /// What it is called beside a figure.
    pub fn name(&self) -> &str {
        match self {
            Self::Pixels => "pixels",
            Self::Network(network) => &network.name,
        }
    }

    /// Refuses images that it was not made for.
    ///
    /// # Errors
    /// If the shape or the range of values is another, or there are too many pixels to compare.
    pub fn check(&self, info: &DataInfo) -> Result<()> {
        let problem = match self {
            Self::Pixels if info.shape.pixels() > MOST_PIXELS => format!(
                "images of {} values cannot be compared by their pixels, of which there may be \
                 {MOST_PIXELS}; give a feature network instead",
                info.shape.pixels()
            ),
            Self::Network(network) if network.general => match suits_pictures(info) {
                true => return Ok(()),
                false => format!(
                    "the features of pictures are for grey or colour images of at least \
                     {SMALLEST_SIDE}x{SMALLEST_SIDE}, these are of {}",
                    words(info.shape)
                ),
            },
            Self::Network(network)
                if (network.description.shape, network.description.range)
                    != (info.shape, info.range) =>
            {
                format!(
                    "the feature network `{}` is for images of {}, these are of {}",
                    network.name,
                    words(network.description.shape),
                    words(info.shape)
                )
            }
            _ => return Ok(()),
        };
        Err(Error::Data(problem))
    }

    /// The features `[N, F]` of images `[N, C, H, W]`, on the CPU.
    ///
    /// # Errors
    /// If the images have another shape than the network takes.
    pub fn of(&self, images: &Tensor) -> Result<Tensor> {
        let Self::Network(network) = self else {
            return Ok(images.flatten_from(1)?.to_device(&Device::Cpu)?);
        };
        let count = images.dim(0)?;
        let (_, channels, height, width) = images.dims4()?;
        let shape = ImageShape {
            channels,
            height,
            width,
        };
        let images = images.to_device(&Device::Cpu)?;
        let size = at_once(shape, CHUNK);
        let mut features = Vec::new();
        for start in (0..count).step_by(size) {
            let mut some = images.narrow(0, start, size.min(count - start))?;
            if network.general {
                some = resized(&some, network.description.shape)?;
            }
            features.push(network.features(&some)?);
        }
        Ok(Tensor::cat(&features, 0)?)
    }

    /// The probability of each class, `[N, classes]`, given features; none without a classifier.
    ///
    /// # Errors
    /// If the features are those of another network.
    pub fn class_probabilities(&self, features: &Tensor) -> Result<Option<Tensor>> {
        let Self::Network(network) = self else {
            return Ok(None);
        };
        let Some(classifier) = network.model.classifier().filter(|_| !network.general) else {
            return Ok(None);
        };
        let logits = classifier.class_logits(features)?;
        let largest = logits.max_keepdim(1)?;
        let powers = logits.broadcast_sub(&largest)?.exp()?;
        Ok(Some(powers.broadcast_div(&powers.sum_keepdim(1)?)?))
    }
}

impl FeatureNetwork {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        match (self.model.classifier(), self.model.reconstructor()) {
            (Some(classifier), _) => classifier.features(images),
            (None, Some(reconstructor)) => reconstructor.encode(images),
            (None, None) => Err(Error::Data(has_none(&self.description.model))),
        }
    }

    /// The bytes of the file of a trained `model`, whose parameters are `store`'s: the registered name
    /// and configuration it was built with, and what its data are like, come with them.
    ///
    /// # Errors
    /// If the model neither classifies nor encodes.
    pub fn encode(
        model: &dyn GenerativeModel,
        store: &ParamStore,
        (name, config): (&str, &Table),
        info: &DataInfo,
    ) -> Result<Vec<u8>> {
        if model.classifier().is_none() && model.reconstructor().is_none() {
            return Err(Error::Data(has_none(name)));
        }
        let description = Description {
            model: name.to_owned(),
            config: config.clone(),
            shape: info.shape,
            range: info.range,
            classes: info.classes,
        };
        let text = serde_json::to_string(&description);
        let text = text.map_err(|error| Error::Data(error.to_string()))?;
        Ok(encode_described(&store.tensors(), &text)?)
    }

    /// The model.
    pub fn model(&self) -> &dyn GenerativeModel {
        &*self.model
    }
}

/// Whether images that `info` is about are pictures for [`FeatureExtractor::pictures`].
fn suits_pictures(info: &DataInfo) -> bool {
    let shape = info.shape;
    info.range == ValueRange::Unit
        && matches!(shape.channels, 1 | 3)
        && shape.height.min(shape.width) >= SMALLEST_SIDE
}

fn has_none(model: &str) -> String {
    format!("the model `{model}` neither classifies nor encodes, so it has no features")
}

fn words(shape: ImageShape) -> String {
    format!("{}x{}x{}", shape.channels, shape.height, shape.width)
}
