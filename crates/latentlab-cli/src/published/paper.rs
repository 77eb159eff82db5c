//! The file of a paper: the runs it takes here, and what they should come to.

use latentlab_core::Registry;
use serde::Deserialize;
use toml::{Table, Value};

use latentlab_run::{
    Error, Expectation, Experiment, Result,
    library::{self, EMBEDDED},
};

/// A paper, or a program whose figures are known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// The name on the command line.
    #[serde(skip)]
    pub name: String,
    /// What was measured there.
    pub title: String,
    /// Who measured it.
    pub source: String,
    /// How it was trained and measured there.
    pub protocol: String,
    /// What is different here.
    pub differs: String,
    /// About how long all runs take on two cores, in hours.
    pub hours: f64,
    /// An embedded experiment's name, or an experiment, that all runs have in common.
    experiment: Value,
    /// The runs.
    #[serde(rename = "run")]
    pub runs: Vec<Run>,
    /// Figures of the paper.
    #[serde(default, rename = "expect")]
    pub anchors: Vec<Anchor>,
    /// What the paper found to be more than what.
    #[serde(default, rename = "order")]
    pub orders: Vec<Order>,
}

/// A training, with one or several seeds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// What it is called in this file.
    pub name: String,
    /// The seeds to train with; figures are means over them.
    pub seeds: Vec<u32>,
    /// What is different from the paper's experiment.
    #[serde(default)]
    pub set: Table,
}

/// A figure of the paper.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The run that is held to it.
    pub run: String,
    /// Why the difference is shown and not judged, such as `reduced schedule`.
    #[serde(default)]
    pub not_judged: Option<String>,
    /// The figure, its value and its tolerance.
    #[serde(flatten)]
    pub expectation: Expectation,
}

/// A figure that the paper found to rise from run to run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The figure: its last value, as a mean over the seeds.
    pub figure: String,
    /// The runs, the one with the lowest figure first.
    pub runs: Vec<String>,
    /// By how much each is above the one before it, at least, in the figure's unit.
    #[serde(default)]
    pub rise: f64,
    /// The paper's own figures, in the same order.
    pub published: Vec<f64>,
}

impl Paper {
    /// Reads the file `text` of the paper `name`.
    ///
    /// # Errors
    /// For a file that is no TOML or has wrong keys, for runs that cannot be told apart or do not
    /// exist, and for values that compare with nothing.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let wrong = |problem: String| Error::Argument(format!("paper {name}: {problem}"));
        let table: Table = text.parse().map_err(|error| wrong(format!("{error}")))?;
        let read = latentlab_core::from_table("", table);
        let paper: Self = read.map_err(|error| wrong(error.to_string()))?;
        paper
            .problem()
            .map_or(Ok(()), |problem| Err(wrong(problem)))?;
        for anchor in &paper.anchors {
            let checked = anchor.expectation.check();
            checked.map_err(|error| wrong(error.to_string()))?;
        }
        Ok(Self {
            name: name.to_owned(),
            ..paper
        })
    }

    /// The experiment of `run` with `seed`, resolved.
    ///
    /// # Errors
    /// If the experiment has no such name, or is not as it should be.
    pub fn experiment(&self, run: &Run, seed: u32, registry: &Registry) -> Result<Experiment> {
        let file = match &self.experiment {
            Value::Table(table) => table.clone(),
            Value::String(name) => match EMBEDDED.iter().any(|(known, _)| known == name) {
                true => library::find(name)?.table,
                false => {
                    let known = EMBEDDED.map(|(known, _)| known);
                    return Err(latentlab_core::Error::unknown("experiment", name, known).into());
                }
            },
            other => {
                let problem = format!("must be a name or a table, not {other}");
                return Err(latentlab_core::Error::config("experiment", problem).into());
            }
        };
        let mut changes = run.set.clone();
        changes.insert("seed".to_owned(), seed.into());
        Experiment::resolve(&file, &changes, registry)
    }

    /// How many trainings it takes.
    pub fn count(&self) -> usize {
        self.runs.iter().map(|run| run.seeds.len()).sum()
    }

    /// The run of this name; every name that this file uses is one.
    pub(super) fn run(&self, name: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.name == name)
    }

    fn problem(&self) -> Option<String> {
        if !(self.hours > 0.0 && self.hours.is_finite()) {
            return Some(format!("`hours` must be above 0, not {}", self.hours));
        }
        if self.anchors.is_empty() && self.orders.is_empty() {
            return Some("there is nothing to compare; add `[[expect]]` or `[[order]]`".to_owned());
        }
        for (index, run) in self.runs.iter().enumerate() {
            let Run { name, seeds, .. } = run;
            if self.runs[..index].iter().any(|other| other.name == *name) {
                return Some(format!("there are two runs `{name}`"));
            }
            let twice = |(index, seed): (usize, &u32)| seeds[..index].contains(seed);
            if seeds.is_empty() || seeds.iter().enumerate().any(twice) {
                return Some(format!("the run `{name}` needs `seeds`, each of them once"));
            }
        }
        let known = || self.runs.iter().map(|run| run.name.as_str());
        let anchored = self.anchors.iter().map(|anchor| &anchor.run);
        let ordered = self.orders.iter().flat_map(|order| &order.runs);
        for name in anchored.chain(ordered) {
            if self.run(name).is_none() {
                return Some(latentlab_core::Error::unknown("run", name, known()).to_string());
            }
        }
        let unequal =
            |order: &&Order| order.runs.len() < 2 || order.runs.len() != order.published.len();
        if let Some(order) = self.orders.iter().find(unequal) {
            return Some(format!(
                "the order of `{}` needs two runs or more, and as many published figures",
                order.figure
            ));
        }
        let astray = |order: &&Order| {
            let rises = |pair: &[f64]| pair[1] - pair[0] >= 0.0;
            let can_rise = order.rise >= 0.0 && order.rise.is_finite();
            !(can_rise && order.published.windows(2).all(rises))
                || order.runs.windows(2).any(|pair| pair[0] == pair[1])
        };
        let order = self.orders.iter().find(astray)?;
        Some(format!(
            "the order of `{}` needs a `rise` from 0 up, published figures that do not fall, and \
             another run in each place",
            order.figure
        ))
    }
}

impl Order {
    /// The order in few words: `test/log_likelihood: k1 < k5 < k50`.
    pub(super) fn what(&self) -> String {
        let sign = if self.rise > 0.0 { " < " } else { " <= " };
        format!("{}: {}", self.figure, self.runs.join(sign))
    }
}
