//! `latentlab doctor`: what this machine and this build can do.

use latentlab_tensor::{DeviceChoice, input_gradient};

use super::say;
use latentlab_run::{Environment, Result};

pub(super) fn run() -> Result<u8> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let device = DeviceChoice::Auto.open()?;
    let here = Environment::current(threads, &device);
    say(format!(
        "latentlab  {} on candle {}",
        here.latentlab, here.candle
    ));
    say(format!("compiler   {}", here.rustc));
    say(format!(
        "processor  {} ({})",
        here.cpu,
        here.cpu_features.join(", ")
    ));
    say(format!("threads    {threads}"));
    for choice in [
        DeviceChoice::Cpu,
        DeviceChoice::Cuda(0),
        DeviceChoice::Metal,
    ] {
        let answer = match choice.open() {
            Ok(_) => "ready".to_owned(),
            Err(error) => format!("no: {error}"),
        };
        say(format!("device     {choice}: {answer}"));
    }
    let square = candle_core::Tensor::new(&[1f32], &candle_core::Device::Cpu)?;
    let answer = match input_gradient(&square, |x| Ok(x.sqr()?)) {
        Ok(_) => "ready".to_owned(),
        Err(error) => error.to_string(),
    };
    say(format!("gradients  of gradients: {answer}"));
    say(format!("runs       {}", working_directory()));
    let mnist = latentlab_data::DataConfig::from_table(&toml::toml! { name = "mnist" })?;
    let digits = latentlab_data::Dataset::open(&mnist).map_err(latentlab_core::Error::from)?;
    let count = digits.len(latentlab_data::Split::Train);
    say(format!("mnist      verified, {count} training images"));
    Ok(0)
}

/// Whether a run directory can be made here.
fn working_directory() -> String {
    let probe = std::path::Path::new(".latentlab-doctor");
    match std::fs::write(probe, b"").and_then(|()| std::fs::remove_file(probe)) {
        Ok(()) => "the working directory is writable".to_owned(),
        Err(error) => format!("the working directory is not writable: {error}; use --out"),
    }
}
