//! `latentlab describe`: an experiment's resolved file, explained.

use std::path::PathBuf;

use clap::Args;
use latentlab_core::Registry;
use latentlab_optim::OptimizerConfig;

use super::{Changes, say};
use crate::commented::{Schemas, describe};
use latentlab_run::{Experiment, Result, library};

/// Arguments of `describe`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An embedded experiment (see `latentlab list`) or the path of a TOML file
    #[arg(value_name = "NAME|FILE.toml")]
    experiment: PathBuf,
    #[command(flatten)]
    changes: Changes,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    let source = library::find(&arguments.experiment)?;
    let changes = arguments.changes.table()?;
    let experiment = Experiment::resolve(&source.table, &changes, registry)?;
    let optimizer = schemars::schema_for!(OptimizerConfig).to_value();
    let data_name = experiment.data.get("name").and_then(|name| name.as_str());
    let schemas = Schemas {
        experiment: schemars::schema_for!(Experiment).to_value(),
        tables: vec![
            (
                "data",
                latentlab_data::schema(data_name.unwrap_or_default())?.to_value(),
            ),
            (
                "model.config",
                registry.get(&experiment.model.name)?.schema().to_value(),
            ),
            ("optimizer", optimizer.clone()),
            ("optimizers.*", optimizer),
        ],
    };
    say(describe(&experiment.to_table()?, &schemas).trim_end());
    Ok(0)
}
