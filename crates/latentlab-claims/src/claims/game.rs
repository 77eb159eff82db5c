//! How the game goes: D(x) and D(G(z)) over training, and when to stop.

use latentlab_run::{Result, library};

use crate::{
    Bound, Chart, Claim, Finding, Lab, Scale, Table,
    lab::Trained,
    quality::{Floor, Judge, Quality},
};

/// How far D(G(z)) may be from one half where the rule stops.
const UNDECIDED: f64 = 0.05;
/// Recorded steps that a figure of the game is averaged over: it jumps from step to step.
const WINDOW: usize = 20;

pub(super) const CLAIM: Claim = Claim {
    name: "game",
    statement: "D(x) starts towards 1 and D(G(z)) towards 0; both drift to one half, and then \
                training ends",
    method: "The GANs of `gan-dice`, `gan-ring` and `gan-mnist`. D(x) is D's mean probability for \
             real images, D(G(z)) that for generated ones, both averaged over 20 recorded steps: how \
             far apart they come, and how far the farther of the two is from one half at the end. \
             On MNIST, a rule that is often given, to stop as soon as D(G(z)) is 0.5 ± 0.05, against \
             stopping at the best Fréchet distance: the distance at the first evaluation after the \
             rule stops, over the least of the training.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let mut finding = Finding::default();
    let mut table = Table::new(
        "Means over 20 recorded steps:",
        &[
            "data",
            "widest gap",
            "D(x) at that step",
            "D(G(z)) at that step",
            "D(x) at the end",
            "D(G(z)) at the end",
            "widest gap, not averaged",
        ],
    );
    for (data, steps, quick) in [
        ("dice", 5000, 2000),
        ("ring", 10_000, 2000),
        ("mnist", 10_000, 2000),
    ] {
        let mut file = library::find(format!("gan-{data}"))?.table;
        super::set(&mut file, "steps", lab.choose(steps, quick))?;
        super::set(&mut file, "evaluate.every", lab.choose(500, 250))?;
        super::set(&mut file, "samples.every", 0)?;
        let trained = lab.train(&format!("game-{data}"), &file)?;
        let real = trained.curve("discriminator/real_probability");
        let fake = trained.curve("discriminator/fake_probability");
        let gaps = real.iter().zip(&fake).map(|(real, fake)| real.1 - fake.1);
        let in_one_step = gaps.fold(f64::NEG_INFINITY, f64::max);
        let (real, fake) = (smooth(&real), smooth(&fake));
        let pairs = || real.iter().zip(&fake).map(|(real, fake)| (real.1, fake.1));
        let widest = pairs().max_by(|a, b| (a.0 - a.1).total_cmp(&(b.0 - b.1)));
        let (high, low) = widest.unwrap_or((f64::NAN, f64::NAN));
        let (last_real, last_fake) = pairs().next_back().unwrap_or((f64::NAN, f64::NAN));
        let ends = [last_real, last_fake];
        table.row(
            data,
            &[[high - low, high, low].as_slice(), &ends, &[in_one_step]].concat(),
        );
        finding.at_least(
            format!("{data}: widest gap between D(x) and D(G(z))"),
            high - low,
            0.3,
        );
        let off = (last_real - 0.5).abs().max((last_fake - 0.5).abs());
        finding.at_most(
            format!("{data}: distance from one half at the end"),
            off,
            0.1,
        );
        finding.chart(
            Chart::new(format!("{data}: what D thinks"), "step")
                .with("D(x)", real)
                .with("D(G(z))", fake.clone()),
        );
        if data == "mnist" {
            let floor = Judge::new(lab)?.floor()?;
            when_to_stop(&trained, &fake, &floor, &mut finding);
        }
    }
    finding.tables.push(table);
    finding.remark(
        "These are games made to be even: a penalty on D's gradient (dice, ring) and a target of \
         0.9 for real images (MNIST) keep D from winning, so its lead is small and short. Where \
         nothing holds it back, in the claim about the dying gradient, D(G(z)) does go to 0.",
    );
    Ok(finding)
}

/// The Fréchet distance where the rule stops, against the best of the training, which must be one of
/// a GAN that has learned. Where the rule stops it need not be: that is what the claim is about.
fn when_to_stop(trained: &Trained, fake: &[(f64, f64)], floor: &Floor, finding: &mut Finding) {
    let distances = trained.curve("samples/frechet");
    let best = distances.iter().min_by(|a, b| a.1.total_cmp(&b.1)).copied();
    let (best_step, best) = best.unwrap_or((f64::NAN, f64::NAN));
    let stop = fake
        .iter()
        .find(|(_, fake)| (fake - 0.5).abs() <= UNDECIDED);
    let at_stop = stop.and_then(|(step, _)| {
        let after = distances.iter().find(|(evaluated, _)| evaluated >= step);
        after.copied()
    });
    let ratio = at_stop.map_or(f64::NAN, |(_, distance)| distance / best);
    let at_best = |figure: &str| {
        let curve = trained.curve(figure);
        let found = curve.iter().find(|(step, _)| *step == best_step);
        found.map_or(f64::NAN, |(_, value)| *value)
    };
    let quality = Quality {
        frechet: best,
        sure: at_best("samples/sure"),
        digits: at_best("samples/classes") as usize,
    };
    let obstacle = (!quality.is_above(floor))
        .then(|| "not even the best of the training has learned the digits".to_owned());
    finding.ask(
        "mnist: Fréchet distance where the rule stops, over the best",
        ratio,
        Bound::AtMost(1.5),
        obstacle,
    );
    finding.remark(match (stop, at_stop) {
        (None, _) => format!(
            "On MNIST the rule never stops: D(G(z)) does not come within {UNDECIDED} of one \
             half, while the Fréchet distance is best, {best:.2}, at step {best_step}."
        ),
        (Some((step, _)), found) => format!(
            "On MNIST the rule stops at step {step}, with a Fréchet distance of {:.2} at the \
             next evaluation; the best, {best:.2}, is at step {best_step}.",
            found.map_or(f64::NAN, |(_, distance)| distance)
        ),
    });
    finding.remark(floor.explanation());
    finding.chart(
        Chart::new("mnist: Fréchet distance of samples", "step")
            .scaled(Scale::Linear, Scale::Logarithmic)
            .with("samples", distances),
    );
}

/// Means over [`WINDOW`] points, at the place of the last.
fn smooth(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let windows = curve.windows(WINDOW.min(curve.len()).max(1));
    windows
        .filter_map(|window| {
            let mean = window.iter().map(|(_, y)| y).sum::<f64>() / window.len() as f64;
            window.last().map(|(x, _)| (*x, mean))
        })
        .collect()
}
