//! The environment candle wants: a process that lacks it starts itself again with it.
//!
//! candle reads its switches from the environment, once per thread or pool: whether gradients can
//! be differentiated again, and how many threads its two pools have. A program may not change its
//! own environment safely once threads may run, so it replaces itself by a copy that was started
//! with the right one.

use std::{
    env,
    process::{Command, ExitCode},
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
/// unless it has it already. Returns what to exit with if the program ran a second time.
pub fn with_environment(threads: usize) -> Option<ExitCode> {
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
    eprintln!(
        "error: cannot start {:?} again: {error}",
        command.get_program()
    );
    ExitCode::FAILURE
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) => ExitCode::from(status.code().unwrap_or(1) as u8),
        Err(error) => {
            eprintln!(
                "error: cannot start {:?} again: {error}",
                command.get_program()
            );
            ExitCode::FAILURE
        }
    }
}
