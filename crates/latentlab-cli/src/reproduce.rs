//! `latentlab reproduce`: the same run again, compared byte by byte.

use std::{fs, path::PathBuf};

use clap::Args;
use latentlab_core::Registry;
use latentlab_data::{DataConfig, Dataset};
use latentlab_report::runner;
use toml::Table;

use super::{interruption::Interruption, say};
use latentlab_run::{
    Error, Result, RunRecord, Status,
    config::is_location,
    reproduction::compare,
    run_model::check_data,
    train::{Plan, read_experiment},
};

/// Arguments of `reproduce`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directory
    #[arg(value_name = "DIR")]
    run: PathBuf,
    /// Where the second run goes; a directory beside the first, removed afterwards, without it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// The first run's number of threads: the result does not depend on it, the time does.
    pub(super) fn threads(&self) -> Result<usize> {
        Ok(RunRecord::read(&self.run)?.environment.threads)
    }
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    let record = RunRecord::read(&arguments.run)?;
    if record.status != Status::Finished {
        return Err(Error::Argument(format!(
            "{} is {}; `resume` it first, so that there is something to compare with",
            arguments.run.display(),
            record.status
        )));
    }
    let experiment = read_experiment(&arguments.run, registry)?;
    let changed: Vec<&str> = record
        .resumed
        .iter()
        .flat_map(|resumption| &resumption.changed)
        .map(|(key, _, _)| key.as_str())
        .filter(|key| *key != "threads" && *key != "device" && !is_location(key))
        .collect();
    if !changed.is_empty() {
        return Err(Error::Argument(format!(
            "{} was resumed with other settings ({}), so no single run leaves the same files",
            arguments.run.display(),
            changed.join(", ")
        )));
    }
    // The whole path: beside `.` there is no place that its name tells.
    let first = fs::canonicalize(&arguments.run).map_err(Error::file(&arguments.run))?;
    let name = first.file_name().unwrap_or_default();
    let beside = format!(".{}-again-{}", name.to_string_lossy(), std::process::id());
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => first.with_file_name(beside),
    };
    let data = DataConfig::from_table(&experiment.data)?;
    let data = Dataset::open(&data).map_err(latentlab_core::Error::from)?;
    check_data(&arguments.run, &record, &data)?;
    let interruption = Interruption::watch()?;
    let again = runner(registry, interruption.asked()).start(Plan {
        name: &record.experiment,
        experiment,
        overrides: Table::new(),
        out: Some(&out),
        run_name: None,
        argv: super::argv(),
    });
    let found = again.and_then(|ended| match ended.summary.status {
        Status::Interrupted => Ok(None),
        _ => compare(&first, &out).map(Some),
    });
    if arguments.out.is_none() {
        // What cannot be removed is left; the comparison is what was asked for.
        let _ = fs::remove_dir_all(&out);
    }
    let Some(found) = found? else {
        return Ok(interruption.exit_code());
    };
    for (file, difference) in &found.different {
        say(format!("differs  {}: {difference}", file.display()));
    }
    say(format!(
        "{} of {} files are the same, times aside",
        found.equal.len(),
        found.equal.len() + found.different.len()
    ));
    Ok(u8::from(!found.different.is_empty()))
}
