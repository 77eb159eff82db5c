//! PNG and JPEG files in a folder, a sub-folder for each class.

mod background;
mod decode;
mod fit;
mod grey;
mod jpeg;
mod listing;
mod png;

use std::{path::PathBuf, sync::Arc};

use candle_core::{Device, Tensor};
use latentlab_core::{ImageShape, ValueRange};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, Result, SplitRule,
    fingerprint::hexadecimal,
    images::{Images, Loaded, Values, checked_size},
    share::{Divided, Share},
    split::rank,
    summary::{Note, Notes},
};
use decode::{Outcome, Step};
use listing::{Listing, name_below};

pub use background::Background;
pub use fit::Fit;
pub use grey::Grey;

/// A folder of PNG and JPEG files (`.png`, `.jpg`, `.jpeg`; other files are passed over, and counted).
///
/// Each sub-folder is a class, numbered from 0 in the order of their names; images that lie in the
/// folder itself have no labels. Hidden files and folders, and what runs leave behind, are no data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Folder {
    /// The folder, seen from the working folder of the program unless it starts at the root.
    /// Required.
    pub dir: PathBuf,
    /// Height and width of the images in pixels, 1 to 4096, as far as `height` and `width` do not say
    /// otherwise.
    pub size: u32,
    /// Height of the images in pixels, 1 to 4096.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Width of the images in pixels, 1 to 4096.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// How pictures of another shape are fitted: "crop" takes the largest part in the middle, "pad"
    /// fills up with the background, "stretch" takes all and changes the ratio of height and width.
    pub fit: Fit,
    /// 1 for grey levels, 3 for colours; alpha that is kept is one more.
    pub channels: usize,
    /// What is seen through transparent parts: "white", "black" or a colour such as "#ff8000"; "keep"
    /// keeps alpha as one more channel, "drop" leaves it out, so that hidden colours show.
    #[schemars(with = "String")]
    pub background: Background,
    /// Whether pictures are turned as a viewer shows them: "exif" does what their EXIF data say,
    /// "stored" takes the pixels as they lie in the file.
    pub orientation: Orientation,
    /// How colours become grey levels: "bt601" as Pillow and torchvision do, "bt709" with the weights
    /// of linear light.
    pub grey: Grey,
    /// Whether pictures in folders below a class folder belong to the class, rather than being passed
    /// over.
    pub recursive: bool,
    /// Share of the images to test on, chosen at random, in [0, 1).
    pub test_fraction: f64,
    /// How they are chosen: "hash" lets each image decide by its path below the folder, so that
    /// images that are added leave old ones on their side; "shuffled" meets the share exactly.
    pub split: SplitRule,
    /// Whether each class gives its share to the test images. Images that are added may then move
    /// old ones to the other side, also with "hash".
    pub stratified: bool,
}

/// Which way up pictures are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// As the orientation in their EXIF data says, which is how viewers show them.
    #[default]
    Exif,
    /// As the pixels lie in the file.
    Stored,
}

impl Default for Folder {
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            size: 64,
            height: None,
            width: None,
            fit: Fit::default(),
            channels: 3,
            background: Background::default(),
            orientation: Orientation::default(),
            grey: Grey::default(),
            recursive: true,
            test_fraction: 0.1,
            split: SplitRule::default(),
            stratified: false,
        }
    }
}

impl Folder {
    /// Single pictures from anywhere, `[N, C, H, W]` with values in `[0, 1]`, read as those of the folder
    /// are: background, orientation, grey, size and fit; and what was done to them.
    ///
    /// # Errors
    /// If there are none, or a file cannot be read, is damaged or no picture.
    pub fn pictures(&self, files: &[PathBuf]) -> latentlab_core::Result<(Tensor, Vec<Note>)> {
        self.check_form()?;
        let shape = self.shape();
        let mut values = vec![0; files.len() * shape.pixels()];
        let places = values.par_chunks_exact_mut(shape.pixels()).zip(files);
        let decoded = places.map(|(values, file)| self.decode(file, values));
        let outcomes = first_error(decoded.collect())?;
        let mut notes = Notes::default();
        self.note(files, &outcomes, &mut notes);
        let rows: Vec<u32> = (0..files.len() as u32).collect();
        let images = Images {
            shape,
            values: Values::Bytes(values),
            labels: None,
        };
        let images = images.gather(&rows).upload(shape, &Device::Cpu)?.images;
        Ok((images, notes.0))
    }

    pub(crate) fn load(&self, seed: u64) -> Result<Loaded> {
        self.check()?;
        let share = Share::new(self.test_fraction, self.split, self.stratified, seed)?;
        let listing = listing::list(&self.dir, self.recursive)?;
        let shape = self.shape();
        let dims = [listing.files.len() as u64, shape.pixels() as u64];
        let size = checked_size(&self.dir, &dims, 1)?;
        // All the memory there will be: each file is decoded into its own place.
        let mut values = vec![0; size as usize];
        let places = values.par_chunks_exact_mut(shape.pixels());
        let decoded = places.zip(&listing.files);
        let decoded = decoded.map(|(values, file)| self.decode(file, values));
        let outcomes = first_error(decoded.collect())?;
        let Divided { train, test, ranks } = self.divide(share, &listing)?;
        let fingerprint = self.fingerprint(&listing, &outcomes);
        let mut notes = listing.notes;
        self.note(&listing.files, &outcomes, &mut notes);
        Ok(Loaded {
            images: Arc::new(Images {
                shape,
                values: Values::Bytes(values),
                labels: listing.labels,
            }),
            range: ValueRange::Unit,
            train,
            test,
            ranks,
            classes: listing.classes,
            fingerprints: vec![("folder".to_owned(), fingerprint)],
            notes,
        })
    }

    /// Counts what was done to files.
    fn note(&self, files: &[PathBuf], outcomes: &[Outcome], notes: &mut Notes) {
        for step in Step::ALL {
            let taken = files.iter().zip(outcomes);
            for (file, _) in taken.filter(|(_, outcome)| outcome.has(step)) {
                notes.add(step.what(), || name_below(&self.dir, file));
            }
        }
    }

    fn check(&self) -> Result<()> {
        if self.dir.as_os_str().is_empty() {
            let what = "the folder of the images";
            return Err(Error::unnamed("dir", what, "my-pictures"));
        }
        self.check_form()?;
        if !self.dir.is_dir() {
            return Err(Error::absent("dir", "folder", &self.dir));
        }
        Ok(())
    }

    /// What is wrong with the form in which pictures are to be read.
    fn check_form(&self) -> Result<()> {
        let sides = [
            ("size", Some(self.size)),
            ("height", self.height),
            ("width", self.width),
        ];
        for (key, side) in sides {
            let side = side.unwrap_or(1);
            if !(1..=4096).contains(&side) {
                let problem = format!("is {side}, expected 1 to 4096 pixels");
                return Err(Error::config(key, problem));
            }
        }
        if !matches!(self.channels, 1 | 3) {
            let channels = self.channels;
            let alpha = match channels {
                2 | 4 => format!(
                    "; alpha is kept by background = \"keep\" with channels = {}",
                    channels - 1
                ),
                _ => String::new(),
            };
            let problem = format!("is {channels}, expected 1 (grey) or 3 (colour){alpha}");
            return Err(Error::config("channels", problem));
        }
        Ok(())
    }

    fn shape(&self) -> ImageShape {
        ImageShape {
            channels: self.channels + usize::from(self.background == Background::Keep),
            height: self.height.unwrap_or(self.size) as usize,
            width: self.width.unwrap_or(self.size) as usize,
        }
    }

    /// Which files are to train and to test on, by their paths below the folder.
    fn divide(&self, share: Share, listing: &Listing) -> Result<Divided> {
        let ranks = || {
            let names = listing.files.iter().map(|file| name_below(&self.dir, file));
            names
                .map(|name| rank(share.seed, [name.as_bytes()]))
                .collect()
        };
        share.divide(listing.files.len(), listing.labels.as_deref(), ranks)
    }

    /// One hash over the relative path and the hash of every file.
    fn fingerprint(&self, listing: &Listing, outcomes: &[Outcome]) -> String {
        let mut all = Sha256::new();
        for (file, outcome) in listing.files.iter().zip(outcomes) {
            let name = file.strip_prefix(&self.dir).unwrap_or(file);
            let hash = hexadecimal(&outcome.hash);
            all.update(format!("{hash}  {}\n", name.to_string_lossy()));
        }
        hexadecimal(&all.finalize())
    }
}

/// All outcomes, or the first error in the order of the files, which says how many more there are.
fn first_error(outcomes: Vec<Result<Outcome>>) -> Result<Vec<Outcome>> {
    let broken = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    outcomes
        .into_iter()
        .collect::<Result<_>>()
        .map_err(|error| match error {
            Error::File { path, problem } if broken > 1 => {
                let problem = format!("{problem} ({} more cannot be read)", broken - 1);
                Error::File { path, problem }
            }
            error => error,
        })
}
