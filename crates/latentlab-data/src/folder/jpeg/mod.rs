//! Whether a JPEG file holds all of the picture that its header promises.
//!
//! Decoders fill in with grey what is missing of a file that was cut off, so the scans are gone through
//! once more, for their codes alone: every block must be there before the file ends or the next marker
//! comes (ITU-T T.81, sections B and F).

mod codes;
mod scan;
#[cfg(test)]
mod tests;

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
                if tables.are_usual() {
                    frame.begin();
                    place = end_of_codes(bytes, place);
                    continue;
                }
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
    /// Whether the file has no codes of its own, as frames of some cameras' films: those that it means
    /// are a convention, and only the end of such a file is looked for.
    fn are_usual(&self) -> bool {
        self.dc.iter().chain(&self.ac).all(Option::is_none)
    }

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

    /// The codes with these numbers.
    fn of(&self, [dc, ac]: [usize; 2]) -> [Option<&Codes>; 2] {
        let [dc, ac] = [self.dc.get(dc), self.ac.get(ac)];
        [dc, ac].map(|codes| codes.and_then(Option::as_ref))
    }
}
