//! Ctrl-C and SIGTERM: the first lets the step end and saves, the second ends the process at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI32, Ordering},
};

use signal_hook::consts::{SIGINT, SIGTERM};

use latentlab_run::{Error, Result};

/// Whether somebody has asked this process to end, and how.
#[derive(Clone, Debug)]
pub(super) struct Interruption {
    asked: Arc<AtomicBool>,
    signal: Arc<AtomicI32>,
}

impl Interruption {
    /// Watches for signals from now on.
    ///
    /// # Errors
    /// If the system does not let it.
    pub(super) fn watch() -> Result<Self> {
        let interruption = Self {
            asked: Arc::new(AtomicBool::new(false)),
            signal: Arc::new(AtomicI32::new(SIGINT)),
        };
        let watched = watch(interruption.clone());
        watched.map_err(|error| Error::Argument(format!("cannot watch for Ctrl-C: {error}")))?;
        Ok(interruption)
    }

    /// Set once somebody has asked.
    pub(super) fn asked(&self) -> &AtomicBool {
        &self.asked
    }

    /// What the process exits with after the save: 128 and the number of the signal.
    pub(super) fn exit_code(&self) -> u8 {
        code(self.signal.load(Ordering::SeqCst)) as u8
    }
}

fn code(signal: i32) -> i32 {
    128 + signal
}

#[cfg(unix)]
fn watch(interruption: Interruption) -> std::io::Result<()> {
    use std::io::Write;

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let answer = move || {
        for signal in signals.forever() {
            if interruption.asked.load(Ordering::SeqCst) {
                signal_hook::low_level::exit(code(signal));
            }
            interruption.signal.store(signal, Ordering::SeqCst);
            interruption.asked.store(true, Ordering::SeqCst);
            // There is nobody to tell if stderr is closed.
            let _ = writeln!(
                std::io::stderr(),
                "\nfinishing this step and saving; once more to leave at once"
            );
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(answer)?;
    Ok(())
}

#[cfg(not(unix))]
fn watch(interruption: Interruption) -> std::io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // Registered first, it acts from the second signal on.
        let asked = Arc::clone(&interruption.asked);
        signal_hook::flag::register_conditional_shutdown(signal, code(signal), asked)?;
        signal_hook::flag::register(signal, Arc::clone(&interruption.asked))?;
    }
    Ok(())
}
