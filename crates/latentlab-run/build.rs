//! Tells the crate which compiler and which candle it is built with.

use std::{env, fs, path::Path, process::Command};

fn main() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or("unknown".to_owned(), |text| text.trim().to_owned());
    println!("cargo::rustc-env=LATENTLAB_RUSTC_VERSION={version}");
    println!(
        "cargo::rustc-env=LATENTLAB_CANDLE_VERSION={}",
        candle_version().unwrap_or_else(|| "unknown".to_owned())
    );
    println!("cargo::rerun-if-changed=build.rs");
}

/// The version of candle-core in the lock file of the workspace this crate is built in.
fn candle_version() -> Option<String> {
    let manifest = env::var("CARGO_MANIFEST_DIR").ok()?;
    let lock = Path::new(&manifest)
        .ancestors()
        .map(|folder| folder.join("Cargo.lock"))
        .find(|file| file.is_file())?;
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(lock).ok()?;
    let (_, after) = text.split_once("name = \"candle-core\"\nversion = \"")?;
    Some(after.split('"').next()?.to_owned())
}
