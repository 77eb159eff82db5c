//! One workload as a process that is told over standard input how many steps to take.
//!
//! `workload NAME [--batch N] [--width FACTOR]` prints `ready FLOPS IMAGES` after its first step,
//! then answers each line `steps N` with the milliseconds that N steps took. `workload sgemm` prints
//! the most GFLOP/s that a matrix product reached on all threads, and `workload around` the percentage
//! of a run's time that is not spent in training steps.

use std::{
    io::{BufRead, Write},
    process::ExitCode,
    time::Instant,
};

use latentlab_benches::{Result, Workload, share_around_steps};
use latentlab_kernels::gemm::{Accumulate, Matrix, multiply};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match work(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: Vec<String>) -> Result<()> {
    let Some((name, options)) = arguments.split_first() else {
        return Err("which workload? a, b, c, d, e, f, sample, elbo, sgemm or around".into());
    };
    if name == "sgemm" {
        println!("{:.1}", best_product());
        return Ok(());
    }
    if name == "around" {
        println!("{:.2}", 100.0 * share_around_steps()?);
        return Ok(());
    }
    let (mut batch, mut width) = (None, 1.0);
    for pair in options.chunks(2) {
        match pair {
            [key, value] if key == "--batch" => batch = Some(value.parse()?),
            [key, value] if key == "--width" => width = value.parse()?,
            _ => {
                return Err(
                    format!("unknown option {pair:?}; known: --batch N, --width FACTOR").into(),
                );
            }
        }
    }
    let workload = Workload::named(name, batch, width)?;
    let (flops, images) = (workload.flops(), workload.images());
    let mut job = workload.start()?;
    job.steps(1)?;
    let mut answer = std::io::stdout().lock();
    writeln!(answer, "ready {flops} {images}")?;
    answer.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let count = line.strip_prefix("steps ").ok_or("expected `steps N`")?;
        let time = job.steps(count.trim().parse()?)?;
        writeln!(answer, "{}", time.as_secs_f64() * 1e3)?;
        answer.flush()?;
    }
    Ok(())
}

/// The best of many products of two matrices of 2048 rows and columns, in GFLOP/s.
fn best_product() -> f64 {
    const SIZE: usize = 2048;
    let (a, b) = (vec![0.5; SIZE * SIZE], vec![0.25; SIZE * SIZE]);
    let mut result = vec![0.0; SIZE * SIZE];
    let (a, b) = (Matrix::new(&a, SIZE, SIZE), Matrix::new(&b, SIZE, SIZE));
    let times = (0..30).map(|_| {
        let start = Instant::now();
        multiply(&mut result, Accumulate::Overwrite, a, b, |_, _| {});
        start.elapsed().as_secs_f64()
    });
    2.0 * (SIZE as f64).powi(3) / times.fold(f64::MAX, f64::min) / 1e9
}
