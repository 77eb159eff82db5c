//! The endless stream of training batches, each a pure function of the seed and its number.
//!
//! Nothing is carried from batch to batch, so that a resumed run asks for the batch it would have
//! had next, and so that any number of threads prepares the same ones.

use std::sync::Arc;

use candle_core::Device;
use latentlab_core::{Batch, BatchSource, Error, Result};
use latentlab_tensor::Rng;

use crate::{
    Binarise, Dataset, binarise, flip,
    images::{HostBatch, MEMORY_LIMIT},
    order::Order,
    prefetch::Prefetch,
    shift,
};

/// More threads than this are taken for a slip of the pen.
const MOST_WORKERS: usize = 64;

/// The training images of a data set in random order, without end.
///
/// Batch k holds the places k·B to (k + 1)·B of one permutation of the training images after
/// another: each epoch shows every image once, and a batch may cross from one epoch to the next or
/// hold more images than there are.
pub struct Loader {
    producer: Producer,
    device: Device,
    workers: usize,
    prefetch: Option<Prefetch<Result<HostBatch>>>,
}

/// Makes batches on the CPU; each thread has its own.
#[derive(Clone)]
struct Producer {
    dataset: Arc<Dataset>,
    batch_size: usize,
    seed: u64,
    order: Order,
}

impl Loader {
    /// A stream of batches of `batch_size` images on `device`, in the order of `seed`. `workers`
    /// threads prepare batches ahead; with 0 they are made when asked for.
    ///
    /// # Errors
    /// For an empty batch, one of 4 GiB or more, or more than 64 threads.
    pub fn new(
        dataset: Arc<Dataset>,
        batch_size: usize,
        seed: u64,
        workers: usize,
        device: &Device,
    ) -> Result<Self> {
        let most = MEMORY_LIMIT / (4 * dataset.info().shape.pixels() as u64);
        if !(1..=most).contains(&(batch_size as u64)) {
            let problem = format!("is {batch_size}, expected 1 to {most} images of this size");
            return Err(Error::config("batch_size", problem));
        }
        if workers > MOST_WORKERS {
            let problem = format!("is {workers}, expected 0 to {MOST_WORKERS} threads");
            return Err(Error::config("data.workers", problem));
        }
        let order = Order::new(seed, dataset.train_rows().len());
        Ok(Self {
            producer: Producer {
                dataset,
                batch_size,
                seed,
                order,
            },
            device: device.clone(),
            workers,
            prefetch: None,
        })
    }

    fn prepared(&mut self, index: u64) -> Result<HostBatch> {
        if self.workers == 0 {
            return self.producer.produce(index);
        }
        let mut prefetch = match self.prefetch.take() {
            Some(prefetch) if prefetch.next() == index => prefetch,
            _ => {
                let mut producer = self.producer.clone();
                let produce = move |index| producer.produce(index);
                Prefetch::start(index, self.workers, produce).map_err(|error| {
                    Error::Data(format!("cannot start a thread that loads data: {error}"))
                })?
            }
        };
        let batch = prefetch.take().ok_or_else(|| {
            Error::Data(format!(
                "the thread that loads data panicked at batch {index}"
            ))
        })??;
        self.prefetch = Some(prefetch);
        Ok(batch)
    }
}

impl BatchSource for Loader {
    fn batch(&mut self, index: u64) -> Result<Batch> {
        let shape = self.producer.dataset.info().shape;
        self.prepared(index)?.upload(shape, &self.device)
    }
}

impl Producer {
    fn produce(&mut self, index: u64) -> Result<HostBatch> {
        let train = self.dataset.train_rows();
        let places = self.order.batch(index, self.batch_size)?;
        let rows: Vec<u32> = places
            .into_iter()
            .map(|place| train[place as usize])
            .collect();
        let mut batch = self.dataset.train_images(&rows);
        let options = self.dataset.options();
        if options.flip {
            let mut rng = Rng::stream(self.seed, "data/flip", index);
            flip::random(&mut batch.values, self.dataset.info().shape, &mut rng);
        }
        if options.shift > 0 {
            let mut rng = Rng::stream(self.seed, "data/shift", index);
            let shape = self.dataset.info().shape;
            shift::random(&mut batch.values, shape, options.shift, &mut rng);
        }
        if options.binarise == Binarise::Dynamic {
            let mut rng = Rng::stream(self.seed, "data/binarise", index);
            binarise::draw(&mut batch.values, &mut rng);
        }
        Ok(batch)
    }
}
