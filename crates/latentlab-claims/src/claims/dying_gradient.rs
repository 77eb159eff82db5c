//! The gradient that a generator gets from a discriminator that wins.

use candle_core::{Device, Var};
use latentlab_data::Split;
use latentlab_losses::adversarial::Objective;
use latentlab_metrics::confidence;
use latentlab_run::{Error, Result, Session, library};
use latentlab_tensor::{Rng, once};

use crate::{Bound, Chart, Claim, Finding, Lab, Scale, Table, lab::samples, quality::Judge};

const GAMES: [(&str, Objective); 2] = [
    ("minimax", Objective::Minimax),
    ("non_saturating", Objective::NonSaturating),
];

pub(super) const CLAIM: Claim = Claim {
    name: "dying-gradient",
    statement: "log(1 - D(G(z))) loses its gradient while D wins; the non-saturating form does not",
    method: "Three times. By the losses themselves: their gradient with respect to D's logit of one \
             generated image, over D(G(z)) from 1e-8 to 1 - 1e-8. In a network: the dense GAN's \
             generator is held fixed while its discriminator is trained on MNIST, and at each \
             checkpoint the norm of the generator's gradient under both losses is told. In training: \
             both games from the same three seeds, 6,000 steps (3,000 when this was first measured), \
             judged by the Fréchet distance of 10,000 samples.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let mut finding = Finding::default();
    at_logits(&mut finding)?;
    in_a_network(lab, &mut finding)?;
    in_training(lab, &mut finding)?;
    Ok(finding)
}

fn at_logits(finding: &mut Finding) -> Result<()> {
    let mut table = Table::new(
        "The losses at one generated image:",
        &[
            "D(G(z))",
            "minimax loss",
            "its gradient",
            "non-saturating loss",
            "its gradient",
        ],
    );
    let mut curves = [vec![], vec![]];
    for exponent in -8..=8 {
        let tail = 10f64.powi(-i32::abs(exponent));
        let probability = match exponent {
            ..0 => tail,
            0 => 0.5,
            _ => 1.0 - tail,
        };
        let logit = (probability / (1.0 - probability)).ln();
        let mut row = Vec::new();
        for ((_, game), curve) in GAMES.iter().zip(&mut curves) {
            let logits = Var::new(&[logit], &Device::Cpu)?;
            let loss = game.generator_loss(&logits)?;
            let gradients = loss.backward()?;
            let slope = gradients.get(&logits).map(|slope| slope.to_vec1::<f64>());
            let slope = slope.transpose()?.map_or(0.0, |slope| slope[0]);
            row.extend([loss.to_scalar::<f64>()?, slope]);
            curve.push((logit, slope.abs()));
        }
        table.row(format!("{probability:.8}"), &row);
    }
    let at_minus_4 = |curve: &[(f64, f64)]| curve[4].1; // D(G(z)) = 1e-4
    finding.at_most(
        "gradient at D(G(z)) = 1e-4, minimax",
        at_minus_4(&curves[0]),
        1e-3,
    );
    finding.at_least(
        "gradient at D(G(z)) = 1e-4, non-saturating",
        at_minus_4(&curves[1]),
        0.999,
    );
    let [minimax, non_saturating] = curves;
    finding.chart(
        Chart::new(
            "size of the gradient at D's logit of a generated image",
            "logit: 0 is D(G(z)) = 1/2",
        )
        .scaled(Scale::Linear, Scale::Logarithmic)
        .with("minimax", minimax)
        .with("non-saturating", non_saturating),
    );
    finding.tables.push(table);
    Ok(())
}

fn dense(objective: &str, seed: u64, steps: u64) -> Result<toml::Table> {
    let mut file = library::find("gan-mnist")?.table;
    super::set(&mut file, "model.config.objective", objective)?;
    super::set(&mut file, "model.config.real_target", "1.0")?;
    super::set(&mut file, "seed", seed)?;
    super::set(&mut file, "steps", steps)?;
    super::set(&mut file, "samples.every", 0)?;
    super::set(&mut file, "evaluate.every", 0)?;
    Ok(file)
}

fn in_a_network(lab: &Lab, finding: &mut Finding) -> Result<()> {
    let steps = lab.choose(400, 200);
    let mut file = dense("minimax", 0, steps)?;
    file.remove("ema");
    super::set(&mut file, "model.config.critic_steps", 1_000_000)?;
    super::set(&mut file, "checkpoint.every", 20)?;
    super::set(&mut file, "checkpoint.keep", 100)?;
    let trained = lab.train("winning-discriminator", &file)?;
    let games = GAMES
        .iter()
        .map(|(name, _)| playing(&trained.session, name));
    let games = games.collect::<Result<Vec<_>>>()?;
    let mut confidence_of_d = Vec::new();
    let mut curves = [vec![], vec![]];
    trained.at_checkpoints(|step, session| {
        let critic = session.model.critic();
        let critic =
            critic.ok_or_else(|| Error::Argument("the model judges nothing".to_owned()))?;
        let fakes = samples(&*session.model, 1000, 0)?;
        let logits = critic.logits(&fakes)?.to_vec1::<f32>()?;
        let mean = logits
            .iter()
            .map(|logit| 1.0 / (1.0 + f64::from(-logit).exp()))
            .sum::<f64>();
        confidence_of_d.push((step as f64, mean / logits.len() as f64));
        for (game, curve) in games.iter().zip(&mut curves) {
            game.store.load(&session.store.tensors())?;
            curve.push((step as f64, generator_gradient(game)?));
        }
        Ok(())
    })?;
    let last = |curve: &[(f64, f64)]| curve.last().map_or(f64::NAN, |point| point.1);
    let first = |curve: &[(f64, f64)]| curve.first().map_or(f64::NAN, |point| point.1);
    finding.at_most(
        "norm of the generator's gradient at the end over the first, minimax",
        last(&curves[0]) / first(&curves[0]),
        0.1,
    );
    finding.at_least(
        "norm of the generator's gradient at the end over the first, non-saturating",
        last(&curves[1]) / first(&curves[1]),
        0.5,
    );
    let [minimax, non_saturating] = curves;
    finding.chart(
        Chart::new(
            "a generator held fixed: norm of its gradient, and D(G(z))",
            "steps of D",
        )
        .scaled(Scale::Linear, Scale::Logarithmic)
        .with("minimax", minimax)
        .with("non-saturating", non_saturating)
        .with("D(G(z))", confidence_of_d),
    );
    Ok(())
}

/// The experiment of `session` with another objective, its generator trained in every step.
fn playing(session: &Session, objective: &str) -> Result<Session> {
    let mut experiment = session.experiment.clone();
    let config = &mut experiment.model.config;
    config.insert("objective".to_owned(), objective.into());
    config.insert("critic_steps".to_owned(), 1.into());
    let registry = latentlab_core::Registry::default().with(latentlab_models::plugin)?;
    Session::build(experiment, &registry)
}

/// The norm of the generator's gradient in `game`.
fn generator_gradient(game: &Session) -> Result<f64> {
    let phases = game.model.phases();
    let phase = phases.iter().find(|phase| phase.name == "generator");
    let phase = phase.ok_or_else(|| Error::Argument("no generator is trained".to_owned()))?;
    game.store.train_only(phase.params);
    let batch = game.dataset.first(Split::Test, 256, &game.device)?;
    let mut step = latentlab_core::Step::new(1, Rng::stream(0, "claims/gradient", 0));
    let gradients = once(|| -> Result<_> {
        let loss = phase.loss(&batch, &mut step)?;
        Ok(latentlab_tensor::final_backward(&loss.total)?)
    })?;
    let mut squares = 0.0;
    for (_, parameter) in game.store.parameters(phase.params) {
        if let Some(gradient) = gradients.get(parameter.var()) {
            squares += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
    }
    Ok(squares.sqrt())
}

fn in_training(lab: &Lab, finding: &mut Finding) -> Result<()> {
    let judge = Judge::new(lab)?;
    let steps = lab.choose(6000, 600);
    let mut table = Table::new(
        "Fréchet distance of 10,000 samples after training from the same seeds:",
        &["game", "seed 0", "seed 1", "seed 2", "mean", "± 95 %"],
    );
    let (mut means, mut qualities) = (Vec::new(), Vec::new());
    for (name, _) in GAMES {
        let mut distances = Vec::new();
        for seed in 0..3 {
            let file = dense(name, seed, steps)?;
            let trained = lab.train(&format!("{name}-{seed}"), &file)?;
            let quality = judge.quality(&samples(trained.model(), 10_000, 0)?)?;
            distances.push(quality.frechet);
            qualities.push(quality);
        }
        let found = confidence(&distances)?;
        let mut row = distances.clone();
        row.extend([found.mean, found.half_width]);
        table.row(name.replace('_', "-"), &row);
        means.push(found.mean);
    }
    let floor = judge.floor()?;
    finding.ask(
        "Fréchet distance, non-saturating over minimax",
        means[1] / means[0],
        Bound::AtMost(0.9),
        floor.obstacle(&qualities),
    );
    finding.tables.push(table);
    let whole = super::steps(&library::find("gan-mnist")?.table)?;
    finding.remark(floor.remark(&qualities, steps, whole));
    Ok(())
}
