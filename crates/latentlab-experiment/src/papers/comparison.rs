//! Ours against the paper's: a line for each figure and each order.

use std::fmt;

use latentlab_metrics::Confidence;
use latentlab_train::Record;

use super::{Anchor, Order, Paper, Results};
use crate::{
    Verdict,
    expectation::signed,
    figures::{last_values, number},
};

/// What came of one figure or one order of a paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The figure and its runs.
    pub what: String,
    /// What the paper has.
    pub published: String,
    /// What came here: a mean, with half its interval of 95 % where there are several seeds.
    pub ours: String,
    /// Ours less the paper's; of an order, the least rise from a run to the next.
    pub difference: String,
    /// What is to be said of it.
    pub outcome: Outcome,
    /// Seconds of training of the runs that it is about.
    pub seconds: f64,
}

/// What is to be said of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as published.
    Met,
    /// It is not.
    Missed,
    /// A run has no such figure.
    Absent,
    /// It is shown and not judged, with the reason.
    NotJudged(String),
}

impl Outcome {
    /// Whether it is neither missed nor absent.
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Met | Self::NotJudged(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Met => f.write_str("met"),
            Self::Missed => f.write_str("missed"),
            Self::Absent => f.write_str("absent"),
            Self::NotJudged(reason) => write!(f, "not judged: {reason}"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            published,
            ours,
            difference,
            outcome,
            ..
        } = self;
        write!(
            f,
            "{what}: published {published}, ours {ours} ({difference}), {outcome}"
        )
    }
}

impl Results {
    /// Every figure and every order of `paper` whose runs have all ended, in the order of its file.
    pub fn compare(&self, paper: &Paper) -> Vec<Comparison> {
        let ended = |run: &String| self.ended.contains_key(run);
        let anchors = paper.anchors.iter().filter(|anchor| ended(&anchor.run));
        let orders = paper
            .orders
            .iter()
            .filter(|order| order.runs.iter().all(ended));
        let anchors = anchors.map(|anchor| self.anchor(anchor));
        anchors
            .chain(orders.map(|order| self.order(order)))
            .collect()
    }

    fn anchor(&self, anchor: &Anchor) -> Comparison {
        let expectation = &anchor.expectation;
        let mean = self.mean(&anchor.run, |records| expectation.came(records));
        let verdict = expectation.judge(mean.map(|mean| mean.mean));
        let outcome = match (verdict, &anchor.not_judged) {
            (Verdict::Absent, _) => Outcome::Absent,
            (_, Some(reason)) => Outcome::NotJudged(reason.clone()),
            (Verdict::Met { .. }, None) => Outcome::Met,
            (Verdict::Missed { .. }, None) => Outcome::Missed,
        };
        let published = match anchor.not_judged {
            Some(_) => number(expectation.value),
            None => expectation.wanted(),
        };
        Comparison {
            what: format!("{}: {}", anchor.run, expectation.what()),
            published,
            ours: mean.map_or("–".to_owned(), with_interval),
            difference: verdict.difference().map_or("–".to_owned(), signed),
            outcome,
            seconds: self.seconds(&anchor.run),
        }
    }

    fn order(&self, order: &Order) -> Comparison {
        let last = |records: &[Record]| last_values(records).get(&order.figure).copied();
        let means = order.runs.iter().map(|run| self.mean(run, last));
        let means: Option<Vec<Confidence>> = means.collect();
        let rises = means.iter().flat_map(|means| means.windows(2));
        let least = rises
            .map(|pair| pair[1].mean - pair[0].mean)
            .reduce(f64::min);
        let outcome = match least {
            None => Outcome::Absent,
            Some(least) if least >= order.rise => Outcome::Met,
            Some(_) => Outcome::Missed,
        };
        let list = |figures: Vec<String>| figures.join(", ");
        let ours = means.map(|means| list(means.into_iter().map(with_interval).collect()));
        Comparison {
            what: order.what(),
            published: list(order.published.iter().copied().map(number).collect()),
            ours: ours.unwrap_or_else(|| "–".to_owned()),
            difference: least.map_or("–".to_owned(), |least| {
                format!("least rise {}", signed(least))
            }),
            outcome,
            seconds: order.runs.iter().map(|run| self.seconds(run)).sum(),
        }
    }
}

/// A mean, with half its interval where it is one of several measurements.
fn with_interval(mean: Confidence) -> String {
    match mean.count {
        1 => number(mean.mean),
        _ => format!("{} ± {}", number(mean.mean), number(mean.half_width)),
    }
}
