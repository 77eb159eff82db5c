//! NVIDIA's CUDA compiler: the one on the path, or one from PyPI, which needs no GPU and no root.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// The parts of CUDA 13.0 that candle's kernels are compiled with.
const WHEELS: [&str; 6] = [
    "nvidia-cuda-cccl==13.0.85",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-curand==10.4.0.35",
    "nvidia-nvvm==13.0.88",
];

/// What the build scripts of candle's CUDA crates must be told.
pub type Environment = Vec<(&'static str, OsString)>;

/// The environment to build with CUDA, or `None` if there is no compiler.
pub fn find(target_directory: &Path) -> Option<Environment> {
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|folder| folder.join("nvcc").is_file()) {
        return Some(compute_capability());
    }
    let toolkit = toolkit(target_directory);
    let compiler = toolkit.join("bin/nvcc");
    compiler.is_file().then(|| {
        let mut environment = compute_capability();
        environment.push(("NVCC", compiler.into()));
        environment.push(("CUDA_HOME", toolkit.clone().into()));
        environment.push(("CUDA_PATH", toolkit.into()));
        // Without it, cudarc asks an nvcc on the path.
        environment.push(("CUDARC_CUDA_VERSION", "13000".into()));
        environment
    })
}

/// Installs the compiler from PyPI into `nvcc` below the target directory.
///
/// # Errors
/// If Python's pip is missing or cannot download, or what it downloads is no compiler.
pub fn fetch(target_directory: &Path) -> Result<()> {
    let folder = target_directory.join("nvcc");
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--upgrade",
        "--target",
    ]);
    cargo::succeed(pip.arg(&folder).args(WHEELS)).context("cannot install nvcc from PyPI")?;
    let compiler = toolkit(target_directory).join("bin/nvcc");
    ensure!(
        compiler.is_file(),
        "the wheels of PyPI brought no {}",
        compiler.display()
    );
    Ok(())
}

/// Where the wheels unpack what an installer would put into /usr/local/cuda.
fn toolkit(target_directory: &Path) -> PathBuf {
    target_directory.join("nvcc/nvidia/cu13")
}

/// The GPU generation to compile for; without a GPU candle's build script cannot find one.
fn compute_capability() -> Environment {
    let given = env::var_os("CUDA_COMPUTE_CAP");
    vec![("CUDA_COMPUTE_CAP", given.unwrap_or("80".into()))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_compiler_is_not_taken_for_one() {
        let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default())
            .any(|folder| folder.join("nvcc").is_file());
        assert_eq!(find(Path::new("/nowhere")).is_some(), on_path);
    }
}
