//! Whether a PNG file is whole, and its EXIF data.

/// What the chunks of a PNG file tell.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chunks<'a> {
    /// The EXIF data, wherever they stand.
    pub exif: Option<&'a [u8]>,
}

/// Goes through the chunks of a file that begins like a PNG file. What follows the last is left alone.
///
/// # Errors
/// If the file ends before its last chunk, or a chunk that decides on pixels is not what its checksum
/// tells of.
pub(super) fn check(bytes: &[u8]) -> Result<Chunks<'_>, String> {
    let mut chunks = Chunks::default();
    // The signature takes eight bytes; a chunk is length, name, data and checksum (PNG, section 5.3).
    let mut rest = bytes.get(8..).unwrap_or_default();
    loop {
        let cut = || "is cut off: it ends before its last chunk, IEND".to_owned();
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = u32::from_be_bytes(*length) as usize;
        let named = after.get(..length.saturating_add(4)).ok_or_else(cut)?;
        let (sum, after) = after[named.len()..].split_first_chunk().ok_or_else(cut)?;
        let (name, data) = named.split_at(4);
        // A lower-case letter first is for what pixels do not depend on, with these two exceptions.
        let decides = name[0].is_ascii_uppercase() || matches!(name, b"tRNS" | b"eXIf");
        if decides {
            let mut found = flate2::Crc::new();
            found.update(named);
            if found.sum() != u32::from_be_bytes(*sum) {
                let name = name.escape_ascii();
                return Err(format!(
                    "is damaged: the checksum of its chunk {name} is wrong"
                ));
            }
        }
        match name {
            b"IEND" => return Ok(chunks),
            b"eXIf" => chunks.exif = Some(data.strip_prefix(b"Exif\0\0").unwrap_or(data)),
            _ => {}
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut sum = flate2::Crc::new();
        sum.update(name);
        sum.update(data);
        let length = (data.len() as u32).to_be_bytes();
        [&length, name.as_slice(), data, &sum.sum().to_be_bytes()].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
    }

    #[test]
    fn a_whole_file_may_be_followed_by_anything() {
        let mut bytes = file(&[chunk(b"IHDR", &[0; 13]), chunk(b"IEND", &[])]);
        assert!(check(&bytes).is_ok());
        bytes.extend(b"trailing");
        assert!(check(&bytes).is_ok());
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = file(&[chunk(b"IDAT", &[7; 9]), chunk(b"IEND", &[])]);
        for length in 0..bytes.len() {
            assert!(check(&bytes[..length]).unwrap_err().contains("cut off"));
        }
    }

    #[test]
    fn a_wrong_sum_matters_where_pixels_do() {
        for (name, matters) in [
            (b"IDAT", true),
            (b"tRNS", true),
            (b"eXIf", true),
            (b"tEXt", false),
        ] {
            let mut damaged = chunk(name, &[7; 9]);
            damaged[9] ^= 1;
            let bytes = file(&[damaged, chunk(b"IEND", &[])]);
            assert_eq!(check(&bytes).is_err(), matters, "{name:?}");
        }
    }

    #[test]
    fn exif_data_are_found_behind_the_pixels_and_without_a_prefix() {
        let exif = chunk(b"eXIf", b"Exif\0\0MM");
        let bytes = file(&[chunk(b"IDAT", &[]), exif, chunk(b"IEND", &[])]);
        assert_eq!(check(&bytes).unwrap().exif, Some(b"MM".as_slice()));
    }
}
