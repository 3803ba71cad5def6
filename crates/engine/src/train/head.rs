//! The loss of the supervised rows, in chunks: logits of all rows at once would be larger than everything else.

use super::soft::{self, Teacher};
use super::{Pack, Stopped};
use crate::Model;
use kernels::{Device, LinearGrad, Norm, Tensor};
use std::ops::Range;

/// Logits in memory at once: 8 MiB, or more where the vocabulary is large.
const CHUNK: usize = 1 << 21;

/// Rows of a chunk at least, however large the vocabulary: fewer would not be worth unpacking its weights.
const ROWS: usize = 128;

/// Buffers of the head.
#[derive(Debug, Default)]
pub(super) struct Head {
    x: Tensor,
    logits: Tensor,
    dnormed: Tensor,
    dx: Tensor,
    /// Cross-entropy of the last pack's supervised rows, those with a teacher as well.
    pub(super) cross_entropy: Vec<f32>,
}

impl Head {
    /// Of each supervised row of the residual stream `x`: cross-entropy against its target, or divergence from its
    /// teacher. With `dx`, adds the gradients of their weighted sum to those rows of it. `pause` is asked before each
    /// chunk.
    pub(super) fn losses(
        &mut self,
        model: &Model,
        device: &dyn Device,
        x: &Tensor,
        pack: &Pack,
        mut dx: Option<&mut Tensor>,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f32>, Stopped> {
        let head = &model.weights.head;
        let mut losses = vec![0.0; pack.rows.len()];
        self.cross_entropy.clear();
        for range in chunks(model, pack) {
            if pause() {
                return Err(Stopped);
            }
            let norm = self.logits(model, device, x, pack, &range);
            device.cross_entropy(&mut self.logits, &pack.targets[range.clone()], &mut losses[range.clone()]);
            self.cross_entropy.extend_from_slice(&losses[range.clone()]);
            for (row, at) in range.clone().enumerate() {
                if let Some((teacher, target)) = &pack.soft[at] {
                    let q = self.probabilities(row, pack.targets[at], losses[at]);
                    losses[at] = soft::diverge(q, teacher.row(*target));
                }
            }
            let Some(dx) = &mut dx else { continue };
            self.dnormed.reshape(range.len(), x.cols());
            let gradient = LinearGrad { weight: &head.weight, dy: &self.logits };
            device.linear_backward(&[gradient], &mut self.dnormed);
            for (row, &weight) in pack.weights[range.clone()].iter().enumerate() {
                // A product with 1 changes no bit.
                self.dnormed.row_mut(row).iter_mut().for_each(|d| *d *= weight);
            }
            self.dx.reshape(range.len(), x.cols());
            self.dx.as_mut_slice().fill(0.0);
            device.norm_backward(&self.x, norm, &self.dnormed, &mut self.dx);
            for (from, &to) in pack.rows[range].iter().enumerate() {
                dx.row_mut(to).iter_mut().zip(self.dx.row(from)).for_each(|(dx, d)| *dx += d);
            }
        }
        Ok(losses)
    }

    /// The `top` most likely tokens at each supervised row, for each sequence of the pack.
    pub(super) fn teach(
        &mut self,
        model: &Model,
        device: &dyn Device,
        x: &Tensor,
        pack: &Pack,
        top: usize,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Teacher>, Stopped> {
        let vocab = model.weights.head.weight.rows();
        let top = top.clamp(1, vocab);
        let (mut ids, mut log_probs) = (Vec::new(), Vec::new());
        let mut losses = vec![0.0; pack.rows.len()];
        for range in chunks(model, pack) {
            if pause() {
                return Err(Stopped);
            }
            self.logits(model, device, x, pack, &range);
            device.cross_entropy(&mut self.logits, &pack.targets[range.clone()], &mut losses[range.clone()]);
            for (row, at) in range.enumerate() {
                let q = self.probabilities(row, pack.targets[at], losses[at]);
                for (id, q) in soft::most_likely(q, top) {
                    ids.push(id);
                    log_probs.push(q.max(f32::MIN_POSITIVE).ln());
                }
            }
        }
        let (mut ids, mut log_probs) = (ids.into_iter(), log_probs.into_iter());
        let mut teacher = |targets: usize| {
            let (ids, log_probs) = (ids.by_ref().take(targets * top), log_probs.by_ref().take(targets * top));
            let made = Teacher::new(top, ids.collect(), log_probs.collect(), vocab);
            // Logits that are no numbers: nothing can be learned from them.
            made.ok_or(Stopped)
        };
        pack.counts.iter().map(|&targets| teacher(targets)).collect()
    }

    /// Makes the logits of some supervised rows.
    fn logits<'a>(
        &mut self,
        model: &'a Model,
        device: &dyn Device,
        x: &Tensor,
        pack: &Pack,
        range: &Range<usize>,
    ) -> Norm<'a> {
        let head = &model.weights.head;
        let norm = Norm { weight: &model.weights.final_norm, eps: model.config().norm_eps };
        let rows = &pack.rows[range.clone()];
        self.x.reshape(rows.len(), x.cols());
        for (to, &from) in rows.iter().enumerate() {
            self.x.row_mut(to).copy_from_slice(x.row(from));
        }
        self.logits.reshape(rows.len(), head.weight.rows());
        device.linear(&self.x, Some(norm), &mut [head.write_to(&mut self.logits)]);
        norm
    }

    /// A row that holds the gradient of its cross-entropy, as probabilities.
    fn probabilities(&mut self, row: usize, target: u32, loss: f32) -> &mut [f32] {
        let q = self.logits.row_mut(row);
        q[target as usize] = (-loss).exp();
        q
    }
}

/// Supervised rows whose logits are in memory at once.
fn chunks(model: &Model, pack: &Pack) -> impl Iterator<Item = Range<usize>> + use<> {
    let step = (CHUNK / model.weights.head.weight.rows()).clamp(ROWS, 512);
    let rows = pack.rows.len();
    (0..rows).step_by(step).map(move |first| first..(first + step).min(rows))
}
