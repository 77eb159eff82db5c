//! The pictures of a run in its report: the last one large, a few earlier ones small.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{Error, Result};

/// Earlier pictures shown, at most.
const EARLIER: usize = 11;
/// Bytes that the earlier pictures of one kind may take together, as many as are shown.
const EARLIER_BYTES: usize = 1 << 20;

/// A section with the files `step-<number>.png` of `folder`; nothing if there are none.
///
/// # Errors
/// If the folder or a file cannot be read.
pub(super) fn section(title: &str, folder: &Path) -> Result<String> {
    let mut files = numbered(folder)?;
    let Some((step, file)) = files.pop() else {
        return Ok(String::new());
    };
    let last = read(&file)?;
    let affordable = (EARLIER_BYTES / last.len().max(1)).min(EARLIER);
    let mut earlier = String::new();
    for index in evenly(files.len(), affordable) {
        let (step, file) = &files[index];
        earlier.push_str(&figure(title, *step, &read(file)?));
    }
    Ok(format!(
        "<section>\n<h2>{title}</h2>\n<div class=\"pictures\">\n{}\
         <div class=\"earlier\">\n{earlier}</div>\n</div>\n</section>\n",
        figure(title, step, &last)
    ))
}

fn figure(title: &str, step: u64, png: &[u8]) -> String {
    format!(
        "<figure><img alt=\"{title} at step {step}\" src=\"data:image/png;base64,{}\">\
         <figcaption>step {step}</figcaption></figure>\n",
        STANDARD.encode(png)
    )
}

/// The pictures in `folder` with their steps, in order.
fn numbered(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let file = entry.map_err(Error::file(folder))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let number = name
            .strip_prefix("step-")
            .and_then(|rest| rest.strip_suffix(".png"));
        if let Some(step) = number.and_then(|digits| digits.parse().ok()) {
            files.push((step, file));
        }
    }
    files.sort();
    Ok(files)
}

/// At most `wanted` of the indices below `count`, evenly spread from the first on.
fn evenly(count: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let shown = wanted.min(count);
    (0..shown).map(move |index| index * count / shown)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(Error::file(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_picture_comes_first_and_the_earlier_ones_are_spread() {
        let folder = tempfile::tempdir().unwrap();
        for step in 1..=23u8 {
            let name = format!("step-{:06}.png", u32::from(step) * 500_000);
            fs::write(folder.path().join(name), [step]).unwrap();
        }
        fs::write(folder.path().join(".step-000500.png.tmp"), "torn").unwrap();
        let html = section("Samples", folder.path()).unwrap();
        let steps: Vec<u64> = html
            .split("<figcaption>step ")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap().parse::<u64>().unwrap() / 500_000)
            .collect();
        assert_eq!(steps, [23, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21]);
        assert!(html.contains("base64,Fw==\""), "byte 23 in base64: {html}");
    }

    #[test]
    fn large_pictures_are_fewer() {
        let folder = tempfile::tempdir().unwrap();
        for step in 1..=12 {
            let name = format!("step-{step:06}.png");
            fs::write(folder.path().join(name), vec![0; EARLIER_BYTES / 3]).unwrap();
        }
        let html = section("Samples", folder.path()).unwrap();
        assert_eq!(html.matches("<img").count(), 4);
    }

    #[test]
    fn without_pictures_there_is_no_section() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(section("Samples", folder.path()).unwrap(), "");
        assert_eq!(section("Samples", &folder.path().join("none")).unwrap(), "");
    }
}
