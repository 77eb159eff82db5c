//! What a data set is made of, and what was done to it or passed over on the way in.

use std::fmt;

use latentlab_core::{ImageShape, ValueRange};
use serde::{Deserialize, Serialize};

/// What a data set is made of: its images, classes and shape, and what was done to its files or
/// passed over.
///
/// [`Display`](fmt::Display) gives a few plain lines for people. It is a pure function of the
/// configuration and the files, and names files below the source's folder only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the source, such as "folder".
    pub source: String,
    /// Shape of every image.
    pub shape: ImageShape,
    /// Range of every value.
    pub range: ValueRange,
    /// Number of images to train on.
    pub train: usize,
    /// Number of images held out of those to train on.
    pub validation: usize,
    /// Number of images to test on.
    pub test: usize,
    /// The classes that occur, by label; none where images have no labels.
    pub classes: Vec<Class>,
    /// What was done to images or files, and what was passed over.
    pub notes: Vec<Note>,
}

/// A class of images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Name of its folder, or its label in digits.
    pub name: String,
    /// Its label.
    pub label: u32,
    /// Number of its images to train on.
    pub train: usize,
    /// Number of its images held out of those to train on.
    pub validation: usize,
    /// Number of its images to test on.
    pub test: usize,
}

/// Something that was done to images or files, or why some were passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What was done, such as "cropped at the sides", or "passed over: hidden".
    pub what: String,
    /// To how many images or files.
    pub count: usize,
    /// The first of them, two at most, as paths below the source's folder, or names.
    pub examples: Vec<String>,
}

/// Examples that are kept of each note.
const EXAMPLES: usize = 2;
/// Classes that are written out for people.
const CLASSES_SHOWN: usize = 20;

/// Notes that are being counted, in the order in which they first came up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(pub Vec<Note>);

impl Notes {
    /// Counts one more, of which `example` gives the name.
    pub fn add(&mut self, what: &str, example: impl FnOnce() -> String) {
        let note = self.counted(what, 1);
        if note.examples.len() < EXAMPLES {
            note.examples.push(example());
        }
    }

    /// Counts `count` more at once, without names.
    pub fn add_many(&mut self, what: &str, count: usize) {
        self.counted(what, count);
    }

    /// The note of this name, with `count` more.
    fn counted(&mut self, what: &str, count: usize) -> &mut Note {
        let known = self.0.iter().position(|note| note.what == what);
        let place = known.unwrap_or_else(|| {
            self.0.push(Note {
                what: what.to_owned(),
                count: 0,
                examples: Vec::new(),
            });
            self.0.len() - 1
        });
        let note = &mut self.0[place];
        note.count += count;
        note
    }
}

impl Summary {
    /// The classes of `labels` that occur in one of the splits, each of which lists rows.
    pub(crate) fn classes(
        labels: &[u32],
        names: Option<&[String]>,
        [train, validation, test]: [&[u32]; 3],
    ) -> Vec<Class> {
        if labels.is_empty() {
            return Vec::new();
        }
        let most = labels.iter().max().map_or(0, |most| *most as usize + 1);
        let counts = |rows: &[u32]| {
            let mut counts = vec![0; most];
            for row in rows {
                counts[labels[*row as usize] as usize] += 1;
            }
            counts
        };
        let (train, validation, test) = (counts(train), counts(validation), counts(test));
        let name = |label: usize| {
            let given = names.and_then(|names| names.get(label));
            given.cloned().unwrap_or_else(|| label.to_string())
        };
        let classes = (0..most).map(|label| Class {
            name: name(label),
            label: label as u32,
            train: train[label],
            validation: validation[label],
            test: test[label],
        });
        classes
            .filter(|class| class.train + class.validation + class.test > 0)
            .collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageShape {
            channels,
            height,
            width,
        } = self.shape;
        let all = self.train + self.validation + self.test;
        let values = match self.range {
            ValueRange::Unit => "values in [0, 1]",
            ValueRange::Real => "real values",
        };
        write!(
            f,
            "data: {}, {all} images of {channels}x{height}x{width} (channels, rows, columns), \
             {values}",
            self.source
        )?;
        let held_out = match self.validation {
            0 => String::new(),
            count => format!(", {count} to choose settings by"),
        };
        let (train, test) = (self.train, self.test);
        write!(
            f,
            "\nsplit: {train} to train on{held_out}, {test} to test on"
        )?;
        if !self.classes.is_empty() {
            let shown = self.classes.iter().take(CLASSES_SHOWN);
            let shown: Vec<String> = shown.map(|class| self.in_words(class)).collect();
            let more = match self.classes.len().saturating_sub(CLASSES_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let (count, shown) = (self.classes.len(), shown.join(", "));
            write!(f, "\nclasses: {count} (train + test): {shown}{more}")?;
        }
        for note in &self.notes {
            write!(f, "\n{note}")?;
        }
        Ok(())
    }
}

impl Summary {
    fn in_words(&self, class: &Class) -> String {
        let (name, train) = (&class.name, class.train + class.validation);
        format!("{name} {train} + {}", class.test)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            count,
            examples,
        } = self;
        let more = if *count > examples.len() { ", …" } else { "" };
        match examples.is_empty() {
            true => write!(f, "{what}: {count}"),
            false => write!(f, "{what}: {count} ({}{more})", examples.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_counts_all_and_keeps_the_first_examples() {
        let mut notes = Notes::default();
        for name in ["a", "b", "c"] {
            notes.add("cropped", || name.to_owned());
        }
        notes.add("turned", || "d".to_owned());
        let lines: Vec<String> = notes.0.iter().map(Note::to_string).collect();
        assert_eq!(lines, ["cropped: 3 (a, b, …)", "turned: 1 (d)"]);
    }

    #[test]
    fn classes_are_counted_by_split_and_those_that_do_not_occur_are_left_out() {
        let names = ["cats", "dogs", "owls"].map(str::to_owned);
        let found = Summary::classes(&[0, 0, 2, 2, 2], Some(&names), [&[0, 2], &[3], &[1, 4]]);
        let found: Vec<_> = found
            .iter()
            .map(|class| {
                (
                    class.name.as_str(),
                    class.train,
                    class.validation,
                    class.test,
                )
            })
            .collect();
        assert_eq!(found, [("cats", 1, 0, 1), ("owls", 1, 1, 1)]);
    }

    #[test]
    fn people_read_counts_classes_and_notes() {
        let mut notes = Notes::default();
        notes.add("cropped at the sides", || "cats/1.png".to_owned());
        let summary = Summary {
            source: "folder".to_owned(),
            shape: ImageShape {
                channels: 3,
                height: 4,
                width: 6,
            },
            range: ValueRange::Unit,
            train: 2,
            validation: 1,
            test: 1,
            classes: Summary::classes(&[0, 1, 1, 1], None, [&[0, 1], &[2], &[3]]),
            notes: notes.0,
        };
        assert_eq!(
            summary.to_string(),
            "data: folder, 4 images of 3x4x6 (channels, rows, columns), values in [0, 1]\n\
             split: 2 to train on, 1 to choose settings by, 1 to test on\n\
             classes: 2 (train + test): 0 1 + 0, 1 2 + 1\n\
             cropped at the sides: 1 (cats/1.png)"
        );
    }
}
