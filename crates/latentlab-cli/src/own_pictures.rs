//! Pictures from anywhere, brought into the form of the images that a model was trained on.

use latentlab_core::{DataInfo, ValueRange};
use latentlab_data::{Background, Folder, Source};

use latentlab_run::{Error, Result};

/// How pictures are read for a model whose images `info` is about: as those of `source` were, if that
/// is a folder, and in their shape; `background` is what is seen through them, if somebody chose it.
///
/// # Errors
/// If those images are no pictures.
pub(crate) fn reader(
    source: &Source,
    info: &DataInfo,
    background: Option<Background>,
) -> Result<Folder> {
    let shape = info.shape;
    if !matches!(shape.channels, 1..=4) || info.range != ValueRange::Unit {
        let problem = "pictures can be compared with images of 1 to 4 channels only, with values in \
                       [0, 1]";
        return Err(Error::Argument(problem.to_owned()));
    }
    let with_alpha = matches!(shape.channels, 2 | 4);
    if with_alpha && background.is_some_and(|background| background != Background::Keep) {
        let problem = "--background: the images of the run keep their alpha, so pictures do too";
        return Err(Error::Argument(problem.to_owned()));
    }
    let like = match source {
        Source::Folder(folder) => folder.clone(),
        _ if with_alpha => Folder {
            background: Background::Keep,
            ..Folder::default()
        },
        _ => Folder::default(),
    };
    Ok(Folder {
        height: Some(shape.height as u32),
        width: Some(shape.width as u32),
        channels: shape.channels - usize::from(with_alpha),
        test_fraction: 0.0,
        background: background.unwrap_or(like.background),
        ..like
    })
}
