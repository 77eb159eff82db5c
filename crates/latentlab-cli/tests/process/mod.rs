//! Processes that are started and waited for.

use std::{
    process::Child,
    thread,
    time::{Duration, Instant},
};

/// A process that ends with its test.
pub struct Started(pub Child);

impl Drop for Started {
    fn drop(&mut self) {
        // What has ended cannot be killed, and need not be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a minute at most.
pub fn wait_for(what: &str, mut come: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !come() {
        assert!(Instant::now() < deadline, "{what} does not come");
        thread::sleep(Duration::from_millis(1));
    }
}
