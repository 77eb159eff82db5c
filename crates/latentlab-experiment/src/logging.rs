//! Where messages go: warnings to stderr, everything from `info` on to `train.log`.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{Error, Result};

/// Appends the messages of this process to `train.log` in `directory`. `LATENTLAB_LOG` (such as
/// `debug` or `latentlab_train=trace`) says what else goes to stderr.
///
/// The first call in a process decides; later ones change nothing.
pub fn start(directory: &Path) -> Result<()> {
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
    let wanted = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .with_env_var("LATENTLAB_LOG")
        .from_env_lossy();
    let to_terminal = fmt::layer()
        .without_time()
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .with_filter(wanted);
    // An error means that a subscriber is there already, and then that one stays.
    let _ = tracing_subscriber::registry()
        .with(to_file)
        .with(to_terminal)
        .try_init();
    Ok(())
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
