//! Guards against graphs that are cut without a word: every parameter must get a gradient.

use std::collections::BTreeSet;

use latentlab_core::Phase;

use crate::{Error, Result};
use latentlab_optim::Gradients;

/// Which phases have run, and which parameters their gradients have reached.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    phases: BTreeSet<&'static str>,
    /// Prefix of the group and path of the parameter: groups may overlap.
    reached: BTreeSet<(&'static str, String)>,
}

impl Coverage {
    /// Takes note of what a phase has reached.
    pub(crate) fn note(&mut self, phase: &Phase<'_>, gradients: &Gradients) {
        self.phases.insert(phase.name);
        let paths = gradients.keys().map(|path| (phase.params, path.clone()));
        self.reached.extend(paths);
    }

    /// Whether every one of `phases` has run once, each of which is to move what `moved` says.
    ///
    /// # Errors
    /// If so, names the first parameter that got no gradient from any phase that should move it.
    /// Not sooner: a phase need not reach all of its group. A gradient penalty, for one, does not
    /// depend on the last bias.
    pub(crate) fn is_complete(
        &self,
        phases: &[&Phase<'_>],
        moved: impl Fn(&Phase<'_>) -> Vec<String>,
    ) -> Result<bool> {
        if !phases.iter().all(|phase| self.phases.contains(phase.name)) {
            return Ok(false);
        }
        for phase in phases {
            for path in moved(phase) {
                if !self.reached.contains(&(phase.params, path.clone())) {
                    let movers = phases.iter().filter(|other| other.params == phase.params);
                    let phases = movers.map(|phase| phase.name).collect();
                    return Err(Error::Unreached { path, phases });
                }
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use latentlab_core::Loss;

    use super::*;

    fn phase(name: &'static str) -> Phase<'static> {
        Phase::new(name, |batch, _| Ok(Loss::new(batch.images.sum_all()?))).moving("layer")
    }

    fn moved(phase: &Phase<'_>) -> Vec<String> {
        ["bias", "weight"]
            .map(|name| format!("{}.{name}", phase.params))
            .to_vec()
    }

    fn gradients(path: &str) -> Gradients {
        let gradient = Tensor::new(0f32, &Device::Cpu).unwrap();
        Gradients::from([(path.to_owned(), gradient)])
    }

    #[test]
    fn two_phases_may_reach_a_group_together() {
        let phases = [phase("fit"), phase("penalty")];
        let phases = [&phases[0], &phases[1]];
        let mut coverage = Coverage::default();
        coverage.note(phases[0], &gradients("layer.bias"));
        assert!(!coverage.is_complete(&phases, moved).unwrap());
        coverage.note(phases[1], &gradients("layer.weight"));
        assert!(coverage.is_complete(&phases, moved).unwrap());
    }

    #[test]
    fn a_parameter_that_no_phase_reaches_is_named_once_all_have_run() {
        let phases = [phase("fit"), phase("penalty")];
        let phases = [&phases[0], &phases[1]];
        let mut coverage = Coverage::default();
        coverage.note(phases[0], &gradients("layer.bias"));
        coverage.note(phases[1], &gradients("layer.bias"));
        assert_eq!(
            coverage
                .is_complete(&phases, moved)
                .unwrap_err()
                .to_string(),
            "parameter `layer.weight` got no gradient from phase `fit` or `penalty`: it would keep \
             its initial value for ever"
        );
    }
}
