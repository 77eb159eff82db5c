//! A little of each ordeal; `cargo xtask torture` does the whole.

#![cfg(unix)]

use latentlab_torture::{ORDEALS, Program, Torture};

fn survives(name: &str) {
    let torture = Torture {
        program: Program::new(env!("CARGO_BIN_EXE_latentlab-torture")),
        runs: 2,
        seed: 1,
    };
    let folder = tempfile::tempdir().unwrap();
    let ordeal = ORDEALS.iter().find(|ordeal| ordeal.name == name).unwrap();
    let report = (ordeal.run)(&torture, folder.path()).unwrap();
    assert!(!report.tried.is_empty());
    assert!(report.lost.is_empty(), "{:#?}", report.lost);
}

#[test]
fn kills_lose_nothing() {
    survives("kills");
}

#[test]
fn faults_lose_nothing() {
    survives("faults");
}

#[cfg(target_os = "linux")]
#[test]
fn a_long_run_does_not_grow() {
    survives("length");
}

#[test]
fn many_runs_are_listed() {
    survives("many");
}
