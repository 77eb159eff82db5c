//! The loaded die, learned by a GAN and by a VAE.

use candle_core::DType;
use latentlab_data::DICE;
use latentlab_metrics::{class_shares, total_variation};
use latentlab_run::{Result, library};

use crate::{Chart, Claim, Finding, Lab, Scale, Table, lab::samples};

const NEVER_THROWN: [usize; 2] = [3, 4];

pub(super) const CLAIM: Claim = Claim {
    name: "matching",
    statement: "Generating is matching a probability distribution",
    method: "A loaded die, P = (1, 1, 1, 0, 0, 3)/6, learned by the GAN of `gan-dice` and by a VAE \
             6-32-2 whose decoder gives each face's probability. The total variation between the \
             shares of the faces in 20,000 throws of the model and P, from 0 to 1 (half of the sum \
             of absolute differences), and how often faces 4 and 5 come up, which were never thrown; \
             over training, the same of fewer throws.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let mut game = library::find("gan-dice")?.table;
    super::set(&mut game, "steps", lab.choose(5000, 2000))?;
    super::set(&mut game, "evaluate.every", 100)?;
    let mut variational = toml::toml! {
        batch_size = 256
        [data]
        name = "dice"
        [model]
        name = "vae"
        [model.config]
        hidden = [32]
        latent = 2
        [optimizer]
        name = "adam"
        lr = 2e-3
        [evaluate]
        every = 100
    };
    super::set(&mut variational, "steps", lab.choose(5000, 2000))?;

    let mut finding = Finding::default();
    let mut table = Table::new(
        "Shares of the faces in 20,000 throws:",
        &["thrown by", "1", "2", "3", "4", "5", "6", "total variation"],
    );
    table.row("the die", &[&DICE[..], &[0.0]].concat());
    let mut chart = Chart::new("total variation from the die", "step")
        .scaled(Scale::Linear, Scale::Logarithmic);
    let mut thrown = Chart::of_bars("share of each face in 20,000 throws", "face")
        .with("the die", by_face(&DICE));
    for (name, file) in [("GAN", game), ("VAE", variational)] {
        let trained = lab.train(&format!("dice-{}", name.to_lowercase()), &file)?;
        let throws = samples(trained.model(), 20_000, 0)?.to_dtype(DType::F32)?;
        let shares = class_shares(&throws)?;
        let distance = total_variation(&shares, &DICE)?;
        let never: f64 = NEVER_THROWN.iter().map(|face| shares[*face]).sum();
        finding.at_most(format!("{name}: total variation"), distance, 0.05);
        finding.at_most(format!("{name}: share of faces 4 and 5"), never, 0.005);
        let mut row = shares.clone();
        row.push(distance);
        table.row(name, &row);
        chart = chart.with(name, trained.curve("samples/total_variation"));
        thrown = thrown.with(name, by_face(&shares));
    }
    finding.chart(chart);
    finding.chart(thrown);
    finding.tables.push(table);
    Ok(finding)
}

/// Shares over the faces, which count from 1.
fn by_face(shares: &[f64]) -> Vec<(f64, f64)> {
    (1..).map(f64::from).zip(shares.iter().copied()).collect()
}
