//! What the tasks know of the workspace: its packages, from `cargo metadata`, and its files.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cargo;

/// What `cargo metadata` says of the workspace.
#[derive(Deserialize)]
pub struct Metadata {
    /// The members, in no particular order.
    pub packages: Vec<Package>,
    /// Where Cargo puts what it builds.
    pub target_directory: PathBuf,
}

/// A member of the workspace.
#[derive(Clone, Deserialize)]
pub struct Package {
    /// The name, as in `--package`.
    pub name: String,
    /// What its manifest depends on, once for each kind.
    pub dependencies: Vec<Dependency>,
    /// Its features, with what each turns on.
    pub features: BTreeMap<String, Vec<String>>,
    /// As an absolute path; [`Package::manifest`] is relative to the root.
    manifest_path: PathBuf,
}

/// A dependency as a manifest declares it.
#[derive(Clone, Deserialize)]
pub struct Dependency {
    /// The name of the package that it stands for.
    pub name: String,
    /// `None` for a normal dependency, else `dev` or `build`.
    pub kind: Option<String>,
    /// The features that the manifest turns on.
    pub features: Vec<String>,
}

/// A file of the project.
pub struct File {
    /// Relative to the root, with `/` on every system.
    pub path: String,
    /// The content of Rust, Markdown and TOML files; empty for all others.
    pub text: String,
}

/// The packages and files of the project.
pub struct Workspace {
    /// The members, by name.
    pub packages: Vec<Package>,
    /// The files that `.gitignore` does not leave out, by path.
    pub files: Vec<File>,
}

impl Package {
    /// The manifest, relative to the root.
    pub fn manifest(&self) -> String {
        relative(&self.manifest_path)
    }

    /// The folder of the package, relative to the root.
    pub fn folder(&self) -> String {
        self.manifest().trim_end_matches("/Cargo.toml").to_owned()
    }

    /// The dependencies of the library or binary itself, without those of tests and build scripts.
    pub fn normal_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies
            .iter()
            .filter(|dependency| dependency.kind.is_none())
    }
}

impl Workspace {
    /// The workspace on disk: everything but what `.gitignore` leaves out.
    ///
    /// # Errors
    /// If Cargo cannot read a manifest, or a file cannot be read.
    pub fn read() -> Result<Self> {
        let mut packages = metadata()?.packages;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        let mut files = Vec::new();
        collect(cargo::root(), &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { packages, files })
    }

    /// The text of a file, if there is such a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// The files whose name ends in `.extension`.
    pub fn with_extension<'w>(&'w self, extension: &'w str) -> impl Iterator<Item = &'w File> {
        self.files.iter().filter(move |file| {
            file.path
                .strip_suffix(extension)
                .is_some_and(|rest| rest.ends_with('.'))
        })
    }
}

/// Asks Cargo for the members of the workspace.
///
/// # Errors
/// If Cargo cannot read a manifest.
pub fn metadata() -> Result<Metadata> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let json = cargo::output(&mut cargo::command(arguments))?;
    serde_json::from_str(&json).context("`cargo metadata` wrote what is no such record")
}

fn collect(folder: &Path, files: &mut Vec<File>) -> Result<()> {
    const IGNORED: [&str; 3] = [".git", "runs", "target"];
    let is_ignored = |name: &OsStr| folder == cargo::root() && IGNORED.iter().any(|i| name == *i);
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if is_ignored(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
            continue;
        }
        let text = match path.extension().and_then(OsStr::to_str) {
            Some("rs" | "md" | "toml") => fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?,
            _ => String::new(),
        };
        files.push(File {
            path: relative(&path),
            text,
        });
    }
    Ok(())
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(cargo::root()).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
impl Package {
    /// A made-up package in `folder`, depending on `dependencies`.
    pub fn made_up(name: &str, folder: &str, dependencies: &[&str]) -> Self {
        let dependency = |name: &&str| Dependency {
            name: name.to_string(),
            kind: None,
            features: Vec::new(),
        };
        Self {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(dependency).collect(),
            features: BTreeMap::new(),
            manifest_path: cargo::root().join(folder).join("Cargo.toml"),
        }
    }
}

#[cfg(test)]
impl Workspace {
    /// A made-up workspace without packages: pairs of path and text.
    pub fn of_files(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: path.to_string(),
            text: text.to_string(),
        };
        Self {
            packages: Vec::new(),
            files: files.iter().map(file).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_contains_this_file_and_this_package() {
        let workspace = Workspace::read().unwrap();
        assert_eq!(
            workspace.text("xtask/src/workspace.rs"),
            Some(include_str!("workspace.rs"))
        );
        let package = workspace
            .packages
            .iter()
            .find(|package| package.name == "xtask")
            .unwrap();
        assert_eq!(package.manifest(), "xtask/Cargo.toml");
        assert_eq!(package.folder(), "xtask");
    }

    #[test]
    fn built_files_are_left_out() {
        let workspace = Workspace::read().unwrap();
        assert!(
            workspace
                .files
                .iter()
                .all(|file| !file.path.starts_with("target/"))
        );
    }
}
