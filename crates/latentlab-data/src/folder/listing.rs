//! The pictures in a folder, and everything else that lies there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, Result, summary::Notes};

/// Pictures in a fixed order, with their classes.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub files: Vec<PathBuf>,
    /// One for each file, where there are classes.
    pub labels: Option<Vec<u32>>,
    /// The names of the classes, by label.
    pub classes: Option<Vec<String>>,
    /// What was passed over, and why.
    pub notes: Notes,
}

/// What lies in one folder.
#[derive(Default)]
struct Content {
    pictures: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// What lies in a folder and below it.
#[derive(Default)]
struct Tree {
    /// Pictures in the folder itself.
    pictures: Vec<PathBuf>,
    /// Pictures in folders below it.
    deeper: Vec<PathBuf>,
}

/// Endings of the files that are read.
const READ: [&str; 3] = ["png", "jpg", "jpeg"];
/// Endings of pictures that are not read.
const NOT_READ: [&str; 30] = [
    "apng", "arw", "avif", "bmp", "cr2", "cr3", "dng", "exr", "gif", "hdr", "heic", "heif", "ico",
    "jfif", "jp2", "jpe", "jxl", "nef", "orf", "pbm", "pgm", "pnm", "ppm", "psd", "raf", "svg",
    "tga", "tif", "tiff", "webp",
];

/// Lists the pictures in `root`; those in folders below a class folder as well, if `recursive`.
pub(super) fn list(root: &Path, recursive: bool) -> Result<Listing> {
    if is_run(root) {
        let problem = "is a run directory, whose pictures are what a model made; name the folder \
                       of your own pictures";
        return Err(Error::file(root, problem));
    }
    let mut walk = Walk {
        root,
        above: Vec::new(),
        notes: Notes::default(),
    };
    let Content { pictures, folders } = walk.content(root)?;
    walk.enter(root)?;
    let (mut files, mut labels, mut classes) = (Vec::new(), Vec::new(), Vec::new());
    let mut unread = Vec::new();
    for folder in folders {
        let before = walk.unread();
        let mut tree = walk.tree(&folder)?;
        if recursive {
            tree.pictures.append(&mut tree.deeper);
            tree.pictures.sort();
        }
        for picture in &tree.deeper {
            let what = "passed over: in folders below class folders (recursive = false)";
            walk.note(what, picture);
        }
        if !tree.pictures.is_empty() {
            labels.extend(tree.pictures.iter().map(|_| classes.len() as u32));
            let name = folder.file_name().unwrap_or_default();
            classes.push(name.to_string_lossy().into_owned());
            files.append(&mut tree.pictures);
        } else if walk.unread() > before || !tree.deeper.is_empty() {
            unread.push(folder);
        } else {
            walk.note("passed over: folders without a picture", &folder);
        }
    }
    match (pictures.first(), files.first()) {
        (Some(picture), Some(file)) => {
            let (picture, file) = (walk.name(picture), walk.name(file));
            let problem = format!(
                "holds both images ({picture}) and sub-folders of images ({file}); sub-folders are \
                 classes, so move the images into one"
            );
            Err(Error::file(root, problem))
        }
        (Some(_), None) => Ok(Listing {
            files: pictures,
            notes: walk.notes,
            ..Listing::default()
        }),
        (None, Some(_)) => match unread.first() {
            Some(folder) => {
                let problem = "is a class without a PNG or JPEG file, but with pictures that are \
                               not read; convert them, or move the folder away";
                Err(Error::file(folder, problem))
            }
            None => Ok(Listing {
                files,
                labels: Some(labels),
                classes: Some(classes),
                notes: walk.notes,
            }),
        },
        (None, None) => {
            let found: Vec<String> = walk.notes.0.iter().map(|note| note.to_string()).collect();
            let found = match found.is_empty() {
                true => String::new(),
                false => format!(": {}", found.join("; ")),
            };
            let problem = format!("holds no PNG or JPEG file, nor do its sub-folders{found}");
            Err(Error::file(root, problem))
        }
    }
}

/// A path as examples name it: below `root`, parts separated by `/`.
pub(super) fn name_below(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    let parts: Vec<_> = parts
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

/// A walk through folders, which notes what it passes over.
struct Walk<'a> {
    root: &'a Path,
    /// The folders that lead to where it is, without links.
    above: Vec<PathBuf>,
    notes: Notes,
}

impl Walk<'_> {
    /// The pictures in a folder and below it, each sorted.
    fn tree(&mut self, folder: &Path) -> Result<Tree> {
        let mut tree = Tree::default();
        if !self.enter(folder)? {
            self.note("passed over: links to a folder that they lie in", folder);
            return Ok(tree);
        }
        let content = self.content(folder)?;
        tree.pictures = content.pictures;
        for below in content.folders {
            let Tree { pictures, deeper } = self.tree(&below)?;
            tree.deeper.extend(pictures);
            tree.deeper.extend(deeper);
        }
        tree.deeper.sort();
        self.above.pop();
        Ok(tree)
    }

    /// Goes into a folder, unless it is one that leads there.
    fn enter(&mut self, folder: &Path) -> Result<bool> {
        let place = fs::canonicalize(folder).map_err(|error| Error::io(folder, error))?;
        let fresh = !self.above.contains(&place);
        if fresh {
            self.above.push(place);
        }
        Ok(fresh)
    }

    /// The pictures and the folders in a folder, each sorted.
    fn content(&mut self, folder: &Path) -> Result<Content> {
        let entries = fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
        let entries = entries.map(|entry| entry.map(|entry| entry.path()));
        let paths = entries.collect::<Result<Vec<_>, _>>();
        let mut paths = paths.map_err(|error| Error::io(folder, error))?;
        paths.sort();
        let mut content = Content::default();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
            let ending = ending.to_string_lossy();
            if name.starts_with('.') {
                self.note("passed over: hidden", &path);
                continue;
            }
            let is_picture = READ.contains(&&*ending);
            let found = match fs::metadata(&path) {
                Ok(found) => found,
                Err(error) if is_picture => return Err(Error::io(&path, error)),
                Err(_) => {
                    self.note("passed over: links that lead nowhere", &path);
                    continue;
                }
            };
            match (found.is_dir(), found.is_file()) {
                (true, _) if is_run(&path) => self.note("passed over: run directories", &path),
                (true, _) => content.folders.push(path),
                (_, true) if is_picture => content.pictures.push(path),
                (_, true) if NOT_READ.contains(&&*ending) => {
                    self.note(&format!("{NOT_READ_NOTE} (.{ending})"), &path);
                }
                (_, true) => self.note("passed over: other files", &path),
                (_, false) => self.note("passed over: neither files nor folders", &path),
            }
        }
        Ok(content)
    }

    /// How many pictures of other kinds were passed over.
    fn unread(&self) -> usize {
        let notes = self.notes.0.iter();
        let notes = notes.filter(|note| note.what.starts_with(NOT_READ_NOTE));
        notes.map(|note| note.count).sum()
    }

    fn note(&mut self, what: &str, path: &Path) {
        let root = self.root;
        self.notes.add(what, || name_below(root, path));
    }

    fn name(&self, path: &Path) -> String {
        name_below(self.root, path)
    }
}

const NOT_READ_NOTE: &str = "passed over: pictures that are not read, PNG and JPEG are";

/// Whether a folder is what a run leaves behind.
fn is_run(folder: &Path) -> bool {
    folder.join("run.json").is_file() && folder.join("config.toml").is_file()
}
