//! The blocks of a scan, sequential or progressive (ITU-T T.81, sections F.2 and G.2).

use super::{
    Tables,
    codes::{Bits, Codes, meaningless},
};

/// The size of a picture and of its parts by colour.
pub(super) struct Frame {
    progressive: bool,
    /// Units of an interleaved scan in a row, and rows of them.
    units: [usize; 2],
    components: Vec<Component>,
}

/// The blocks of 8x8 pixels of one colour.
struct Component {
    id: u8,
    /// Blocks of a unit in a row, and rows of them.
    sampling: [usize; 2],
    /// Blocks in a row, and rows of them.
    blocks: [usize; 2],
    /// Blocks in a row of whole units.
    stride: usize,
    /// Whether the first coefficients of its blocks have come.
    begun: bool,
    /// Of a progressive picture, by block: the coefficients that are not 0, a bit for each.
    present: Vec<u64>,
}

impl Frame {
    /// Reads a SOF segment.
    pub fn read(segment: &[u8], progressive: bool) -> Result<Self, String> {
        let broken = || "has a broken frame".to_owned();
        let (head, rest) = segment.split_first_chunk::<6>().ok_or_else(broken)?;
        let [_, size @ .., count] = head;
        let height = usize::from(size[0]) << 8 | usize::from(size[1]);
        let width = usize::from(size[2]) << 8 | usize::from(size[3]);
        let parts = rest.get(..3 * usize::from(*count)).ok_or_else(broken)?;
        let (parts, _) = parts.as_chunks::<3>();
        let sampling = |part: &[u8; 3]| [usize::from(part[1] >> 4), usize::from(part[1] & 15)];
        let most = |axis: usize| parts.iter().map(|part| sampling(part)[axis]).max();
        let (Some(across), Some(down)) = (most(0), most(1)) else {
            return Err(broken());
        };
        let right = |part: &[u8; 3]| sampling(part).iter().all(|blocks| (1..=4).contains(blocks));
        if width * height == 0 || !parts.iter().all(right) {
            return Err(broken());
        }
        let units = [width.div_ceil(8 * across), height.div_ceil(8 * down)];
        let component = |part: &[u8; 3]| {
            let sampling = sampling(part);
            let stride = units[0] * sampling[0];
            let count = if progressive {
                stride * units[1] * sampling[1]
            } else {
                0
            };
            Component {
                id: part[0],
                sampling,
                blocks: [
                    (width * sampling[0]).div_ceil(8 * across),
                    (height * sampling[1]).div_ceil(8 * down),
                ],
                stride,
                begun: false,
                present: vec![0; count],
            }
        };
        Ok(Self {
            progressive,
            units,
            components: parts.iter().map(component).collect(),
        })
    }

    /// Takes all colours for come.
    pub fn begin(&mut self) {
        let components = self.components.iter_mut();
        components.for_each(|component| component.begun = true);
    }

    /// Whether each colour has come.
    pub fn is_complete(&self) -> bool {
        self.components.iter().all(|component| component.begun)
    }
}

/// What a SOS segment says.
pub(super) struct Scan {
    /// Places of its components in the frame, and the numbers of their codes: of the first
    /// coefficients, and of the others.
    parts: Vec<(usize, [usize; 2])>,
    /// The first and the last of the coefficients.
    band: [u8; 2],
    /// Whether coefficients that have come are refined by a bit.
    refines: bool,
}

/// Blocks to come in which nothing follows.
type Run = u32;

impl Scan {
    pub fn read(segment: &[u8], frame: &Frame) -> Result<Self, String> {
        let broken = || "has a broken scan".to_owned();
        let (count, rest) = segment.split_first().ok_or_else(broken)?;
        let length = 2 * usize::from(*count);
        let (parts, rest) = rest.split_at_checked(length).ok_or_else(broken)?;
        let [first, last, bits] = *rest.first_chunk().ok_or_else(broken)?;
        let part = |part: &[u8; 2]| {
            let mut components = frame.components.iter();
            let place = components.position(|component| component.id == part[0])?;
            Some((place, [part[1] >> 4, part[1] & 15].map(usize::from)))
        };
        let parts = parts.as_chunks::<2>().0.iter().map(part);
        let parts: Vec<_> = parts.collect::<Option<_>>().ok_or_else(broken)?;
        let within = match first {
            0 => last == 0,
            _ => first <= last && last < 64 && parts.len() == 1,
        };
        if parts.is_empty() || frame.progressive && !within {
            return Err(broken());
        }
        Ok(Self {
            parts,
            band: [first, last],
            refines: bits >> 4 != 0,
        })
    }

    /// Goes through the codes of every block.
    pub fn follow(
        &self,
        frame: &mut Frame,
        tables: &Tables,
        bits: &mut Bits,
    ) -> Result<(), String> {
        let [columns, rows] = match self.parts[..] {
            [(place, _)] => frame.components[place].blocks,
            _ => frame.units,
        };
        let mut run = 0;
        for unit in 0..columns * rows {
            if unit > 0 && unit.checked_rem(tables.restart) == Some(0) {
                bits.restart(((unit / tables.restart + 7) & 7) as u8)?;
                run = 0;
            }
            let (row, column) = (unit / columns, unit % columns);
            for (place, numbers) in &self.parts {
                let component = &mut frame.components[*place];
                component.begun |= !frame.progressive || self.band[0] == 0 && !self.refines;
                let [across, down] = match self.parts.len() {
                    1 => [1, 1],
                    _ => component.sampling,
                };
                for block in 0..across * down {
                    let (y, x) = (
                        row * down + block / across,
                        column * across + block % across,
                    );
                    let block = match frame.progressive {
                        true => Some(&mut component.present[y * component.stride + x]),
                        false => None,
                    };
                    self.block(block, tables.of(*numbers), bits, &mut run)?;
                }
            }
        }
        Ok(())
    }

    /// Goes through the codes of one block, of which `present` are the coefficients that have come
    /// where the picture is progressive.
    fn block(
        &self,
        present: Option<&mut u64>,
        [dc, ac]: [Option<&Codes>; 2],
        bits: &mut Bits,
        run: &mut Run,
    ) -> Result<(), String> {
        let lacks = || "lacks a table of codes".to_owned();
        let Some(present) = present else {
            first(bits, dc.ok_or_else(lacks)?)?;
            let (mut present, mut run) = (0, 0);
            band(bits, ac.ok_or_else(lacks)?, [1, 63], &mut present, &mut run)?;
            return match run {
                0 => Ok(()),
                _ => Err(meaningless()),
            };
        };
        match (self.band, self.refines) {
            ([0, _], false) => first(bits, dc.ok_or_else(lacks)?),
            ([0, _], true) => bits.take(1).map(|_| ()),
            (limits, false) => band(bits, ac.ok_or_else(lacks)?, limits, present, run),
            (limits, true) => refine(bits, ac.ok_or_else(lacks)?, limits, present, run),
        }
    }
}

fn damaged() -> String {
    "is damaged: a block in it has more than 64 coefficients".to_owned()
}

/// The first coefficient of a block.
fn first(bits: &mut Bits, codes: &Codes) -> Result<(), String> {
    let length = bits.value(codes)?;
    if length > 16 {
        return Err(meaningless());
    }
    bits.take(length.into()).map(|_| ())
}

/// The coefficients within limits, which come for the first time.
fn band(
    bits: &mut Bits,
    codes: &Codes,
    [from, to]: [u8; 2],
    present: &mut u64,
    run: &mut Run,
) -> Result<(), String> {
    if *run > 0 {
        *run -= 1;
        return Ok(());
    }
    let mut place = from;
    while place <= to {
        let value = bits.value(codes)?;
        match (value >> 4, value & 15) {
            (15, 0) => place += 16,
            (length, 0) => {
                *run = (1 << length) - 1 + bits.take(length.into())?;
                break;
            }
            (zeros, length) => {
                place += zeros;
                if place > 63 {
                    return Err(damaged());
                }
                bits.take(length.into())?;
                *present |= 1 << place;
                place += 1;
            }
        }
    }
    Ok(())
}

/// One more bit of the coefficients within limits that have come, and those that come now.
fn refine(
    bits: &mut Bits,
    codes: &Codes,
    [from, to]: [u8; 2],
    present: &mut u64,
    run: &mut Run,
) -> Result<(), String> {
    let mut place = from;
    while *run == 0 && place <= to {
        let value = bits.value(codes)?;
        let (mut zeros, new) = (value >> 4, value & 15 != 0);
        if new {
            bits.take(1)?;
        } else if zeros < 15 {
            *run = (1 << zeros) + bits.take(zeros.into())?;
            break;
        }
        while place <= to {
            if *present >> place & 1 == 1 {
                bits.take(1)?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            place += 1;
        }
        if new {
            if place > to {
                return Err(damaged());
            }
            *present |= 1 << place;
        }
        place += 1;
    }
    if *run > 0 {
        for place in place..=to {
            bits.take((*present >> place & 1) as u32)?;
        }
        *run -= 1;
    }
    Ok(())
}
