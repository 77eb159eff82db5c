//! The pictures of a run in its report: the last one large, the earlier ones small. Where scripts run,
//! a slider leads through them.

use std::{fs, path::Path};

use latentlab_train::observers::numbered_pictures;

use crate::{evenly::evenly, markup::escape, page};
use latentlab_run::{Error, Result};

/// Makes a slider of the sections; without it every picture is seen at once.
pub(super) const SLIDES: &str = include_str!("slides.js");

/// Earlier pictures shown, at most: more would make a page that browsers open slowly.
const EARLIER: usize = 255;
/// Bytes that the earlier pictures of one kind may take together, as many as are shown.
const EARLIER_BYTES: usize = 16 << 20;

/// A section with the files `step-<number>.png` of `folder`; nothing if there are none.
///
/// # Errors
/// If the folder or a file cannot be read.
pub(super) fn section(title: &str, folder: &Path) -> Result<String> {
    let mut files = numbered_pictures(folder, "step")?;
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
    let last = figure(title, step, &last);
    let left_out = match files.len().saturating_sub(affordable) {
        0 => String::new(),
        _ => {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let (shown, all, name) = (affordable + 1, files.len() + 1, escape(&name));
            format!("<p>{shown} of {all} pictures; all are in <code>{name}</code>.</p>\n")
        }
    };
    let contents = format!(
        "{left_out}<div class=\"pictures\">\n{last}<div class=\"earlier\">\n{earlier}</div>\n</div>\n"
    );
    Ok(page::section(title, &contents))
}

fn figure(title: &str, step: u64, png: &[u8]) -> String {
    page::figure(
        &format!("{title} at step {step}"),
        &format!("step {step}"),
        png,
    )
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(Error::file(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_picture_comes_first_and_all_earlier_ones_follow() {
        let folder = tempfile::tempdir().unwrap();
        for step in 1..=47u8 {
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
        let earlier: Vec<u64> = (1..47).collect();
        assert_eq!(steps, [&[47], &earlier[..]].concat());
        assert!(!html.contains("all are in"), "{html}");
        assert!(html.contains("base64,Lw==\""), "byte 47 in base64: {html}");
    }

    #[test]
    fn large_pictures_are_fewer_and_their_number_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for step in 1..=12 {
            let name = format!("step-{step:06}.png");
            fs::write(folder.path().join(name), vec![0; EARLIER_BYTES / 3]).unwrap();
        }
        let html = section("Samples", folder.path()).unwrap();
        assert_eq!(html.matches("<img").count(), 4);
        assert!(
            html.contains("4 of 12 pictures; all are in <code>"),
            "{html}"
        );
    }

    #[test]
    fn without_pictures_there_is_no_section() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(section("Samples", folder.path()).unwrap(), "");
        assert_eq!(section("Samples", &folder.path().join("none")).unwrap(), "");
    }
}
