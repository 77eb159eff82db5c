//! Inputs that are nearly right.

use latentlab_tensor::Rng;

/// Numbers at which sizes, offsets and depths go wrong.
const EDGES: [u64; 8] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// `count` inputs made of `input` by one to four changes each: a bit or a byte changed, a number
/// replaced by one of the edge, a piece removed, repeated or moved, the end cut off. The same ones
/// every time.
pub fn mutations(input: &[u8], count: u64) -> impl Iterator<Item = Vec<u8>> {
    let input = input.to_vec();
    (0..count).map(move |number| {
        let mut rng = Rng::stream(number, "mutation", input.len() as u64);
        let mut bytes = input.clone();
        for _ in 0..=rng.below(4) {
            change(&mut bytes, &mut rng);
        }
        bytes
    })
}

fn change(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if bytes.is_empty() {
        bytes.push(rng.below(256) as u8);
        return;
    }
    let place = |rng: &mut Rng| rng.below(bytes.len() as u64) as usize;
    let (from, to) = (place(rng), place(rng));
    let (from, to) = (from.min(to), from.max(to));
    match rng.below(7) {
        0 => bytes[from] ^= 1 << rng.below(8),
        1 => bytes[from] = rng.below(256) as u8,
        2 => {
            let width = 1 << rng.below(4);
            let edge = EDGES[rng.below(EDGES.len() as u64) as usize];
            let (little, big) = (edge.to_le_bytes(), edge.to_be_bytes());
            let edge = match rng.below(2) {
                0 => &little[..width],
                _ => &big[8 - width..],
            };
            let fits = width.min(bytes.len() - from);
            bytes[from..from + fits].copy_from_slice(&edge[..fits]);
        }
        3 => drop(bytes.drain(from..to)),
        4 => bytes.truncate(from),
        5 => {
            let piece = bytes[from..to.min(from + 64)].to_vec();
            for _ in 0..rng.below(8) {
                bytes.splice(from..from, piece.iter().copied());
            }
        }
        _ => bytes[from..to].rotate_left(1.min(to - from)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_differ_from_the_input_and_are_the_same_every_time() {
        let input = b"a header, and then some more bytes";
        let first: Vec<_> = mutations(input, 100).collect();
        assert_eq!(first, mutations(input, 100).collect::<Vec<_>>());
        let changed = first.iter().filter(|bytes| bytes.as_slice() != input);
        assert!(changed.count() > 90);
        assert!(mutations(b"", 3).all(|bytes| bytes.len() <= 64));
    }
}
