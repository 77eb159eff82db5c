//! Whether distances order disturbed pictures.

use crate::disturbance::Disturbance;

/// A disturbance in one of its strengths, 1 to 5; 0 leaves the pictures as they are.
pub(crate) type Level = (Disturbance, usize);

/// Pairs of which the first is better to a person who looks.
pub(crate) const PAIRS: [[Level; 2]; 5] = [
    [(Disturbance::Blur, 0), (Disturbance::Blur, 2)],
    [(Disturbance::Noise, 1), (Disturbance::Blur, 4)],
    [(Disturbance::FewerModes, 1), (Disturbance::Blur, 4)],
    [(Disturbance::SaltAndPepper, 1), (Disturbance::Blur, 5)],
    [(Disturbance::Swirl, 1), (Disturbance::Blur, 4)],
];
/// The distances of a draw: for each disturbance in the order of [`Disturbance::ALL`], those of the
/// untouched pictures and of the five strengths.
pub(crate) type Distances = Vec<[f64; 6]>;

/// Whether every strength is farther than the one before.
pub(crate) fn grows(draw: &Distances, disturbance: Disturbance) -> bool {
    let distances = draw[disturbance as usize];
    distances.windows(2).all(|pair| pair[0] < pair[1])
}

/// Whether the first of a pair is nearer.
pub(crate) fn orders(draw: &Distances, [better, worse]: [Level; 2]) -> bool {
    let distance = |(disturbance, level): Level| draw[disturbance as usize][level];
    distance(better) < distance(worse)
}

/// A level in words.
pub(crate) fn level_name((disturbance, level): Level) -> String {
    match level.checked_sub(1).map(|at| disturbance.strengths()[at]) {
        Some(strength) => format!("{} {strength}", disturbance.name()),
        None => "untouched pictures".to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Distances that grow with every strength of every disturbance but `one`, which has `distances`.
    pub(crate) fn draw(one: Disturbance, distances: [f64; 6]) -> Distances {
        let mut draw = vec![[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]; Disturbance::ALL.len()];
        draw[one as usize] = distances;
        draw
    }

    #[test]
    fn a_distance_grows_if_every_strength_is_farther_than_the_one_before() {
        let grown = |distances| grows(&draw(Disturbance::Noise, distances), Disturbance::Noise);
        assert!(grown([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        assert!(
            !grown([1.0, 0.9, 2.0, 3.0, 4.0, 5.0]),
            "nearer than the untouched ones"
        );
        assert!(
            !grown([0.0, 1.0, 1.0, 3.0, 4.0, 5.0]),
            "as far as the one before"
        );
        let other = draw(Disturbance::Noise, [0.0; 6]);
        assert!(grows(&other, Disturbance::Swirl) && !grows(&other, Disturbance::Noise));
    }

    #[test]
    fn a_pair_is_ordered_if_the_better_is_nearer() {
        let pair = [(Disturbance::Swirl, 1), (Disturbance::Blur, 4)];
        assert!(orders(
            &draw(Disturbance::Blur, [0.0, 0.0, 0.0, 0.0, 1.1, 0.0]),
            pair
        ));
        assert!(!orders(
            &draw(Disturbance::Blur, [2.0, 2.0, 2.0, 2.0, 1.0, 2.0]),
            pair
        ));
        assert_eq!(pair.map(level_name), ["swirl 0.5", "blur 2"]);
        assert_eq!(level_name((Disturbance::Blur, 0)), "untouched pictures");
    }
}
