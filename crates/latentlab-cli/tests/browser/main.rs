//! The pages of runs in a browser, where Chromium is installed: scripts, widths, colours, requests.

#![cfg(unix)]

mod devtools;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use devtools::Browser;
use serde_json::{Value, json};

/// The width of a telephone in CSS pixels.
const PHONE: u64 = 390;

/// A browser, or none and a line that says so.
fn browser() -> Option<Browser> {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            let version = Command::new(name)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            version.is_ok_and(|status| status.success())
        });
    if found.is_none() {
        // Not captured by the test harness, unlike `eprintln!`.
        let words = "SKIPPED: the pages were not looked at, for there is no Chromium here\n";
        std::io::stderr().write_all(words.as_bytes()).unwrap();
    }
    found.map(Browser::start)
}

/// A short run with everything that a report can show.
fn run(out: &Path, seed: &str, latent: &str) -> PathBuf {
    let expect = "expect=[{ figure = \"test/elbo\", value = -500.0, tolerance = 500.0, source = \
                  \"a table of a long paper\", protocol = \"all images of the test set\" }]";
    let status = Command::new(env!("CARGO_BIN_EXE_latentlab"))
        .args(["experiment", "vae-mnist", "--smoke", "--seed", seed])
        .args([
            "--set",
            &format!("model.config.latent={latent}"),
            "--set",
            "samples.every=1",
            "--set",
            expect,
        ])
        .args(["--out", out.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    out.to_owned()
}

/// Opens a page at a width and keeps a picture of all of it in the target folder, to be looked at.
fn look(browser: &mut Browser, page: &Path, width: u64, name: &str) {
    browser.resize(width, 900);
    browser.open(page);
    let height = browser
        .evaluate("document.documentElement.scrollHeight")
        .as_u64();
    browser.resize(width, height.unwrap());
    let png = browser.screenshot();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::write(folder.join(format!("{name}-{width}.png")), png).unwrap();
}

/// What the open page draws beyond its right edge, scrolling boxes aside, and what its charts write
/// beyond theirs.
fn overflowing(browser: &mut Browser) -> Value {
    browser.evaluate(
        "[...document.querySelectorAll('body *')]
           .filter((one) => !one.closest('.wide > *, pre > *'))
           .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
           .concat([...document.querySelectorAll('svg text')].filter((text) => {
             const [inner, outer] = [text, text.closest('svg')].map((one) => one.getBoundingClientRect());
             return inner.left < outer.left || inner.right > outer.right
               || inner.top < outer.top || inner.bottom > outer.bottom;
           }))
           .map((one) => one.outerHTML.slice(0, 80))
           .concat(document.documentElement.scrollWidth > innerWidth ? ['the page'] : [])",
    )
}

fn assert_silent(browser: &mut Browser) {
    assert_eq!(browser.complaints(), [""; 0]);
    let requests = browser.requests();
    let outside: Vec<_> = requests
        .iter()
        .filter(|url| !url.starts_with("file:") && !url.starts_with("data:"))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    let files = requests.iter().filter(|url| url.starts_with("file:"));
    assert!(
        files.count() >= 1,
        "the page itself was not seen to be requested"
    );
}

#[test]
fn the_checks_find_what_they_look_for() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("bad.html");
    let html = "<!doctype html><meta name=viewport content='width=device-width'>\
                <div style='width:2000px'>wide</div>\
                <svg width=50 height=20><text y=15>far too long for this</text></svg><img src='http://127.0.0.1:9/a.png'>\
                <script>console.error('told'); throw Error('thrown')</script>";
    fs::write(&page, html).unwrap();
    browser.resize(PHONE, 900);
    browser.open(&page);
    let found = overflowing(&mut browser).to_string();
    for part in ["2000px", "the page", "far too long"] {
        assert!(found.contains(part), "no {part} in {found}");
    }
    let complaints = browser.complaints().concat();
    for part in ["told", "thrown", "net::ERR"] {
        assert!(complaints.contains(part), "no {part} in {complaints}");
    }
    let requests = browser.requests();
    assert!(
        requests.contains(&"http://127.0.0.1:9/a.png".to_owned()),
        "{requests:?}"
    );
}

#[test]
fn a_report_is_silent_fits_a_phone_and_its_slider_changes_the_picture() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let report = run(&folder.path().join("run"), "0", "2").join("report.html");
    for width in [1280, PHONE] {
        look(&mut browser, &report, width, "report");
        assert_eq!(overflowing(&mut browser), json!([]), "at {width} pixels");
    }
    let sections =
        browser.evaluate("[...document.querySelectorAll('h2')].map((h) => h.textContent)");
    assert_eq!(
        sections,
        json!([
            "Expectations",
            "Samples",
            "Reconstructions",
            "Latent space",
            "Final figures",
            "Curves",
            "Data"
        ])
    );
    let large = "document.querySelector('.pictures > figure img').src";
    let caption = "document.querySelector('.pictures > figure figcaption').textContent";
    let last = browser.evaluate(large);
    assert_eq!(browser.evaluate(caption), "step 6");
    browser.evaluate("document.querySelector('input[type=range]').focus()");
    browser.press("ArrowLeft", 37);
    assert_eq!(browser.evaluate(caption), "step 5");
    assert_ne!(
        browser.evaluate(large),
        last,
        "another step, another picture"
    );
    browser.press("Home", 36);
    assert_eq!(browser.evaluate(caption), "step 1");
    browser.press("End", 35);
    assert_eq!(browser.evaluate(large), last);
    browser.evaluate("document.querySelector('.earlier figure').click()");
    assert_eq!(browser.evaluate(caption), "step 1");
    let value = browser.evaluate("document.querySelector('input[type=range]').value");
    assert_eq!(value, "0", "the slider follows");
    assert_silent(&mut browser);
}

#[test]
fn a_report_without_scripts_shows_every_picture_and_no_slider() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let report = run(&folder.path().join("run"), "0", "2").join("report.html");
    browser.command(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": true }),
    );
    look(&mut browser, &report, PHONE, "report-without-scripts");
    let sizes = "[...document.images].map((image) => image.width * image.naturalWidth)";
    let sizes = browser.evaluate(sizes);
    let sizes: Vec<u64> = serde_json::from_value(sizes).unwrap();
    assert_eq!(
        sizes.len(),
        6 + 6 + 1,
        "samples, reconstructions and the latent map"
    );
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
    assert_eq!(
        browser.evaluate("document.querySelectorAll('input, button').length"),
        0
    );
    assert_eq!(overflowing(&mut browser), json!([]));
    assert_silent(&mut browser);
}

#[test]
fn a_page_is_dark_where_dark_is_wanted() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let report = run(&folder.path().join("run"), "0", "20").join("report.html");
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        browser.command(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        );
        look(&mut browser, &report, 1280, &format!("report-{scheme}"));
        let colours = "[getComputedStyle(document.body).backgroundColor, \
                        getComputedStyle(document.querySelector('.hue-1')).color]";
        grounds.push(browser.evaluate(colours));
        assert_eq!(
            overflowing(&mut browser),
            json!([]),
            "of a latent space of 20 dimensions"
        );
    }
    assert_eq!(
        grounds[0],
        json!(["rgb(255, 255, 255)", "rgb(212, 96, 10)"])
    );
    assert_eq!(grounds[1], json!(["rgb(16, 19, 23)", "rgb(255, 160, 77)"]));
}

#[test]
fn a_comparison_is_silent_and_fits_a_phone() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let runs = ["0", "1"].map(|seed| run(&folder.path().join(format!("seed-{seed}")), seed, "2"));
    let page = folder.path().join("comparison.html");
    let status = Command::new(env!("CARGO_BIN_EXE_latentlab"))
        .arg("compare")
        .args(&runs)
        .arg("--out")
        .arg(&page)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    for width in [1280, PHONE] {
        look(&mut browser, &page, width, "comparison");
        assert_eq!(overflowing(&mut browser), json!([]), "at {width} pixels");
    }
    let keys = "[...document.querySelectorAll('section:last-of-type tbody th')] \
                .map((head) => head.textContent)";
    assert_eq!(browser.evaluate(keys), json!(["seed"]));
    assert_silent(&mut browser);
}
