//! Published figures, and what becomes of them here: each paper is a file of runs, with what the
//! runs should come to.
//!
//! A [`Paper`] is one of the TOML files in `experiments/papers/`: an experiment, how each run differs
//! from it, the figures of the paper and the orders that it claims. [`Paper::train`] makes the runs,
//! [`Results::read`] reads them, [`Results::compare`] holds them to the paper, and [`write_page`] writes
//! it down.

mod comparison;
mod page;
mod paper;
mod results;
mod training;

pub use comparison::Comparison;
pub use page::write_page;
pub use paper::{Anchor, Order, Paper, Run};
pub use results::{Ended, Results};

use latentlab_run::{Result, library::PAPERS};

/// Every paper, the shortest first.
///
/// # Errors
/// If a file is not as it should be.
pub fn all() -> Result<Vec<Paper>> {
    let papers = PAPERS.iter().map(|(name, text)| Paper::parse(name, text));
    let mut papers = papers.collect::<Result<Vec<_>>>()?;
    papers.sort_by(|one, other| one.hours.total_cmp(&other.hours));
    Ok(papers)
}

/// The papers of these names, or all, the shortest first.
///
/// # Errors
/// For an unknown name, with the nearest known one.
pub fn chosen(names: &[String]) -> Result<Vec<Paper>> {
    let mut papers = all()?;
    for name in names {
        if !papers.iter().any(|paper| paper.name == *name) {
            let known = PAPERS.iter().map(|(known, _)| *known);
            return Err(latentlab_core::Error::unknown("paper", name, known).into());
        }
    }
    papers.retain(|paper| names.is_empty() || names.contains(&paper.name));
    Ok(papers)
}

#[cfg(test)]
mod tests;
