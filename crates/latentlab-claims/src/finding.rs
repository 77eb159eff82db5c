//! What a claim's experiment found.

use std::fmt;

use latentlab_report::Picture;

use crate::Chart;

/// What a claim's experiment found.
#[derive(Default)]
pub struct Finding {
    /// The figures that decide, with what was asked of them.
    pub criteria: Vec<Criterion>,
    /// Further figures.
    pub tables: Vec<Table>,
    /// Pictures, the most telling first.
    pub illustrations: Vec<Illustration>,
    /// What a reader should know to read the figures rightly.
    pub remarks: Vec<String>,
}

/// A figure and what was asked of it, before it was known.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// What the figure is, with its unit.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// What it must be.
    pub bound: Bound,
    /// Why it says nothing, if it does not: the models that it is about have not learned.
    pub obstacle: Option<String>,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// What the criteria of a claim come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All criteria are met.
    Holds,
    /// Some are; the others are missed or could not be judged.
    HoldsUnderConditions,
    /// None is, of those that could be judged.
    DoesNotHold,
    /// None could be judged.
    NotJudged,
}

/// Figures in rows and columns.
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// One cell for each column.
    pub rows: Vec<Vec<String>>,
}

/// A picture with its caption.
pub enum Illustration {
    /// A chart, kept as SVG.
    Chart(Chart),
    /// An image, kept as PNG.
    Image {
        /// What it shows.
        caption: String,
        /// The pixels.
        picture: Picture,
    },
}

impl Finding {
    /// The verdict that follows from the criteria. One that could not be judged does not count
    /// against the claim, and not for it either.
    pub fn verdict(&self) -> Verdict {
        let judged = self.criteria.iter().filter(|one| one.obstacle.is_none());
        let met = judged.clone().filter(|one| one.is_met()).count();
        match (judged.count(), met) {
            (0, _) => Verdict::NotJudged,
            (_, 0) => Verdict::DoesNotHold,
            (_, met) if met == self.criteria.len() => Verdict::Holds,
            _ => Verdict::HoldsUnderConditions,
        }
    }

    /// The verdict in words, with the number of figures that were not judged, or that are as asked.
    pub fn sentence(&self) -> String {
        let (verdict, count) = (self.verdict(), self.criteria.len());
        let unjudged = self.criteria.iter().filter(|one| one.obstacle.is_some());
        match unjudged.count() {
            0 if verdict == Verdict::HoldsUnderConditions => {
                let met = self.criteria.iter().filter(|one| one.is_met()).count();
                format!("{verdict} ({met} of {count} figures as asked)")
            }
            0 => verdict.to_string(),
            unjudged => format!("{verdict} ({unjudged} of {count} figures not judged)"),
        }
    }

    /// Asks that `what` is `least` or more.
    pub fn at_least(&mut self, what: impl Into<String>, value: f64, least: f64) {
        self.ask(what, value, Bound::AtLeast(least), None);
    }

    /// Asks that `what` is `most` or less.
    pub fn at_most(&mut self, what: impl Into<String>, value: f64, most: f64) {
        self.ask(what, value, Bound::AtMost(most), None);
    }

    /// Asks that `what` is as `bound` says, unless an obstacle leaves nothing to judge.
    pub fn ask(
        &mut self,
        what: impl Into<String>,
        value: f64,
        bound: Bound,
        obstacle: Option<String>,
    ) {
        self.criteria.push(Criterion {
            what: what.into(),
            value,
            bound,
            obstacle,
        });
    }

    /// Shows a picture.
    pub fn image(&mut self, caption: impl Into<String>, picture: Picture) {
        let caption = caption.into();
        self.illustrations
            .push(Illustration::Image { caption, picture });
    }

    /// Shows a chart.
    pub fn chart(&mut self, chart: Chart) {
        self.illustrations.push(Illustration::Chart(chart));
    }

    /// Tells the reader something.
    pub fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }
}

impl Verdict {
    /// All that there are, from the best.
    pub const ALL: [Self; 4] = [
        Self::Holds,
        Self::HoldsUnderConditions,
        Self::DoesNotHold,
        Self::NotJudged,
    ];

    /// How often each of them came: `holds: 7, not judged: 1`.
    pub fn tally(verdicts: &[Self]) -> String {
        let counts = Self::ALL.map(|verdict| {
            let same = verdicts.iter().filter(|other| **other == verdict);
            (verdict, same.count())
        });
        let counts = counts.iter().filter(|(_, count)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(verdict, count)| format!("{verdict}: {count}"))
            .collect();
        counts.join(", ")
    }
}

impl Criterion {
    /// The figure in four digits, or in more where four do not tell it from a bound that it misses.
    pub fn came(&self) -> String {
        let (Bound::AtLeast(bound) | Bound::AtMost(bound)) = self.bound;
        match number(self.value) {
            text if !self.is_met() && text.parse() == Ok(bound) => format!("{:.6}", self.value),
            text => text,
        }
    }

    /// Whether the figure is as asked; what is no number never is.
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
        }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            head: head.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: its name, and a figure for each further column.
    pub fn row(&mut self, name: impl Into<String>, figures: &[f64]) {
        let figures = figures.iter().map(|figure| number(*figure));
        self.rows
            .push([name.into()].into_iter().chain(figures).collect());
    }
}

/// A figure with four significant digits.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || (value.fract() == 0.0 && size < 1e6) {
        return value.to_string();
    }
    if !(1e-3..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let decimals = (3 - size.log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

impl fmt::Display for Criterion {
    /// In one line: `accuracy: 0.98 (>= 0.97)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, bound, .. } = self;
        let missed = match (&self.obstacle, self.is_met()) {
            (Some(obstacle), _) => format!(", not judged: {obstacle}"),
            (None, true) => String::new(),
            (None, false) => ", missed".to_owned(),
        };
        write!(f, "{what}: {} ({bound}{missed})", self.came())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {}", number(*least)),
            Self::AtMost(most) => write!(f, "<= {}", number(*most)),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::HoldsUnderConditions => "holds under conditions",
            Self::DoesNotHold => "does not hold",
            Self::NotJudged => "not judged",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(values: &[f64]) -> Finding {
        let mut finding = Finding::default();
        values
            .iter()
            .for_each(|value| finding.at_least("it", *value, 1.0));
        finding
    }

    #[test]
    fn the_verdict_follows_from_the_criteria() {
        assert_eq!(finding(&[1.0, 2.0]).verdict(), Verdict::Holds);
        let some = finding(&[1.0, 0.9]).verdict();
        assert_eq!(some, Verdict::HoldsUnderConditions);
        assert_eq!(finding(&[0.0, 0.9]).verdict(), Verdict::DoesNotHold);
    }

    #[test]
    fn what_could_not_be_judged_decides_nothing() {
        let mut unjudged = Finding::default();
        let obstacle = Some("it has not learned".to_owned());
        unjudged.ask("it", 2.0, Bound::AtLeast(1.0), obstacle);
        assert_eq!(unjudged.verdict(), Verdict::NotJudged);
        assert_eq!(
            unjudged.criteria[0].to_string(),
            "it: 2 (>= 1, not judged: it has not learned)"
        );
        assert_eq!(
            unjudged.sentence(),
            "not judged (1 of 1 figures not judged)"
        );
        unjudged.at_least("another", 0.0, 1.0);
        assert_eq!(unjudged.verdict(), Verdict::DoesNotHold);
    }

    #[test]
    fn a_claim_of_which_a_part_was_not_judged_does_not_hold_without_conditions() {
        let mut partly = finding(&[2.0, 3.0]);
        assert_eq!(partly.sentence(), "holds");
        let obstacle = Some("it has not learned".to_owned());
        partly.ask("it", 2.0, Bound::AtLeast(1.0), obstacle);
        assert_eq!(
            partly.sentence(),
            "holds under conditions (1 of 3 figures not judged)"
        );
    }

    #[test]
    fn verdicts_are_counted_from_the_best_and_those_that_did_not_come_are_left_out() {
        let verdicts = [Verdict::NotJudged, Verdict::Holds, Verdict::Holds];
        assert_eq!(Verdict::tally(&verdicts), "holds: 2, not judged: 1");
    }

    #[test]
    fn a_figure_that_hardly_misses_is_told_from_its_bound() {
        let mut finding = Finding::default();
        finding.at_most("it", 1.00004, 1.0);
        finding.at_most("it", 0.5, 1.0);
        assert_eq!(
            finding.criteria[0].to_string(),
            "it: 1.000040 (<= 1, missed)"
        );
        assert_eq!(finding.criteria[1].came(), "0.5000");
        assert_eq!(
            finding.sentence(),
            "holds under conditions (1 of 2 figures as asked)"
        );
    }

    #[test]
    fn what_is_no_number_meets_nothing() {
        let mut finding = Finding::default();
        finding.at_most("it", f64::NAN, 1.0);
        finding.at_least("it", f64::NAN, 1.0);
        assert_eq!(finding.verdict(), Verdict::DoesNotHold);
    }

    #[test]
    fn figures_keep_four_digits() {
        for (value, text) in [(0.01234567, "0.01235"), (-105.349, "-105.3"), (20.0, "20")] {
            assert_eq!(number(value), text);
        }
    }
}
