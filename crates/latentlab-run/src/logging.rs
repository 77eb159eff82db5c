//! Where messages go: warnings to stderr, everything from `info` on to `train.log`.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use tracing::{
    Dispatch, Event, Subscriber,
    dispatcher::get_default,
    subscriber::{DefaultGuard, NoSubscriber, set_default},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::LevelFilter,
    fmt,
    layer::{Context, SubscriberExt},
};

use crate::{Error, Result};

/// Appends what this thread says to `train.log` in `directory` until the guard is dropped, so that
/// several runs in one process have a log each.
///
/// A subscriber that the program has set hears everything as well. Where there is none, warnings go to
/// stderr; `LATENTLAB_LOG` (such as `debug` or `latentlab_train=trace`) says what else does.
pub fn start(directory: &Path) -> Result<DefaultGuard> {
    let path = directory.join("train.log");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(Error::file(&path))?;
    let to_file = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(Mutex::new(Log {
            path,
            file,
            lost: false,
        }))
        .with_filter(LevelFilter::INFO);
    let to_program = get_default(|set| (!set.is::<NoSubscriber>()).then(|| Onward(set.clone())));
    let to_terminal = to_program.is_none().then(|| {
        let wanted = EnvFilter::builder()
            .with_default_directive(LevelFilter::WARN.into())
            .with_env_var("LATENTLAB_LOG")
            .from_env_lossy();
        fmt::layer()
            .without_time()
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(io::stderr)
            .with_filter(wanted)
    });
    Ok(set_default(
        tracing_subscriber::registry()
            .with(to_file)
            .with(to_program)
            .with(to_terminal),
    ))
}

/// Hands messages on to the subscriber of the program.
struct Onward(Dispatch);

impl<S: Subscriber> Layer<S> for Onward {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if self.0.enabled(event.metadata()) {
            self.0.event(event);
        }
    }
}

/// `train.log`, without which training goes on: it says once on stderr that it cannot be written.
struct Log {
    path: PathBuf,
    file: File,
    lost: bool,
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.file.write_all(bytes)
            && !self.lost
        {
            self.lost = true;
            let file = self.path.display();
            // There is nobody to tell if stderr cannot be written either.
            let _ = writeln!(
                io::stderr(),
                "warning: {file}: {error}; training goes on without it"
            );
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use super::*;

    #[test]
    fn each_run_of_a_process_has_a_log_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let runs = ["first", "second"].map(|name| folder.path().join(name));
        for (run, word) in runs.iter().zip(["one", "two"]) {
            fs::create_dir(run).unwrap();
            let _log = start(run).unwrap();
            tracing::info!("{word}");
        }
        tracing::info!("said by nobody");
        for (run, word) in runs.iter().zip(["one", "two"]) {
            let log = fs::read_to_string(run.join("train.log")).unwrap();
            assert_eq!(log.lines().count(), 1, "{log}");
            assert!(log.contains(word), "{log}");
        }
    }

    /// Counts what it hears.
    struct Counting(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Counting {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_subscriber_of_the_program_hears_everything_as_well() {
        let heard = Arc::new(AtomicUsize::new(0));
        let program = tracing_subscriber::registry().with(Counting(Arc::clone(&heard)));
        let _program = set_default(program);
        let folder = tempfile::tempdir().unwrap();
        let log = start(folder.path()).unwrap();
        tracing::info!("one");
        drop(log);
        tracing::info!("two");
        assert_eq!(heard.load(Ordering::Relaxed), 2);
        let log = fs::read_to_string(folder.path().join("train.log")).unwrap();
        assert!(log.contains("one") && !log.contains("two"), "{log}");
    }
}
