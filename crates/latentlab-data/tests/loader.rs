//! Batches are a pure function of seed and number, whoever makes them.

use std::sync::{Arc, OnceLock};

use candle_core::Device;
use latentlab_core::{Batch, BatchSource};
use latentlab_data::{DataConfig, Dataset, Loader};
use proptest::prelude::*;
use toml::toml;

/// Sixty throws of a die, with a random draw for each batch.
fn throws() -> Arc<Dataset> {
    static THROWS: OnceLock<Arc<Dataset>> = OnceLock::new();
    let open = || {
        let table = toml! { name = "dice" train = 60 test = 0 binarise = "dynamic" };
        Arc::new(Dataset::open(&DataConfig::from_table(&table).unwrap()).unwrap())
    };
    THROWS.get_or_init(open).clone()
}

fn loader(batch_size: usize, workers: usize) -> Loader {
    Loader::new(throws(), batch_size, 11, workers, &Device::Cpu).unwrap()
}

fn content(batch: Batch) -> (Vec<f32>, Vec<u32>) {
    let images = batch.images.flatten_all().unwrap().to_vec1().unwrap();
    (images, batch.labels.unwrap().to_vec1().unwrap())
}

proptest! {
    #![proptest_config(latentlab_testing::cases(32))]

    #[test]
    fn a_batch_depends_neither_on_history_nor_on_the_number_of_workers(
        indices in prop::collection::vec(0u64..30, 1..8), batch_size in 1usize..100,
    ) {
        let mut sources = [0, 1, 2, 3].map(|workers| loader(batch_size, workers));
        for index in indices {
            let fresh = content(loader(batch_size, 0).batch(index).unwrap());
            for source in &mut sources {
                // The batch and the one after it, so that both jumps and runs are seen.
                prop_assert_eq!(&content(source.batch(index).unwrap()), &fresh);
                source.batch(index + 1).unwrap();
            }
        }
    }
}

#[test]
fn an_error_of_a_worker_reaches_the_caller_and_the_loader_goes_on() {
    let mut loader = loader(8, 2);
    let message = loader.batch(u64::MAX).unwrap_err().to_string();
    assert!(
        message.contains("beyond the last possible one"),
        "{message}"
    );
    assert_eq!(loader.batch(3).unwrap().size().unwrap(), 8);
}

#[test]
fn sizes_that_cannot_work_are_refused() {
    for (batch_size, workers, field) in [(0, 0, "batch_size"), (8, 65, "data.workers")] {
        let error = Loader::new(throws(), batch_size, 0, workers, &Device::Cpu)
            .err()
            .unwrap();
        assert!(
            error.to_string().starts_with(&format!("`{field}`")),
            "{error}"
        );
    }
}
