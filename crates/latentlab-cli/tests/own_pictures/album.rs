//! A folder of pictures, and runs on it by the program.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Output,
};

use assert_cmd::Command;
use latentlab_tensor::Rng;
use tempfile::TempDir;

/// A folder of pictures beside the runs on it; both end with it.
pub struct Album {
    folder: TempDir,
}

impl Album {
    /// `count` colour pictures of `side` by `side` pixels: a lit square on a ramp, each another.
    pub fn new(count: usize, side: usize) -> Self {
        let album = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(album.pictures()).unwrap();
        for number in 0..count {
            album.add(number, side);
        }
        album
    }

    /// One more picture.
    pub fn add(&self, number: usize, side: usize) {
        let mut rng = Rng::stream(1, "album", number as u64);
        let mut corner = || rng.below(side as u64 / 2) as usize;
        let (left, top) = (corner(), corner());
        let light = 64 + (number * 7 % 190) as u8;
        let mut pixels = Vec::with_capacity(side * side * 3);
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let inside = (top..top + side / 2).contains(&y) && (left..left + side / 2).contains(&x);
            let ramp = (x * 255 / side) as u8;
            pixels.extend(match inside {
                true => [light, 255 - light, 40],
                false => [ramp / 2, 20, (y * 255 / side) as u8],
            });
        }
        let file = self.pictures().join(format!("picture-{number:03}.png"));
        let mut encoder = png::Encoder::new(File::create(file).unwrap(), side as u32, side as u32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
    }

    pub fn pictures(&self) -> PathBuf {
        self.path("pictures")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The experiment file of a few steps of a tiny `model`.
    pub fn experiment(&self, model: &str, side: usize) -> PathBuf {
        let config = match model {
            "gan" => "{ generator = { hidden = [8] }, discriminator = { hidden = [8] } }",
            _ => "{ hidden = [8], latent = 2 }",
        };
        let text = format!(
            "steps = 3\nbatch_size = 4\nmodel = {{ name = '{model}', config = {config} }}\n\
             [data]\nname = 'folder'\ndir = '{}'\nsize = {side}\nchannels = 3\n\
             test_fraction = 0.25\n",
            self.pictures().display()
        );
        let file = self.path("own.toml");
        fs::write(&file, text).unwrap();
        file
    }

    /// Trains a tiny `model` for a few steps and gives the run directory.
    pub fn train(&self, model: &str, side: usize, more: &[&str]) -> PathBuf {
        let (run, file) = (self.path("run"), self.experiment(model, side));
        let call = ["experiment", text(&file), "--out", text(&run)];
        success(&[&call[..], more].concat());
        run
    }
}

pub fn latentlab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_latentlab"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Everything that a process said.
pub fn told(output: &Output) -> String {
    let (out, errors) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(errors)
    )
}

/// What a call that must succeed said.
pub fn success(arguments: &[&str]) -> String {
    let output = latentlab(arguments);
    let told = told(&output);
    assert!(output.status.success(), "{arguments:?}: {told}");
    told
}

/// Exit code and stderr of a call that must fail.
pub fn failure(arguments: &[&str]) -> (i32, String) {
    let output = latentlab(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{arguments:?} succeeded");
    (output.status.code().unwrap(), errors)
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
