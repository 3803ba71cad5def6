//! The loss of the supervised rows, in chunks: logits of all rows at once would be larger than everything else.

use super::Stopped;
use crate::Model;
use kernels::{Device, LinearGrad, Norm, Tensor};

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
}

impl Head {
    /// Cross-entropy of each of `rows` of the residual stream `x` against its target. With `dx`, adds the gradients of
    /// their sum to those rows of it. `pause` is asked before each chunk.
    #[allow(clippy::too_many_arguments, reason = "all that a loss depends on")]
    pub(super) fn losses(
        &mut self,
        model: &Model,
        device: &dyn Device,
        x: &Tensor,
        rows: &[usize],
        targets: &[u32],
        mut dx: Option<&mut Tensor>,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f32>, Stopped> {
        let head = &model.weights.head;
        let norm = Norm { weight: &model.weights.final_norm, eps: model.config().norm_eps };
        let vocab = head.weight.rows();
        let mut losses = vec![0.0; rows.len()];
        let step = (CHUNK / vocab).clamp(ROWS, 512);
        for ((rows, targets), losses) in
            rows.chunks(step).zip(targets.chunks(step)).zip(losses.chunks_mut(step))
        {
            if pause() {
                return Err(Stopped);
            }
            gather(x, rows, &mut self.x);
            self.logits.reshape(rows.len(), vocab);
            device.linear(&self.x, Some(norm), &mut [head.write_to(&mut self.logits)]);
            device.cross_entropy(&mut self.logits, targets, losses);
            if let Some(dx) = &mut dx {
                self.dnormed.reshape(rows.len(), x.cols());
                let gradient = LinearGrad { weight: &head.weight, dy: &self.logits };
                device.linear_backward(&[gradient], &mut self.dnormed);
                self.dx.reshape(rows.len(), x.cols());
                self.dx.as_mut_slice().fill(0.0);
                device.norm_backward(&self.x, norm, &self.dnormed, &mut self.dx);
                for (from, &to) in rows.iter().enumerate() {
                    dx.row_mut(to).iter_mut().zip(self.dx.row(from)).for_each(|(dx, d)| *dx += d);
                }
            }
        }
        Ok(losses)
    }
}

fn gather(x: &Tensor, rows: &[usize], out: &mut Tensor) {
    out.reshape(rows.len(), x.cols());
    for (to, &from) in rows.iter().enumerate() {
        out.row_mut(to).copy_from_slice(x.row(from));
    }
}
