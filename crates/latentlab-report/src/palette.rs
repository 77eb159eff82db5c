//! Colours that tell up to ten things apart, on white and on black.

/// Things that can be told apart.
pub(crate) const HUES: usize = LIGHT.len();

/// Colours on a white ground.
const LIGHT: [&str; 10] = [
    "#2563eb", "#d4600a", "#15803d", "#d6304a", "#8b45d6", "#8a5a3c", "#cf3a93", "#5f6b7a",
    "#857f00", "#0a85a0",
];
/// The same colours on a dark ground.
const DARK: [&str; 10] = [
    "#6ea8fe", "#ffa04d", "#4fd08a", "#ff7b8a", "#c08cff", "#d2a07f", "#ff8ed0", "#a9b4c2",
    "#d6cf4a", "#4fd2ea",
];

/// SVG in which `currentColor` is the colour of thing `index`: that of the page around it, or the
/// one for a white ground in a file of its own.
pub(crate) fn coloured(index: usize, contents: &str) -> String {
    let hue = index % HUES;
    format!(
        "<g class=\"hue-{hue}\" color=\"{}\">{contents}</g>\n",
        LIGHT[hue]
    )
}

/// The rules of a page that give every thing its colour, in light and dark.
pub(crate) fn style() -> String {
    let rules = |colours: [&str; HUES]| -> String {
        let rules = colours.iter().enumerate();
        rules
            .map(|(hue, colour)| format!(".hue-{hue} {{ color: {colour}; }}\n"))
            .collect()
    };
    format!(
        "{}@media (prefers-color-scheme: dark) {{\n{}}}\n",
        rules(LIGHT),
        rules(DARK)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2) of `#rrggbb`.
    fn luminance(colour: &str) -> f64 {
        let channel = |place: usize| {
            let value = u8::from_str_radix(&colour[place..place + 2], 16).unwrap();
            match f64::from(value) / 255.0 {
                value if value <= 0.04045 => value / 12.92,
                value => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn every_colour_stands_out_from_its_ground() {
        // WCAG 2.2 asks for 3 where something is drawn; the page's own grounds are these.
        for colour in LIGHT {
            assert!(contrast(colour, "#f6f7f9") >= 3.0, "{colour}");
        }
        for colour in DARK {
            assert!(contrast(colour, "#191e24") >= 3.0, "{colour}");
        }
    }

    #[test]
    fn a_colour_is_the_same_thing_in_the_page_and_in_a_file() {
        let drawn = coloured(13, "<path/>");
        assert!(
            drawn.contains("class=\"hue-3\" color=\"#d6304a\"><path/>"),
            "{drawn}"
        );
        assert!(style().contains(".hue-3 { color: #d6304a; }"));
    }
}
