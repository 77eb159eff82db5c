//! Memory that does not grow with the number of samples.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::album::{Album, text};

/// The most memory that a call of the program took at once, in bytes.
fn peak(arguments: &[&str]) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_latentlab"))
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        thread::sleep(Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success(), "{arguments:?}");
    assert!(peak > 0, "/proc tells no memory");
    peak
}

/// 10,000 samples of 256x256x3 are 7.9 GB of 32-bit floats, and were kept seven times.
#[test]
fn ten_thousand_large_samples_are_judged_in_two_gibibytes() {
    let album = Album::new(24, 256);
    let run = album.train("gan", 256, &[]);
    let peak = peak(&["evaluate", text(&run), "--samples", "10000"]);
    assert!(peak < 2 << 30, "{} MiB", peak >> 20);
}
