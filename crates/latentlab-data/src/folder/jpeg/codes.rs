//! The bits of a scan, and the Huffman codes in them.

/// Huffman codes and the bytes that they stand for (ITU-T T.81, annex C).
pub(super) struct Codes {
    /// By the next eight bits: length and value of a code of at most eight; length 0 for longer ones.
    short: [(u8, u8); 256],
    /// By length from 1: one more than the last code, in 16 bits, so that longer codes are not below.
    ends: [u32; 17],
    /// By length: what to add to a code for the place of its value.
    offsets: [i32; 17],
    values: Vec<u8>,
}

impl Codes {
    /// Codes of which `counts` have 1 to 16 bits, for `values` in the order of the codes; `None` where
    /// there are more codes of a length than there can be.
    pub fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let mut codes = Self {
            short: [(0, 0); 256],
            ends: [0; 17],
            offsets: [0; 17],
            values: values.to_vec(),
        };
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16 {
            let count = usize::from(counts[length - 1]);
            codes.offsets[length] = place as i32 - code as i32;
            for value in values.get(place..place + count)? {
                if length <= 8 {
                    let first = (code as usize) << (8 - length);
                    let places = codes.short.get_mut(first..first + (1 << (8 - length)))?;
                    places.fill((length as u8, *value));
                }
                code += 1;
            }
            if code > 1 << length {
                return None;
            }
            place += count;
            codes.ends[length] = code << (16 - length);
            code <<= 1;
        }
        Some(codes)
    }
}

/// The bits of a scan, up to the next marker.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The byte that is taken next.
    next: usize,
    /// Bits that were taken and not yet used, the last of them lowest.
    buffer: u64,
    count: u32,
    /// Whole bytes that were left over before restart markers.
    pub leftover: usize,
}

impl<'a> Bits<'a> {
    /// The bits of `bytes` from `place` on.
    pub fn new(bytes: &'a [u8], place: usize) -> Self {
        Self {
            bytes,
            next: place,
            buffer: 0,
            count: 0,
            leftover: 0,
        }
    }

    /// The first byte of which no bit was used.
    pub fn place(&self) -> usize {
        let mut place = self.next;
        for _ in 0..self.count / 8 {
            // A byte of ones stands before a byte of zeros.
            place -= match self.bytes[..place] {
                [.., 0xff, 0] => 2,
                _ => 1,
            };
        }
        place
    }

    /// Takes bytes while there is room, and none beyond a marker.
    fn fill(&mut self) {
        while self.count <= 56 {
            let (byte, taken) = match self.bytes.get(self.next..) {
                Some([0xff, 0, ..]) => (0xff, 2),
                Some([0xff, ..] | []) | None => return,
                Some([byte, ..]) => (*byte, 1),
            };
            self.next += taken;
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// The next `count` bits, at most 16, as a number.
    pub fn take(&mut self, count: u32) -> Result<u32, String> {
        if count == 0 {
            return Ok(0);
        }
        if self.count < count {
            self.fill();
            if self.count < count {
                return Err(Self::short());
            }
        }
        self.count -= count;
        Ok((self.buffer >> self.count) as u32 & ((1 << count) - 1))
    }

    /// The value of the next code.
    pub fn value(&mut self, codes: &Codes) -> Result<u8, String> {
        if self.count < 16 {
            self.fill();
        }
        // Zeros behind the end: a code that needs them is longer than what is left.
        let ahead = match self.count {
            16.. => (self.buffer >> (self.count - 16)) as u32 & 0xffff,
            count => (self.buffer << (16 - count)) as u32 & 0xffff,
        };
        let (mut length, mut value) = codes.short[(ahead >> 8) as usize];
        if length == 0 {
            let found = (9..=16).find(|length| ahead < codes.ends[*length]);
            let Some(found) = found else {
                return Err(match self.count {
                    16.. => meaningless(),
                    _ => Self::short(),
                });
            };
            length = found as u8;
            let place = (ahead >> (16 - found)) as i32 + codes.offsets[found];
            let known = usize::try_from(place).ok();
            let known = known.and_then(|place| codes.values.get(place));
            value = *known.ok_or_else(meaningless)?;
        }
        if u32::from(length) > self.count {
            return Err(Self::short());
        }
        self.count -= u32::from(length);
        Ok(value)
    }

    /// Goes on behind the restart marker of this number, from 0 to 7.
    pub fn restart(&mut self, number: u8) -> Result<(), String> {
        let place = self.place();
        let marker = super::next_marker(self.bytes, place);
        let (name, after) = marker.ok_or_else(Self::short)?;
        if name != super::marker::RST0 + number {
            return Err("is damaged: a restart marker is missing".to_owned());
        }
        self.leftover += (after - 2).saturating_sub(place);
        (self.next, self.buffer, self.count) = (after, 0, 0);
        Ok(())
    }

    fn short() -> String {
        "is cut off or damaged: its data end before the picture does".to_owned()
    }
}

pub(super) fn meaningless() -> String {
    "is damaged: a code in it means nothing".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes 0, 10, 110 and, of nine bits, 111000000, for 5, 6, 7 and 8.
    fn codes() -> Codes {
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[2], counts[8]) = (1, 1, 1, 1);
        Codes::new(&counts, &[5, 6, 7, 8]).unwrap()
    }

    #[test]
    fn codes_are_told_apart_and_zeros_behind_ones_are_passed_over() {
        // 0 10 110 111000000 0 | rest
        let bytes = [0b0101_1011, 0b1000_0000, 0xff, 0, 0xff, 0xd9];
        let mut bits = Bits::new(&bytes, 0);
        let codes = codes();
        let values: Vec<u8> = (0..5).map(|_| bits.value(&codes).unwrap()).collect();
        assert_eq!(values, [5, 6, 7, 8, 5]);
        assert_eq!(bits.take(8), Ok(0xff));
        assert!(bits.take(1).unwrap_err().contains("data end"));
        assert_eq!(bits.place(), 4);
    }

    #[test]
    fn a_code_that_means_nothing_and_one_that_is_cut_are_told_apart() {
        let codes = codes();
        let nothing = Bits::new(&[0xfe, 0xfe, 0xfe], 0).value(&codes);
        assert!(nothing.unwrap_err().contains("means nothing"));
        let cut = Bits::new(&[0b1110_0000], 0).value(&codes);
        assert!(cut.unwrap_err().contains("data end"));
    }

    #[test]
    fn bytes_before_a_restart_marker_are_counted() {
        let bytes = [1, 2, 3, 0xff, 0xd1, 0x80, 0xff, 0xd9];
        let mut bits = Bits::new(&bytes, 0);
        bits.take(4).unwrap();
        assert!(bits.restart(0).is_err());
        bits.restart(1).unwrap();
        assert_eq!((bits.leftover, bits.take(1)), (2, Ok(1)));
    }

    #[test]
    fn more_codes_than_there_can_be_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Codes::new(&counts, &[1, 2, 3]).is_none());
    }
}
