//! Shows a person that something happens.

use std::{
    io::{self, Write},
    time::Duration,
};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::{Observer, View, read};
use crate::{Record, Result, StepReport, StopReason};
use latentlab_core::numbers::{fixed, shown};

/// Time between two updates of the bar: reading losses waits for the device.
const REFRESH: Duration = Duration::from_millis(250);
/// Time to the first line, and between two, where there is no terminal to draw a bar on.
const LINE: Duration = Duration::from_secs(5);

/// A bar on standard error with speed, time left and losses; plain lines where that is no terminal.
#[derive(Debug)]
pub struct Progress {
    batch: usize,
    bar: ProgressBar,
    /// Step and time at the first look, which speed is measured from.
    start: Option<(u64, Duration)>,
    shown: Duration,
}

impl Progress {
    /// Progress of a run of `steps` on batches of `batch` images.
    pub fn new(steps: u64, batch: usize) -> Self {
        let bar = ProgressBar::new(steps);
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}");
        bar.set_style(style.expect("the template is valid"));
        Self {
            batch,
            bar,
            start: None,
            shown: Duration::ZERO,
        }
    }

    fn line(&self, view: &View<'_>) -> Result<String> {
        let (first, since) = self.start.unwrap_or((view.step, view.elapsed));
        let seconds = (view.elapsed.saturating_sub(since)).as_secs_f64();
        let losses = losses(view.report)?;
        if view.step == first || seconds == 0.0 {
            return Ok(losses);
        }
        let speed = (view.step - first) as f64 / seconds;
        let left = Duration::try_from_secs_f64((view.steps - view.step) as f64 / speed);
        let left = left.unwrap_or(Duration::MAX); // no such time can be told
        let images = speed * self.batch as f64;
        let left = HumanDuration(Duration::from_secs(left.as_secs()));
        Ok(format!(
            "{speed:.1} steps/s, {images:.0} images/s, {left} left  {losses}"
        ))
    }
}

impl Observer for Progress {
    fn observe(&mut self, view: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
        let first = self.start.is_none();
        let (_, since) = *self.start.get_or_insert((view.step, view.elapsed));
        let hidden = self.bar.is_hidden();
        let interval = if hidden { LINE } else { REFRESH };
        let due = view.elapsed.saturating_sub(self.shown.max(since)) >= interval;
        let last = view.ending.is_some() && (!hidden || self.shown > since);
        if due || last || (first && !hidden) {
            self.shown = view.elapsed;
            let line = self.line(view)?;
            if hidden {
                // Nobody may be reading; that is no reason to stop training.
                let _ = writeln!(io::stderr(), "step {}/{}  {line}", view.step, view.steps);
            } else {
                self.bar.set_position(view.step);
                self.bar.set_message(line);
            }
        }
        if view.ending.is_some() {
            self.bar.abandon();
        }
        Ok(None)
    }
}

fn losses(report: &StepReport) -> Result<String> {
    let losses = report
        .phases
        .iter()
        .map(|phase| Ok(format!("{} {}", phase.name, loss(read(&phase.total)?))));
    Ok(losses.collect::<Result<Vec<_>>>()?.join("  "))
}

/// A loss in a width that hardly changes; one that has exploded with its power of ten.
fn loss(value: f64) -> String {
    match value.abs() < 1e9 {
        true => fixed(value, 4),
        false => shown(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::scene::Scene;

    /// The line at step 60 of `steps`, 50 seconds after step 20.
    fn line(steps: u64) -> String {
        line_of(&Scene::new(), steps)
    }

    fn line_of(scene: &Scene, steps: u64) -> String {
        let mut progress = Progress::new(steps, 64);
        progress.start = Some((20, Duration::from_secs(10)));
        let mut line = String::new();
        let mut spy = Spy {
            progress,
            steps,
            line: &mut line,
        };
        let mut record = Record::new(60, 60.0);
        scene.observe(&mut spy, 60, &mut record).unwrap();
        line
    }

    struct Spy<'a> {
        progress: Progress,
        steps: u64,
        line: &'a mut String,
    }

    impl Observer for Spy<'_> {
        fn observe(&mut self, view: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
            let steps = self.steps;
            *self.line = self.progress.line(&View { steps, ..*view })?;
            Ok(None)
        }
    }

    #[test]
    fn a_line_tells_speed_time_left_and_losses() {
        // 40 steps in 50 seconds; 40 steps are left.
        assert_eq!(
            line(100),
            "0.8 steps/s, 51 images/s, 50 seconds left  discriminator 0.5000"
        );
    }

    #[test]
    fn a_loss_that_rounds_to_zero_has_no_sign_and_a_huge_one_an_exponent() {
        for (loss, text) in [(-1e-9, "0.0000"), (-2.0, "-2.0000"), (-4e21, "-4.000e21")] {
            let scene = Scene {
                loss,
                ..Scene::new()
            };
            let line = line_of(&scene, 100);
            let end = format!("left  discriminator {text}");
            assert!(line.ends_with(&end), "{line}");
        }
    }

    #[test]
    fn a_time_that_cannot_be_told_is_no_reason_to_stop() {
        let line = line(u64::MAX);
        assert!(line.ends_with("years left  discriminator 0.5000"), "{line}");
    }
}
