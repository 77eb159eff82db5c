//! JPEG files of every kind: whole, cut off and damaged.

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
fn a_file_without_codes_of_its_own_is_read_to_its_end() {
    let (_, bytes) = FILES[0];
    let mut without = bytes[..2].to_vec();
    let (mut place, mut kept) = (2, 2);
    while let Some((name, after)) = next_marker(bytes, place) {
        if name == marker::EOI {
            break;
        }
        place = after + 2 + segment(bytes, after).unwrap().len();
        if name != marker::DHT {
            without.extend(&bytes[kept..place]);
        }
        kept = place;
    }
    without.extend(&bytes[kept..]);
    assert!(without.len() < bytes.len());
    assert_eq!(check(&without), Ok(0));
    assert!(check(&without[..without.len() - 2]).is_err());
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
