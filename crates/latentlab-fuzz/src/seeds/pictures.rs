//! Pictures to begin with: PNG and JPEG files.

use super::Seeds;

/// A PNG file that says it has this size, with the rows of one of 4x4.
fn picture(size: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("memory takes bytes");
    writer
        .write_image_data(&[99; 48])
        .expect("memory takes bytes");
    writer.finish().expect("memory takes bytes");
    bytes[16..20].copy_from_slice(&size.to_be_bytes());
    bytes[20..24].copy_from_slice(&size.to_be_bytes());
    with_right_sums(&bytes)
}

/// A PNG file with the right checksum behind each of its chunks (PNG, section 5.3), so that a change
/// is not refused for the sum alone.
pub fn with_right_sums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut chunk = 8;
    while let Some(length) = bytes.get(chunk..chunk + 4) {
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let end = chunk + 8 + length;
        let Some(summed) = bytes.get(chunk + 4..end) else {
            break;
        };
        let mut sum = flate2::Crc::new();
        sum.update(summed);
        if let Some(place) = bytes.get_mut(end..end + 4) {
            place.copy_from_slice(&sum.sum().to_be_bytes());
        }
        chunk = end + 4;
    }
    bytes
}

/// EXIF data that say that the picture is turned by 90 degrees.
const ORIENTATION: [u8; 26] = [
    b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
];

/// A PNG file of 4x4 pixels in these colours, with `data` in its rows.
fn coloured(
    colour: png::ColorType,
    depth: png::BitDepth,
    palette: Option<[Vec<u8>; 2]>,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if let Some([palette, transparent]) = palette {
        encoder.set_palette(palette);
        encoder.set_trns(transparent);
    }
    let mut writer = encoder.write_header().expect("memory takes bytes");
    writer.write_image_data(data).expect("memory takes bytes");
    writer.finish().expect("memory takes bytes");
    bytes
}

/// Pictures that can be seen through.
pub fn alpha() -> Seeds {
    use png::{BitDepth::*, ColorType::*};
    let palette = [vec![200, 0, 0, 0, 0, 200], vec![0, 128]];
    vec![
        ("colours", coloured(Rgba, Eight, None, &[99; 64])),
        (
            "grey levels",
            coloured(GrayscaleAlpha, Eight, None, &[99; 32]),
        ),
        ("16 bits", coloured(Rgba, Sixteen, None, &[99; 128])),
        (
            "grey levels of 16 bits",
            coloured(GrayscaleAlpha, Sixteen, None, &[99; 64]),
        ),
        (
            "a palette",
            coloured(Indexed, One, Some(palette), &[0x50; 4]),
        ),
        ("opaque", picture(4)),
        ("16,384 x 16,384", picture(16_384)),
    ]
}

pub fn png() -> Seeds {
    vec![
        ("4 x 4", picture(4)),
        ("60,000 x 60,000", picture(60_000)),
        ("16,384 x 16,384", picture(16_384)),
        ("8,192 x 8,192", picture(8_192)),
        ("2^31 x 2^31", picture(1 << 31)),
        ("nothing", picture(0)),
        ("turned", {
            let mut bytes = picture(4);
            let end = bytes.len() - 12;
            let length = (ORIENTATION.len() as u32).to_be_bytes();
            let chunk = [&length, b"eXIf".as_slice(), &ORIENTATION, &[0; 4]].concat();
            bytes.splice(end..end, chunk);
            with_right_sums(&bytes)
        }),
        ("no end", {
            let mut bytes = picture(4);
            bytes.truncate(bytes.len() - 12);
            bytes
        }),
    ]
}

/// A JPEG file of 8x8 grey pixels, with its size at the places 94 to 97; by libjpeg, quality 1.
const JPEG: &[u8] = include_bytes!("grey.jpg");
/// JPEG files of several scans, with restart markers, of four colours.
const MORE: [(&str, &[u8]); 4] = [
    (
        "progressive",
        include_bytes!("../../../latentlab-data/tests/jpeg/progressive-420.jpg"),
    ),
    (
        "progressive with restarts",
        include_bytes!("../../../latentlab-data/tests/jpeg/progressive-444-restarts.jpg"),
    ),
    (
        "restarts",
        include_bytes!("../../../latentlab-data/tests/jpeg/restarts-422.jpg"),
    ),
    (
        "four colours",
        include_bytes!("../../../latentlab-data/tests/jpeg/optimised-cmyk.jpg"),
    ),
];

pub fn jpeg() -> Seeds {
    let sized = |size: u16| {
        let mut bytes = JPEG.to_vec();
        let frame = bytes.windows(2).position(|window| window == [0xff, 0xc0]);
        let frame = frame.expect("it has a frame");
        bytes[frame + 5..frame + 7].copy_from_slice(&size.to_be_bytes());
        bytes[frame + 7..frame + 9].copy_from_slice(&size.to_be_bytes());
        bytes
    };
    let mut seeds = vec![
        ("8 x 8", JPEG.to_vec()),
        ("65,535 x 65,535", sized(u16::MAX)),
        ("16,384 x 16,384", sized(16_384)),
        ("nothing", sized(0)),
        ("turned", {
            // An APP1 segment behind the first marker.
            let exif = [b"Exif\0\0".as_slice(), &ORIENTATION].concat();
            let length = (exif.len() as u16 + 2).to_be_bytes();
            let segment = [&[0xff, 0xe1], length.as_slice(), &exif].concat();
            [&JPEG[..2], &segment, &JPEG[2..]].concat()
        }),
        ("no end", JPEG[..JPEG.len() - 2].to_vec()),
    ];
    seeds.extend(MORE.map(|(name, bytes)| (name, bytes.to_vec())));
    // The size of a progressive frame, which is remembered block by block.
    let mut large = MORE[0].1.to_vec();
    let frame = large.windows(2).position(|window| window == [0xff, 0xc2]);
    let frame = frame.expect("it has a frame");
    large[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    seeds.push(("progressive, 16,384 x 16,384", large));
    seeds
}
