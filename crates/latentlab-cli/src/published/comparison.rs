//! Ours against the paper's: a line for each figure and each order.

use std::fmt;

use latentlab_metrics::Confidence;
use latentlab_train::Record;

use super::{Anchor, Order, Paper, Results};
use latentlab_run::{
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
    /// Another handful of seeds might say the opposite: the interval of 95 % around a mean of several
    /// seeds, or around a rise between two runs, reaches over the border of what was asked.
    Undecided,
    /// A run has no such figure.
    Absent,
    /// It is shown and not judged, with the reason.
    NotJudged(String),
}

impl Outcome {
    /// Whether it is neither missed, undecided nor absent.
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Met | Self::NotJudged(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Met => f.write_str("met"),
            Self::Missed => f.write_str("missed"),
            Self::Undecided => f.write_str("undecided"),
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
        let sure = mean.is_none_or(|mean| {
            let (band, [low, high]) = (expectation.band(), mean.interval());
            let inside = band.contains(&low) && band.contains(&high);
            let apart = high < *band.start() || low > *band.end();
            mean.count == 1 || inside || apart
        });
        let outcome = match (verdict, &anchor.not_judged) {
            (Verdict::Absent, _) => Outcome::Absent,
            (_, Some(reason)) => Outcome::NotJudged(reason.clone()),
            _ if !sure => Outcome::Undecided,
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
        let pairs = means.iter().flat_map(|means| means.windows(2));
        let rises = pairs.map(|pair| (pair[1].mean - pair[0].mean, interval_of_rise(pair)));
        let least = rises.min_by(|one, other| one.0.total_cmp(&other.0));
        let outcome = match least {
            None => Outcome::Absent,
            Some((rise, interval)) if (rise - order.rise).abs() < interval => Outcome::Undecided,
            Some((rise, _)) if rise >= order.rise => Outcome::Met,
            Some(_) => Outcome::Missed,
        };
        let list = |figures: Vec<String>| figures.join(", ");
        let ours = means.map(|means| list(means.into_iter().map(with_interval).collect()));
        Comparison {
            what: order.what(),
            published: list(order.published.iter().copied().map(number).collect()),
            ours: ours.unwrap_or_else(|| "–".to_owned()),
            difference: least.map_or("–".to_owned(), |(rise, interval)| match interval {
                0.0 => format!("least rise {}", signed(rise)),
                _ => format!("least rise {} ± {}", signed(rise), number(interval)),
            }),
            outcome,
            seconds: order.runs.iter().map(|run| self.seconds(run)).sum(),
        }
    }
}

/// Half the interval around the difference of two means: the root of the sum of the squares of
/// theirs, which is a little wider than Welch's. 0 where both are single measurements, which tell
/// nothing of it.
fn interval_of_rise(pair: &[Confidence]) -> f64 {
    let known = pair.iter().filter(|mean| mean.count > 1);
    let squares: f64 = known.map(|mean| mean.half_width.powi(2)).sum();
    squares.sqrt()
}

/// A mean, with half its interval where it is one of several measurements.
fn with_interval(mean: Confidence) -> String {
    match mean.count {
        1 => number(mean.mean),
        _ => format!("{} ± {}", number(mean.mean), number(mean.half_width)),
    }
}
