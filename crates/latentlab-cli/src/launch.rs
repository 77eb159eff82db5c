//! The environment candle wants: a process that lacks it starts itself again with it.
//!
//! candle reads its switches from the environment, once per thread or pool: whether gradients can
//! be differentiated again, and how many threads its two pools have. A program may not change its
//! own environment safely once threads may run, so it replaces itself by a copy that was started
//! with the right one. A limit on the size of files is part of the environment as well.

use std::{
    env,
    io::{self, Write},
    path::Path,
    process::{Command, ExitCode},
    sync::{Arc, atomic::AtomicBool},
};

/// The variables a run with `threads` threads needs, with their values.
///
/// candle's own pool gets one thread: those of a second one stay awake and compete with the kernels'.
/// The allocator keeps the memory of a step for the next one, in large pages where there are any.
fn wanted(threads: usize) -> [(&'static str, String); 5] {
    [
        ("MIMALLOC_ALLOW_LARGE_OS_PAGES", "1".to_owned()),
        ("MIMALLOC_PURGE_DELAY", "-1".to_owned()),
        ("CANDLE_GRAD_DO_NOT_DETACH", "1".to_owned()),
        ("RAYON_NUM_THREADS", threads.to_string()),
        ("CANDLE_NUM_THREADS", "1".to_owned()),
    ]
}

/// Starts this program again with the environment for `threads` threads (0: one for each core),
/// unless it has it already. Returns what to exit with if the program ran a second time; otherwise
/// this process is ready, also for a limit on the size of files, beyond which a write is an error.
pub fn with_environment(threads: usize) -> Option<ExitCode> {
    outlive_file_size_limit();
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let missing: Vec<_> = wanted(threads)
        .into_iter()
        .filter(|(name, value)| env::var(name).as_ref() != Ok(value))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let program = env::current_exe().ok()?;
    let mut again = Command::new(program);
    again.args(env::args_os().skip(1)).envs(missing);
    Some(replace(again))
}

#[cfg(unix)]
fn replace(mut command: Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    cannot_start(&command, &error)
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) => ExitCode::from(status.code().unwrap_or(1) as u8),
        Err(error) => cannot_start(&command, &error),
    }
}

fn cannot_start(command: &Command, error: &io::Error) -> ExitCode {
    let program = Path::new(command.get_program()).display();
    // There is nobody to tell if stderr cannot be written.
    let _ = writeln!(io::stderr(), "error: cannot start {program} again: {error}");
    ExitCode::FAILURE
}

/// Lets a write that goes beyond the largest file allowed (`ulimit -f`) fail like any other, with an
/// error that names the file; the system's default is to end the process without a word.
#[cfg(unix)]
fn outlive_file_size_limit() {
    let signal = signal_hook::consts::SIGXFSZ;
    // Where it cannot be caught, things are as they were.
    let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
}

#[cfg(not(unix))]
fn outlive_file_size_limit() {}
