//! How much of its speed a training keeps while other programs take the processor's time.
//!
//! `busy [WORKLOAD] [--seconds N] [--loops 0,1,2] [--threads T]` trains the workload (`c`, the dense
//! GAN) for N seconds at a time (5 by default) beside that many busy loops: left to the system, and
//! pinned to one core each where there is the program `taskset`. Each line has the steps per second,
//! their share of those of the idle machine measured before and after, the fair share of the cores,
//! `min(1, C / (T + B))` for T threads beside B loops on C cores, and how much of the fair share was
//! got. The idle machine's figures mean nothing unless it is idle.

use std::{
    env, hint,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use latentlab_benches::{Job, Result, Workload};
use latentlab_tensor::kernels::pool;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tells this program that it is a busy loop, and for how many seconds at most.
const LOOP: &str = "--loop";

/// What is asked for.
struct Options {
    workload: String,
    seconds: f64,
    loops: Vec<usize>,
    threads: Option<usize>,
}

fn main() -> ExitCode {
    match work(env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: Vec<String>) -> Result<ExitCode> {
    if let [mode, seconds] = &arguments[..]
        && mode == LOOP
    {
        let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
        while Instant::now() < end {
            (0..10_000).for_each(|number| {
                hint::black_box(number);
            });
        }
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::read(&arguments)?;
    // candle's own pool, whose threads never sleep, would be a busy loop of its own.
    if env::var("CANDLE_NUM_THREADS").is_err() {
        let mut again = Command::new(env::current_exe()?);
        again.args(&arguments).env("CANDLE_NUM_THREADS", "1");
        if let Some(threads) = options.threads {
            again.env("RAYON_NUM_THREADS", threads.to_string());
        }
        let status = again.status()?;
        return Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    measure(&options)?;
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            workload: "c".to_owned(),
            seconds: 5.0,
            loops: vec![0, 1, 2],
            threads: None,
        };
        let named = arguments.first().filter(|name| !name.starts_with("--"));
        if let Some(name) = named {
            options.workload.clone_from(name);
        }
        for pair in arguments[usize::from(named.is_some())..].chunks(2) {
            match pair {
                [key, value] if key == "--seconds" => options.seconds = value.parse()?,
                [key, value] if key == "--threads" => options.threads = Some(value.parse()?),
                [key, value] if key == "--loops" => {
                    let numbers = value.split(',').map(|number| number.trim().parse());
                    options.loops = numbers.collect::<std::result::Result<_, _>>()?;
                }
                _ => {
                    let known = "--seconds N, --loops B,B,…, --threads T";
                    return Err(format!("unknown option {pair:?}; known: {known}").into());
                }
            }
        }
        Ok(options)
    }
}

fn measure(options: &Options) -> Result<()> {
    let (threads, cores) = (pool::threads(), thread::available_parallelism()?.get());
    let mut job = Workload::named(&options.workload, None, 1.0)?.start()?;
    println!(
        "workload {}, {threads} threads, {cores} cores",
        options.workload
    );
    job.steps(1)?;
    steps_per_second(&mut job, options.seconds / 2.0)?;
    let before = steps_per_second(&mut job, options.seconds)?;
    let mut lines = Vec::new();
    for count in options.loops.iter().copied().filter(|count| *count > 0) {
        for pinned in [false, true] {
            let Some(loops) = Loops::start(count, pinned.then_some(cores), options.seconds)? else {
                continue;
            };
            thread::sleep(Duration::from_millis(200));
            let speed = steps_per_second(&mut job, options.seconds)?;
            drop(loops);
            let fair = (cores as f64 / (threads + count) as f64).min(1.0);
            let place = if pinned { ", one a core" } else { "" };
            lines.push((format!("{count} busy{place}"), speed, fair));
        }
    }
    let after = steps_per_second(&mut job, options.seconds)?;
    let idle = (before + after) / 2.0;
    println!(
        "{:<20} {:>9} {:>8} {:>6} {:>8}",
        "beside", "steps/s", "of idle", "fair", "of fair"
    );
    let ends = [
        ("nothing, before".to_owned(), before, 1.0),
        ("nothing, after".to_owned(), after, 1.0),
    ];
    let [first, last] = ends;
    for (beside, speed, fair) in [vec![first], lines, vec![last]].concat() {
        let share = speed / idle;
        println!(
            "{beside:<20} {speed:>9.1} {share:>8.2} {fair:>6.2} {:>8.2}",
            share / fair
        );
    }
    Ok(())
}

fn steps_per_second(job: &mut Job, seconds: f64) -> Result<f64> {
    let start = Instant::now();
    let mut steps = 0;
    while start.elapsed().as_secs_f64() < seconds {
        job.steps(10)?;
        steps += 10;
    }
    Ok(steps as f64 / start.elapsed().as_secs_f64())
}

/// Busy loops beside this process, ended when they are dropped.
struct Loops(Vec<Child>);

impl Loops {
    /// Starts so many, each pinned to one of so many cores or to none; nothing where they cannot be
    /// pinned.
    fn start(count: usize, cores: Option<usize>, seconds: f64) -> Result<Option<Self>> {
        let program = env::current_exe()?;
        let mut loops = Self(Vec::new());
        for index in 0..count {
            let mut command = match cores {
                None => Command::new(&program),
                Some(cores) => {
                    let mut pinned = Command::new("taskset");
                    pinned
                        .arg("-c")
                        .arg((index % cores).to_string())
                        .arg(&program);
                    pinned
                }
            };
            // They end by themselves should this process be killed.
            command.args([LOOP, &(2.0 * seconds + 10.0).to_string()]);
            match command.stdout(Stdio::null()).spawn() {
                Ok(child) => loops.0.push(child),
                Err(error) if cores.is_some() => {
                    eprintln!("not measured with pinned loops: taskset: {error}");
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(loops))
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended already is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
