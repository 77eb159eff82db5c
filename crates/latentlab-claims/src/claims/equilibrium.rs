//! The best discriminator against a fixed generator.

use candle_core::{Device, Tensor};
use latentlab_data::{DICE, ring_modes};
use latentlab_metrics::{jensen_shannon, optimal_discriminator};
use latentlab_run::{Error, Result};

use super::fixed_generator::Generator;
use crate::{Chart, Claim, Finding, Lab, Table};

pub(super) const CLAIM: Claim = Claim {
    name: "equilibrium",
    statement: "Against a fixed generator the best discriminator is p / (p + q)",
    method: "Only the discriminator is trained, against a generator whose distribution q is written \
             down: the loaded die against a fair one, and the ring of eight Gaussians against the \
             same ring with its modes loaded 1:2:…:8. Its D at each face and mode is compared with \
             p / (p + q), and the value of the game with 2 JS(p, q) - ln 4 (Goodfellow et al. 2014, \
             proposition 1 and theorem 1).",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let mut finding = Finding::default();
    let mut identity = vec![0f32; 36];
    (0..6).for_each(|face| identity[7 * face] = 1.0);
    let faces = Tensor::from_vec(identity, (6, 6, 1, 1), &Device::Cpu)?;
    let modes: Vec<f32> = ring_modes()
        .into_iter()
        .flatten()
        .map(|x| x as f32)
        .collect();
    let modes = Tensor::from_vec(modes, (8, 2, 1, 1), &Device::Cpu)?;
    for (data, name, generator, p, places) in [
        ("dice", "fair_die", Generator::FairDie, DICE.to_vec(), faces),
        (
            "ring",
            "loaded_ring",
            Generator::LoadedRing,
            vec![0.125; 8],
            modes,
        ),
    ] {
        let mut file = toml::toml! {
            batch_size = 512
            [model]
            name = "fixed-generator"
            [optimizer]
            name = "adam"
            lr = 1e-3
            [optimizer.schedule]
            name = "cosine"
        };
        super::set(&mut file, "steps", lab.choose(5000, 1500))?;
        super::set(&mut file, "data.name", data)?;
        super::set(&mut file, "model.config.generator", name)?;
        let trained = lab.train(&format!("fixed-{data}"), &file)?;
        let critic = trained.model().critic();
        let critic =
            critic.ok_or_else(|| Error::Argument("the model judges nothing".to_owned()))?;
        let logits = critic.logits(&places)?.to_vec1::<f32>()?;

        let q = generator.probabilities();
        let mut table = Table::new(
            format!("{data}:"),
            &[
                "outcome",
                "p",
                "q",
                "p / (p + q)",
                "trained D",
                "difference",
            ],
        );
        let (mut worst, mut value) = (0f64, 0.0);
        let (mut closed, mut found) = (Vec::new(), Vec::new());
        for (outcome, logit) in logits.into_iter().enumerate() {
            let (p, q) = (p[outcome], q[outcome]);
            let best = optimal_discriminator(p.ln(), q.ln());
            let judged = 1.0 / (1.0 + f64::from(-logit).exp());
            worst = worst.max((judged - best).abs());
            let terms = [p * judged.ln(), q * (1.0 - judged).ln()];
            value += terms
                .into_iter()
                .filter(|term| term.is_finite())
                .sum::<f64>();
            closed.push((outcome as f64 + 1.0, best));
            found.push((outcome as f64 + 1.0, judged));
            let row = [p, q, best, judged, judged - best];
            table.row((outcome + 1).to_string(), &row);
        }
        let best = 2.0 * jensen_shannon(&p, &q)? - 4f64.ln();
        finding.at_most(format!("{data}: largest |D - p / (p + q)|"), worst, 0.03);
        finding.at_most(
            format!("{data}: |V - (2 JS - ln 4)|"),
            (value - best).abs(),
            0.01,
        );
        finding.chart(
            Chart::of_bars(format!("{data}: D at each outcome"), "outcome")
                .with("p / (p + q)", closed)
                .with("trained D", found),
        );
        finding.tables.push(table);
        finding.remark(format!(
            "{data}: V(D) = {value:.5} at the trained discriminator, {best:.5} at the best."
        ));
    }
    Ok(finding)
}
