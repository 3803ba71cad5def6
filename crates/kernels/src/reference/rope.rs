//! Rotary position embedding: pairs of a head's elements turn by an angle that depends on the position.

use crate::Pairing;

/// Rotates one head in place. `cos, sin [r/2]`; elements from `r` on stay as they are.
pub(super) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: Pairing) {
    let half = cos.len();
    for i in 0..half {
        let (a, b) = match pairing {
            Pairing::Interleaved => (2 * i, 2 * i + 1),
            Pairing::Halves => (i, i + half),
        };
        let (x, y) = (head[a], head[b]);
        head[a] = x * cos[i] - y * sin[i];
        head[b] = x * sin[i] + y * cos[i];
    }
}

/// The gradient of a rotation is the rotation back.
pub(super) fn rotate_back(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: Pairing) {
    let back: Vec<f32> = sin.iter().map(|s| -s).collect();
    rotate(head, cos, &back, pairing);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_moves_the_first_of_a_pair_to_the_second() {
        let mut interleaved = [1.0, 0.0, 0.0, 2.0, 7.0];
        rotate(&mut interleaved, &[0.0, 0.0], &[1.0, 1.0], Pairing::Interleaved);
        assert_eq!(interleaved, [0.0, 1.0, -2.0, 0.0, 7.0]);
        let mut halves = [1.0, 0.0, 0.0, 2.0, 7.0];
        rotate(&mut halves, &[0.0, 0.0], &[1.0, 1.0], Pairing::Halves);
        assert_eq!(halves, [0.0, -2.0, 1.0, 0.0, 7.0]);
    }
}
