//! The latent space in the report: the codes of test images, and what the plane decodes to.

use std::{fs, path::Path};

use crate::{
    latent_map::{CODES, DECODED, FOLDER},
    page,
};
use latentlab_run::{Error, Result};

/// A section with the maps of the run in `directory`; nothing if it has none.
///
/// # Errors
/// If a map cannot be read.
pub(super) fn section(directory: &Path) -> Result<String> {
    let folder = directory.join(FOLDER);
    let codes = folder.join(CODES);
    if !codes.is_file() {
        return Ok(String::new());
    }
    let svg = fs::read_to_string(&codes).map_err(Error::file(&codes))?;
    let decoded = folder.join(DECODED);
    let decoded = match decoded.is_file() {
        true => {
            let png = fs::read(&decoded).map_err(Error::file(&decoded))?;
            let caption = "what the same points decode to, from left to right and from below";
            let figure = page::figure("decodings of a grid in the latent space", caption, &png);
            format!("<div class=\"aside\">\n{figure}</div>\n")
        }
        false => String::new(),
    };
    let contents =
        format!("<div class=\"pictures\">\n<div class=\"aside\">\n{svg}</div>\n{decoded}</div>\n");
    Ok(page::section("Latent space", &contents))
}
