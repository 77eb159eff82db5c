//! Whether a JPEG file holds all of the picture that its header promises.
//!
//! Decoders fill in with grey what is missing of a file that was cut off, so the scans are gone through
//! once more, for their codes alone: every block must be there before the file ends or the next marker
//! comes (ITU-T T.81, sections B and F).

mod codes;
mod scan;

use codes::{Bits, Codes};
use scan::{Frame, Scan};

/// More scans than this are not read: each of them goes through the whole picture.
const MOST_SCANS: usize = 100;

/// Some cameras leave a few bytes behind the last block, which every viewer passes over. More than one
/// byte of so many in the file are pixels that got lost.
const MOST_LEFT_OVER: usize = 16;

/// Markers by their second byte.
mod marker {
    pub const SOF0: u8 = 0xc0;
    pub const SOF2: u8 = 0xc2;
    pub const SOF3: u8 = 0xc3;
    pub const DHT: u8 = 0xc4;
    pub const SOF5: u8 = 0xc5;
    pub const SOF7: u8 = 0xc7;
    pub const SOF9: u8 = 0xc9;
    pub const SOF11: u8 = 0xcb;
    pub const SOF13: u8 = 0xcd;
    pub const SOF15: u8 = 0xcf;
    pub const RST0: u8 = 0xd0;
    pub const RST7: u8 = 0xd7;
    pub const SOI: u8 = 0xd8;
    pub const EOI: u8 = 0xd9;
    pub const SOS: u8 = 0xda;
    pub const DRI: u8 = 0xdd;
    pub const TEM: u8 = 0x01;
}

/// What is known from the segments before a scan.
#[derive(Default)]
struct Tables {
    /// Codes of the first coefficient of a block, by number.
    dc: [Option<Codes>; 4],
    /// Codes of the others, by number.
    ac: [Option<Codes>; 4],
    /// Units between two restart markers; 0 for no such markers.
    restart: usize,
}

/// Goes through a file that begins like a JPEG file, and returns how many bytes of its scans are left
/// over behind their last block. What follows the end of the picture is left alone.
///
/// # Errors
/// If the file ends before its end marker, a block is missing, a code means nothing, or much is left
/// over.
pub(super) fn check(bytes: &[u8]) -> Result<usize, String> {
    let (mut tables, mut frame) = (Tables::default(), None::<Frame>);
    let (mut scans, mut leftover, mut place) = (0, 0, 2);
    loop {
        let (name, after) = next_marker(bytes, place).ok_or_else(cut_off)?;
        place = after;
        match name {
            marker::EOI => break,
            marker::SOI | marker::TEM | marker::RST0..=marker::RST7 => continue,
            _ => {}
        }
        let segment = segment(bytes, place).ok_or_else(cut_off)?;
        place += 2 + segment.len();
        match name {
            marker::DHT => tables.codes(segment)?,
            marker::DRI => {
                let units = segment.first_chunk().ok_or("has a broken DRI segment")?;
                tables.restart = u16::from_be_bytes(*units).into();
            }
            marker::SOF0..=marker::SOF2 if frame.is_some() => {
                return Err("has a second frame".to_owned());
            }
            marker::SOF0..=marker::SOF2 => {
                frame = Some(Frame::read(segment, name == marker::SOF2)?);
            }
            marker::SOF3
            | marker::SOF5..=marker::SOF7
            | marker::SOF9..=marker::SOF11
            | marker::SOF13..=marker::SOF15 => {
                return Err("is of a kind that is not read: lossless or arithmetic".to_owned());
            }
            marker::SOS => {
                scans += 1;
                if scans > MOST_SCANS {
                    return Err(format!("has more than {MOST_SCANS} scans"));
                }
                let frame = frame.as_mut().ok_or("has a scan before its frame")?;
                let mut bits = Bits::new(bytes, place);
                let scan = Scan::read(segment, frame)?;
                scan.follow(frame, &tables, &mut bits)?;
                let end = end_of_codes(bytes, bits.place());
                leftover += bits.leftover + end - bits.place();
                place = end;
            }
            _ => {}
        }
    }
    match frame {
        Some(frame) if frame.is_complete() => match leftover > bytes.len() / MOST_LEFT_OVER {
            false => Ok(leftover),
            true => Err(format!(
                "is damaged: {leftover} bytes in it belong to no pixel"
            )),
        },
        _ => Err("is cut off: it ends before all of its colours have come".to_owned()),
    }
}

fn cut_off() -> String {
    "is cut off: it ends before its end marker, EOI".to_owned()
}

/// The next marker from `place` on, and the place behind it.
fn next_marker(bytes: &[u8], mut place: usize) -> Option<(u8, usize)> {
    loop {
        place += bytes.get(place..)?.iter().position(|byte| *byte == 0xff)?;
        place += bytes[place..].iter().position(|byte| *byte != 0xff)?;
        place += 1;
        match bytes[place - 1] {
            0 => {}
            name => return Some((name, place)),
        }
    }
}

/// Where the next marker begins that is no restart marker, or the end of the file.
fn end_of_codes(bytes: &[u8], from: usize) -> usize {
    let mut place = from;
    while let Some((name, after)) = next_marker(bytes, place) {
        match name {
            marker::RST0..=marker::RST7 => place = after,
            _ => return after - 2,
        }
    }
    bytes.len()
}

/// The contents of the segment whose length stands at `place`.
fn segment(bytes: &[u8], place: usize) -> Option<&[u8]> {
    let length = bytes.get(place..)?.first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    bytes.get(place + 2..place + length)
}

impl Tables {
    /// Takes the codes of a DHT segment.
    fn codes(&mut self, mut segment: &[u8]) -> Result<(), String> {
        while let Some((head, rest)) = segment.split_first() {
            let broken = || "has a broken table of codes".to_owned();
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(broken)?;
            let count: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let values = rest.get(..count).ok_or_else(broken)?;
            let kind = match head >> 4 {
                0 => &mut self.dc,
                _ => &mut self.ac,
            };
            let place = kind.get_mut(usize::from(head & 15)).ok_or_else(broken)?;
            *place = Some(Codes::new(counts, values).ok_or_else(broken)?);
            segment = &rest[count..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 56x40 pixels of every kind that is read, by Pillow 13.0.
    const FILES: [(&str, &[u8]); 6] = [
        (
            "baseline-420",
            include_bytes!("../../../tests/jpeg/baseline-420.jpg"),
        ),
        (
            "restarts-422",
            include_bytes!("../../../tests/jpeg/restarts-422.jpg"),
        ),
        (
            "optimised-cmyk",
            include_bytes!("../../../tests/jpeg/optimised-cmyk.jpg"),
        ),
        (
            "progressive-420",
            include_bytes!("../../../tests/jpeg/progressive-420.jpg"),
        ),
        (
            "progressive-grey",
            include_bytes!("../../../tests/jpeg/progressive-grey.jpg"),
        ),
        (
            "progressive-444-restarts",
            include_bytes!("../../../tests/jpeg/progressive-444-restarts.jpg"),
        ),
    ];

    /// Where the codes of the first scan begin.
    fn first_codes(bytes: &[u8]) -> usize {
        let mut place = 2;
        loop {
            let (name, after) = next_marker(bytes, place).unwrap();
            place = after + 2 + segment(bytes, after).unwrap().len();
            if name == marker::SOS {
                return place;
            }
        }
    }

    #[test]
    fn whole_files_are_whole_whatever_follows_them() {
        for (name, bytes) in FILES {
            assert_eq!(check(bytes), Ok(0), "{name}");
            assert_eq!(check(&[bytes, &[7; 9], bytes].concat()), Ok(0), "{name}");
        }
    }

    #[test]
    fn every_cut_is_refused() {
        for (name, bytes) in FILES {
            for length in 2..bytes.len() {
                assert!(check(&bytes[..length]).is_err(), "{name} at {length}");
            }
        }
    }

    #[test]
    fn a_cut_that_was_closed_by_an_end_marker_is_refused() {
        for (name, bytes) in FILES {
            for length in first_codes(bytes)..bytes.len() - 2 {
                let closed = [&bytes[..length], &[0xff, marker::EOI]].concat();
                // A progressive picture may end with any of its scans, and is coarser then.
                let ends_a_scan =
                    name.starts_with("progressive") && bytes[length - 1..=length].contains(&0xff);
                let refused = check(&closed).is_err();
                assert!(refused || ends_a_scan, "{name} at {length}");
            }
        }
    }

    #[test]
    fn zeros_to_the_end_are_refused() {
        for (name, bytes) in FILES {
            for length in first_codes(bytes)..bytes.len() - 2 {
                let mut bytes = bytes.to_vec();
                bytes[length..].fill(0);
                assert!(check(&bytes).is_err(), "{name} from {length}");
            }
        }
    }

    #[test]
    fn bytes_behind_the_last_block_are_counted() {
        let (_, bytes) = FILES[0];
        let (picture, end) = bytes.split_at(bytes.len() - 2);
        assert_eq!(check(&[picture, &[1, 2, 3], end].concat()), Ok(3));
    }

    #[test]
    fn a_restart_marker_that_is_missing_is_noticed() {
        let (_, bytes) = FILES[1];
        let first = first_codes(bytes);
        let found = bytes[first..]
            .windows(2)
            .position(|pair| pair == [0xff, 0xd3]);
        let place = first + found.unwrap();
        let without = [&bytes[..place], &bytes[place + 2..]].concat();
        assert!(check(&without).is_err());
    }

    #[test]
    fn a_damaged_byte_never_brings_the_check_down() {
        for (_, bytes) in FILES {
            for place in 2..bytes.len() {
                for change in [1, 0x80, 0xff] {
                    let mut bytes = bytes.to_vec();
                    bytes[place] ^= change;
                    let _ = check(&bytes);
                }
            }
        }
    }
}
