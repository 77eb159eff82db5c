//! What a run was made with: program, machine, data.

use std::process::Command;

use candle_core::Device;
use serde::{Deserialize, Serialize};

/// The circumstances that the bytes of a run depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this crate.
    pub latentlab: String,
    /// Version of candle, or "unknown" when built outside of a workspace with a lock file.
    pub candle: String,
    /// The compiler.
    pub rustc: String,
    /// Revision of the source tree that this program was built from, where that is still there.
    pub git_revision: Option<String>,
    /// Whether that tree has changes that are not committed.
    pub git_dirty: Option<bool>,
    /// Model of the processor.
    pub cpu: String,
    /// The instruction sets that kernels choose from.
    pub cpu_features: Vec<String>,
    /// Threads of the tensor operations.
    pub threads: usize,
    /// Where the tensors live.
    pub device: String,
}

impl Environment {
    /// Looks around.
    pub fn current(threads: usize, device: &Device) -> Self {
        let revision = git(&["rev-parse", "HEAD"]);
        Self {
            latentlab: env!("CARGO_PKG_VERSION").to_owned(),
            candle: env!("LATENTLAB_CANDLE_VERSION").to_owned(),
            rustc: env!("LATENTLAB_RUSTC_VERSION").to_owned(),
            git_dirty: revision
                .is_some()
                .then(|| git(&["status", "--porcelain"]).is_some_and(|text| !text.is_empty())),
            git_revision: revision,
            cpu: cpu_model(),
            cpu_features: cpu_features(),
            threads,
            device: format!("{:?}", device.location()),
        }
    }

    /// What of this differs in `other` that the bytes of a run may depend on, in words.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let list = |features: &[String]| features.join(" ");
        [
            ("latentlab", self.latentlab.clone(), other.latentlab.clone()),
            ("candle", self.candle.clone(), other.candle.clone()),
            ("compiler", self.rustc.clone(), other.rustc.clone()),
            ("processor", self.cpu.clone(), other.cpu.clone()),
            (
                "instructions",
                list(&self.cpu_features),
                list(&other.cpu_features),
            ),
            ("device", self.device.clone(), other.device.clone()),
        ]
        .into_iter()
        .filter(|(_, before, now)| before != now)
        .map(|(what, before, now)| format!("{what} was {before}, is {now}"))
        .collect()
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    // Without a lock: git would write its index, and one that is stopped in that blocks the others.
    let source = ["--no-optional-locks", "-C", env!("CARGO_MANIFEST_DIR")];
    let output = Command::new("git")
        .args(source)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The memory in bytes that the machine has to give without taking it from others; none where the
/// system does not tell.
pub(crate) fn free_memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<String> {
    let known = [
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    let present = known.into_iter().filter(|(_, present)| *present);
    present.map(|(name, _)| name.to_owned()).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<String> {
    vec![std::env::consts::ARCH.to_owned()]
}
