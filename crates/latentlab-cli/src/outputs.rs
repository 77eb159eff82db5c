//! Pictures that a command writes where it is told to: their format, their look, their place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use latentlab_core::ImageShape;
use latentlab_report::{
    Picture,
    picture::{Format, Grid, Timing, write},
};

use super::say;
use latentlab_run::{Error, Experiment, Result};

/// Pixels of a picture, at most, so that it and the images in it take less than a gigabyte.
const MOST_PIXELS: usize = 1 << 26;

/// How images look in a picture.
#[derive(Debug, Args)]
pub(super) struct Look {
    /// Side of the square that a pixel of an image is drawn as; 2 for small images without it
    #[arg(long, value_name = "N")]
    scale: Option<usize>,
    /// Leave out the grey line around each image
    #[arg(long)]
    no_frame: bool,
    /// The channels to show, one to four of them, such as 0,1,2; all without it, or the first three
    /// of more than four
    #[arg(long, value_name = "C", value_delimiter = ',')]
    channels: Vec<usize>,
}

impl Look {
    /// A grid of so many columns of images of `shape`.
    ///
    /// # Errors
    /// If such images cannot be drawn so.
    pub(super) fn grid(&self, columns: usize, shape: ImageShape) -> Result<Grid> {
        let grid = Grid {
            columns,
            scale: self.scale,
            frame: !self.no_frame,
            channels: (!self.channels.is_empty()).then(|| self.channels.clone()),
        };
        grid.check(shape.channels)?;
        Ok(grid)
    }
}

/// Refuses a picture of so many images of `shape` that nobody could open; to be asked before they are
/// made.
///
/// # Errors
/// With the number of its pixels, and what makes it smaller.
pub(super) fn refuse_huge(count: usize, shape: ImageShape, grid: &Grid) -> Result<()> {
    let scale = grid.scale.unwrap_or(1);
    let image = (shape.height * scale).saturating_mul(shape.width * scale);
    let pixels = image.saturating_mul(count);
    if pixels <= MOST_PIXELS {
        return Ok(());
    }
    let (height, width) = (shape.height, shape.width);
    Err(Error::Argument(format!(
        "{count} images of {width}x{height} make a picture of {} million pixels, and {} million are \
         the most: take fewer, or a smaller --scale; `sample --each DIR` writes a file for each",
        pixels / 1_000_000,
        MOST_PIXELS / 1_000_000
    )))
}

/// The format that the ending of `out` asks for, if a picture can be written there: `animated` is
/// whether it moves.
///
/// # Errors
/// For an ending that is no picture's, a format that cannot move, a folder that is not there, and a
/// place among the data of the run.
pub(super) fn check_place(out: &Path, animated: bool, experiment: &Experiment) -> Result<()> {
    if Format::of(out)? == Format::Jpeg && animated {
        let problem = "--out: a JPEG file does not move; take .png or .gif, or leave --animate out";
        return Err(Error::Argument(problem.to_owned()));
    }
    if let Some(folder) = out.parent()
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        let problem = format!(
            "--out {}: there is no folder {}",
            out.display(),
            folder.display()
        );
        return Err(Error::Argument(problem));
    }
    refuse_among_data(out, experiment)
}

/// Writes a picture, or several as an animation, and says so.
pub(super) fn write_picture(out: &Path, pictures: &[Picture], step: u64) -> Result<u8> {
    write(out, pictures, Timing::default())?;
    let first = pictures.first();
    let (width, height) = first.map_or((0, 0), |first| (first.width(), first.height()));
    let frames = match pictures.len() {
        1 => String::new(),
        frames => format!("{frames} frames of "),
    };
    let out = out.display();
    say(format!(
        "{out}: {frames}{width}x{height} pixels, model of step {step}"
    ));
    Ok(0)
}

/// A new or empty folder for files of a command.
///
/// # Errors
/// If it holds something, or cannot be made.
pub(super) fn empty_folder(folder: &Path) -> Result<()> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let problem = format!("--each {}: the folder is not empty", folder.display());
        return Err(Error::Argument(problem));
    }
    fs::create_dir_all(folder).map_err(Error::file(folder))
}

/// The file of picture `number`.
pub(super) fn numbered(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number:06}.png"))
}

/// Refuses to write `file` among the pictures of a folder that `experiment` was trained on: it would be
/// one of them from then on, and the data another set. Run directories are no data.
///
/// # Errors
/// If it lies there.
pub(super) fn refuse_among_data(file: &Path, experiment: &Experiment) -> Result<()> {
    let dir = experiment.data.get("dir").and_then(toml::Value::as_str);
    let Some(data) = dir.and_then(|dir| fs::canonicalize(dir).ok()) else {
        return Ok(());
    };
    let folder = file.ancestors().skip(1).find_map(|above| {
        let above = if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        };
        fs::canonicalize(above).ok()
    });
    let Some(folder) = folder.filter(|folder| folder.starts_with(&data)) else {
        return Ok(());
    };
    let within_a_run = folder
        .ancestors()
        .take_while(|above| above.starts_with(&data))
        .any(|above| above.join("run.json").is_file());
    if within_a_run {
        return Ok(());
    }
    Err(Error::Argument(format!(
        "{}: lies among the data of the run, {}, and would be one of its pictures from then on; name \
         another place",
        file.display(),
        data.display()
    )))
}
