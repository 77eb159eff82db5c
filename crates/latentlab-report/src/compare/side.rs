//! One of the runs that are compared, read from its directory.

use std::{collections::BTreeMap, fs, path::Path};

use latentlab_train::observers::numbered_pictures;
use latentlab_train::{Record, observers::read_metrics};
use serde::Deserialize;
use toml::{Table, Value};

use latentlab_run::{
    Error, Expectation, Result, RunRecord, Status, Verdict,
    figures::last_values,
    overrides::{differing_keys, flatten},
    run_dir::{read_toml, required},
};

/// A run, as far as its directory tells by now.
pub(super) struct Side {
    /// What it is called beside the others.
    pub(super) name: String,
    /// The directory as it was given.
    pub(super) path: String,
    /// What `run.json` says.
    pub(super) record: RunRecord,
    /// Every key of its experiment.
    pub(super) config: Table,
    /// The lines of `metrics.jsonl`.
    pub(super) records: Vec<Record>,
    /// The last value of every figure that is not NaN.
    pub(super) figures: BTreeMap<String, f64>,
    /// The last picture of samples, with its step.
    pub(super) samples: Option<(u64, Vec<u8>)>,
    plan: Plan,
}

/// What the experiment says about the end of the run.
#[derive(Deserialize)]
struct Plan {
    steps: u64,
    #[serde(default)]
    expect: Vec<Expectation>,
}

impl Side {
    /// Reads a run directory, whether the run has ended or not.
    ///
    /// # Errors
    /// If it is none, or one of its files cannot be read.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let record = RunRecord::read(directory)?;
        let config = required(directory, "config.toml")?;
        let table = read_toml(&config)?;
        let metrics = directory.join("metrics.jsonl");
        let records = match metrics.is_file() {
            true => read_metrics(&metrics)?,
            false => Vec::new(),
        };
        let whole = fs::canonicalize(directory).map_err(Error::file(directory))?;
        let folder = whole.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            name: record.name.clone().unwrap_or(folder.into_owned()),
            path: directory.display().to_string(),
            record,
            plan: table
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| Error::format(&config, error))?,
            config: table,
            figures: last_values(&records),
            records,
            samples: last_samples(&directory.join("samples"))?,
        })
    }

    /// Every key of its experiment by its dotted path.
    pub(super) fn keys(&self) -> BTreeMap<String, Value> {
        flatten(&self.config).into_iter().collect()
    }

    /// The last step that was recorded.
    pub(super) fn step(&self) -> u64 {
        self.records.last().map_or(0, |record| record.step)
    }

    /// The steps that the run is to take.
    pub(super) fn steps(&self) -> u64 {
        self.plan.steps
    }

    /// What the run's own expectation says of a figure, once it has taken all its steps.
    pub(super) fn verdict(&self, figure: &str) -> Option<Verdict> {
        let whole = self.record.status == Status::Finished && self.step() >= self.plan.steps;
        let is_of_the_end = |one: &&Expectation| one.figure == figure && one.step.is_none();
        let expectation = self.plan.expect.iter().find(is_of_the_end)?;
        whole.then(|| expectation.judge(expectation.came(&self.records)))
    }
}

/// Keys in a name, at most: a longer list is read in the table.
const KEYS_IN_A_NAME: usize = 3;

/// Calls runs by the names that they were given, or by the keys in which they differ, which tell more
/// than the time of their start; by their whole paths where that does not tell them apart.
pub(super) fn tell_apart(sides: &mut [Side]) {
    let configs: Vec<BTreeMap<_, _>> = sides.iter().map(Side::keys).collect();
    let mut keys = differing_keys(&configs);
    keys.retain(|key| !["summary", "expect"].contains(&key.as_str()));
    if (1..=KEYS_IN_A_NAME).contains(&keys.len()) {
        let unnamed = sides.iter_mut().zip(configs);
        for (side, config) in unnamed.filter(|(side, _)| side.record.name.is_none()) {
            let parts = keys.iter().map(|key| {
                let short = key.rsplit('.').next().unwrap_or(key);
                let value = config.get(key).map_or("unset".to_owned(), Value::to_string);
                format!("{short}={value}")
            });
            side.name = parts.collect::<Vec<_>>().join(", ");
        }
    }
    let names: Vec<String> = sides.iter().map(|side| side.name.clone()).collect();
    for side in sides {
        if names.iter().filter(|name| **name == side.name).count() > 1 {
            side.name = side.path.clone();
        }
    }
}

fn last_samples(folder: &Path) -> Result<Option<(u64, Vec<u8>)>> {
    let Some((step, file)) = numbered_pictures(folder, "step")?.pop() else {
        return Ok(None);
    };
    let png = fs::read(&file).map_err(Error::file(&file))?;
    Ok(Some((step, png)))
}
