//! What a label says: form, surface and hue of the large figure.

use std::fmt;

/// Number of classes: 6 forms, 5 surfaces, 2 hues.
pub const CLASSES: u32 = 60;

/// What a label says of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// The outline of the large figure.
    pub form: Form,
    /// What it is covered with.
    pub surface: Surface,
    /// The colours that it has.
    pub hue: Hue,
}

/// The outline of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// A disc.
    Disc,
    /// A disc with a hole.
    Ring,
    /// A square.
    Square,
    /// A triangle of equal sides.
    Triangle,
    /// A star of five points.
    Star,
    /// Two bars that cross.
    Cross,
}

/// What a figure is covered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// One colour, or two that run into each other; the edge is sharp.
    Plain,
    /// The same, and the edge is blurred.
    Soft,
    /// Stripes, waves or a checker, some three pixels from one to the next.
    Fine,
    /// Stripes, waves, a checker, dots or cells, seven pixels and more from one to the next.
    Coarse,
    /// A random colour between two for every pixel.
    Grain,
}

/// The colours of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hue {
    /// Purple over red and orange to yellow.
    Warm,
    /// Green over cyan to blue.
    Cool,
}

/// Every form, in the order of the labels.
pub(crate) const FORMS: [Form; 6] = [
    Form::Disc,
    Form::Ring,
    Form::Square,
    Form::Triangle,
    Form::Star,
    Form::Cross,
];
/// Every surface, in the order of the labels.
pub(crate) const SURFACES: [Surface; 5] = [
    Surface::Plain,
    Surface::Soft,
    Surface::Fine,
    Surface::Coarse,
    Surface::Grain,
];
/// Every hue, in the order of the labels.
pub(crate) const HUES: [Hue; 2] = [Hue::Warm, Hue::Cool];

impl Class {
    /// The class of a label below [`CLASSES`]; none beyond.
    pub fn of_label(label: u32) -> Option<Self> {
        (label < CLASSES).then(|| Self::of_index(u64::from(label)))
    }

    /// The class of a picture: labels go round.
    pub(crate) fn of_index(index: u64) -> Self {
        let label = (index % u64::from(CLASSES)) as usize;
        let (hue, rest) = (label % HUES.len(), label / HUES.len());
        Self {
            form: FORMS[rest / SURFACES.len()],
            surface: SURFACES[rest % SURFACES.len()],
            hue: HUES[hue],
        }
    }

    /// The label, below [`CLASSES`].
    pub fn label(self) -> u32 {
        let surfaces = self.form as usize * SURFACES.len() + self.surface as usize;
        (surfaces * HUES.len() + self.hue as usize) as u32
    }
}

impl fmt::Display for Class {
    /// In words: `star, fine, warm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { form, surface, hue } = self;
        let words = format!("{form:?}, {surface:?}, {hue:?}");
        f.write_str(&words.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_that_of_its_class_and_no_two_classes_share_one() {
        let classes: Vec<Class> = (0..).map_while(Class::of_label).collect();
        assert_eq!(classes.len(), CLASSES as usize);
        for (label, class) in classes.iter().enumerate() {
            assert_eq!(class.label() as usize, label);
        }
        let names: std::collections::BTreeSet<String> =
            classes.iter().map(Class::to_string).collect();
        assert_eq!(names.len(), CLASSES as usize);
    }
}
