//! Distributions to stay close to: what a base said at each target of a sequence, kept as its most likely tokens.
//!
//! With p the base and q the tuned model, K the kept tokens and everything else one bucket T, the loss of a target is
//! `KL(p‖q) = Σ_K p·ln(p/q) + p_T·ln(p_T/q_T)`. From `∂ln q_i/∂z_j = [i = j] − q_j` follows its gradient for the logits:
//! `q_j − p_j` inside K and `q_j − p_T·q_j/q_T` outside, where the bucket's mass is shared as q shares it.

/// What the base said at each target of one sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Teacher {
    top: usize,
    /// `top` for each target, no token twice.
    ids: Vec<u32>,
    /// Natural logarithms of their probabilities.
    log_probs: Vec<f32>,
}

impl Teacher {
    /// `top` tokens and the logarithms of their probabilities for each target. `None` where these are no distributions
    /// over `vocab` tokens, or where there are not as many of both.
    pub fn new(top: usize, ids: Vec<u32>, log_probs: Vec<f32>, vocab: usize) -> Option<Teacher> {
        let sound = top > 0 && ids.len() == log_probs.len() && ids.len().is_multiple_of(top);
        let in_range = ids.iter().all(|&id| (id as usize) < vocab);
        let finite = log_probs.iter().all(|p| p.is_finite() && *p <= 1e-5);
        let teacher = (sound && in_range && finite).then_some(Teacher { top, ids, log_probs })?;
        let distribution = |n: usize| {
            let (ids, log_probs) = teacher.row(n);
            let mut sorted = ids.to_vec();
            sorted.sort_unstable();
            let sum: f64 = log_probs.iter().map(|&p| f64::from(p).exp()).sum();
            sorted.windows(2).all(|two| two[0] != two[1]) && sum < 1.001
        };
        (0..teacher.targets()).all(distribution).then_some(teacher)
    }

    /// Targets that it speaks of.
    pub fn targets(&self) -> usize {
        self.ids.len() / self.top
    }

    /// Tokens kept for each target.
    pub fn top(&self) -> usize {
        self.top
    }

    /// All kept tokens, target by target.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The logarithms of their probabilities.
    pub fn log_probs(&self) -> &[f32] {
        &self.log_probs
    }

    /// How far the distribution of `logits` is from the first target's, and the gradient for the logits.
    pub fn divergence(&self, logits: &[f32]) -> (f32, Vec<f32>) {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|z| (z - largest).exp()).sum();
        let mut q: Vec<f32> = logits.iter().map(|z| (z - largest).exp() / sum).collect();
        (diverge(&mut q, self.row(0)), q)
    }

    pub(super) fn row(&self, target: usize) -> (&[u32], &[f32]) {
        let range = target * self.top..(target + 1) * self.top;
        (&self.ids[range.clone()], &self.log_probs[range])
    }

    /// The same for the first targets only.
    pub(super) fn truncate(&mut self, targets: usize) {
        self.ids.truncate(targets * self.top);
        self.log_probs.truncate(targets * self.top);
    }
}

/// Turns a row of probabilities `q` into the gradient of `KL(p‖q)` for the logits, and returns the divergence in nats.
pub(super) fn diverge(q: &mut [f32], (ids, log_probs): (&[u32], &[f32])) -> f32 {
    // Never the logarithm of zero; the gradient knows nothing of it.
    const LEAST: f64 = 1e-37;
    let (mut divergence, mut kept) = (0.0, 0.0);
    let mut gradients = Vec::with_capacity(ids.len());
    for (&id, &log_p) in ids.iter().zip(log_probs) {
        let q = std::mem::take(&mut q[id as usize]);
        let p = f64::from(log_p).exp();
        kept += p;
        divergence += p * (f64::from(log_p) - f64::from(q).max(LEAST).ln());
        gradients.push((f64::from(q) - p) as f32);
    }
    let p_tail = (1.0 - kept).max(0.0);
    let q_tail: f64 = q.iter().map(|&q| f64::from(q)).sum();
    if p_tail > 0.0 {
        divergence += p_tail * (p_tail.ln() - q_tail.max(LEAST).ln());
    }
    let outside = if q_tail > 0.0 { (1.0 - p_tail / q_tail) as f32 } else { 0.0 };
    q.iter_mut().for_each(|q| *q *= outside);
    ids.iter().zip(gradients).for_each(|(&id, gradient)| q[id as usize] = gradient);
    divergence as f32
}

/// The `top` most likely tokens of a row of probabilities, the most likely first, of equal ones the first.
pub(super) fn most_likely(q: &[f32], top: usize) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(top + 1);
    for (id, &q) in q.iter().enumerate() {
        if best.len() == top && best.last().is_some_and(|worst| q <= worst.1) {
            continue;
        }
        let at = best.partition_point(|(_, better)| *better >= q);
        best.insert(at, (id as u32, q));
        best.truncate(top);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn softmax(logits: &[f64]) -> Vec<f64> {
        let sum: f64 = logits.iter().map(|z| z.exp()).sum();
        logits.iter().map(|z| z.exp() / sum).collect()
    }

    /// KL by its definition, in f64.
    fn divergence(logits: &[f64], ids: &[u32], log_probs: &[f32]) -> f64 {
        let q = softmax(logits);
        let kept: f64 = log_probs.iter().map(|&p| f64::from(p).exp()).sum();
        let q_kept: f64 = ids.iter().map(|&id| q[id as usize]).sum();
        let each =
            |(&id, &log_p): (&u32, &f32)| f64::from(log_p).exp() * (f64::from(log_p) - q[id as usize].ln());
        let tail = (1.0 - kept) * ((1.0 - kept).ln() - (1.0 - q_kept).ln());
        ids.iter().zip(log_probs).map(each).sum::<f64>() + tail
    }

    #[test]
    fn the_gradient_is_that_of_the_divergence() {
        let logits: Vec<f64> = (0..12).map(|n| f64::from((n * 7 % 12) as u8) / 3.0 - 1.5).collect();
        let (ids, log_probs) = ([3_u32, 0, 7], [0.5_f32.ln(), 0.2_f32.ln(), 0.1_f32.ln()]);
        let mut gradient: Vec<f32> = softmax(&logits).into_iter().map(|q| q as f32).collect();
        let found = diverge(&mut gradient, (&ids, &log_probs));
        assert!((f64::from(found) - divergence(&logits, &ids, &log_probs)).abs() < 1e-5);
        for (n, found) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let mut logits = logits.clone();
                logits[n] += by;
                divergence(&logits, &ids, &log_probs)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{n}: {found} and {expected}");
        }
        // Probabilities sum to one whatever the logits, so gradients sum to zero.
        assert!(gradient.iter().sum::<f32>().abs() < 1e-6);
    }

    #[test]
    fn what_agrees_is_not_moved() {
        let logits: Vec<f64> = (0..200).map(|n| f64::from(n % 13)).collect();
        let q: Vec<f32> = softmax(&logits).into_iter().map(|q| q as f32).collect();
        let (ids, log_probs): (Vec<u32>, Vec<f32>) =
            most_likely(&q, 50).into_iter().map(|(id, q)| (id, q.ln())).unzip();
        let mut gradient = q;
        assert!(diverge(&mut gradient, (&ids, &log_probs)).abs() < 1e-6);
        assert!(gradient.iter().all(|g| g.abs() < 1e-6));
    }

    #[test]
    fn a_certain_base_and_a_model_that_excludes_a_token_give_numbers() {
        let mut certain = vec![0.25_f32; 4];
        assert!((diverge(&mut certain, (&[1], &[0.0])) - 4_f32.ln()).abs() < 1e-6);
        assert_eq!(certain, [0.25, -0.75, 0.25, 0.25]);
        let mut excluded = vec![1.0_f32, 0.0, 0.0];
        assert!(diverge(&mut excluded, (&[0, 1], &[0.5_f32.ln(), 0.25_f32.ln()])).is_finite());
        assert!(excluded.iter().all(|g| g.is_finite()));
    }

    #[test]
    fn the_most_likely_come_first() {
        let q = [0.1, 0.3, 0.05, 0.3, 0.25];
        assert_eq!(most_likely(&q, 3), [(1, 0.3), (3, 0.3), (4, 0.25)]);
        assert_eq!(most_likely(&q, 9).len(), 5);
    }

    #[test]
    fn what_is_no_distribution_is_no_teacher() {
        let teacher = |ids: &[u32], p: &[f32]| Teacher::new(2, ids.to_vec(), p.to_vec(), 10);
        assert_eq!(teacher(&[1, 2, 3, 4], &[-1.0, -2.0, -1.0, -2.0]).unwrap().targets(), 2);
        assert!(teacher(&[1, 10], &[-1.0, -2.0]).is_none(), "beyond the vocabulary");
        assert!(teacher(&[1, 1], &[-1.0, -2.0]).is_none(), "a token twice");
        assert!(teacher(&[1, 2], &[-0.1, -0.1]).is_none(), "more than everything");
        assert!(teacher(&[1, 2], &[f32::NAN, -1.0]).is_none());
        assert!(teacher(&[1, 2, 3], &[-1.0, -2.0, -3.0]).is_none(), "half a row");
    }
}
