//! Data drawn from a distribution that is known exactly.

use std::sync::Arc;

use latentlab_core::{ImageShape, ValueRange};
use latentlab_tensor::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    fingerprint::sha256,
    images::{Images, Loaded, MEMORY_LIMIT, Values},
    summary::Notes,
};

/// How many samples of a known distribution to draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Synthetic {
    /// Number of samples to train on.
    pub train: u32,
    /// Number of samples to test on.
    pub test: u32,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self {
            train: 60_000,
            test: 10_000,
        }
    }
}

impl Synthetic {
    /// Draws samples of `SIZE` channels and one pixel, each with its label.
    pub(crate) fn draw<const SIZE: usize>(
        &self,
        name: &str,
        range: ValueRange,
        seed: u64,
        mut sample: impl FnMut(&mut Rng) -> (u32, [f32; SIZE]),
    ) -> Result<Loaded> {
        let shape = ImageShape {
            channels: SIZE,
            height: 1,
            width: 1,
        };
        let count = u64::from(self.train) + u64::from(self.test);
        if count * (SIZE as u64 + 1) * 4 >= MEMORY_LIMIT {
            let problem = format!("{count} samples take more than the limit of 4 GiB of memory");
            return Err(Error::config("train", problem));
        }
        let mut rng = Rng::stream(seed, &format!("data/{name}"), 0);
        let mut values = Vec::with_capacity(count as usize * SIZE);
        let mut labels = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let (label, value) = sample(&mut rng);
            labels.push(label);
            values.extend(value);
        }
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let fingerprints = vec![(name.to_owned(), sha256([bytes.as_slice()]))];
        let images = Images {
            shape,
            values: Values::Floats(values),
            labels: Some(labels),
        };
        Ok(Loaded {
            images: Arc::new(images),
            range,
            train: (0..self.train).collect(),
            test: (self.train..count as u32).collect(),
            ranks: None,
            classes: None,
            fingerprints,
            notes: Notes::default(),
        })
    }
}
