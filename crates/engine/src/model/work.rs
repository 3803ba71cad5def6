//! How much one token costs: what a measured speed is compared with.

use super::Model;
use kernels::Matrix;

/// The work of one token, attention left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Multiplications with weights for one token of a prompt. The head is not among them: it is computed for
    /// the last token only.
    pub prompt_macs: u64,
    /// Bytes of weights that are read to generate one token.
    pub weight_bytes: u64,
}

impl Model {
    /// What one token costs.
    pub fn work(&self) -> Work {
        let matrices = self.weights.layers.iter().flat_map(|l| {
            [&l.q.weight, &l.k.weight, &l.v.weight, &l.output.weight, &l.gate, &l.up, &l.down.weight]
        });
        let bytes = |m: &Matrix| m.bytes().len() as u64;
        let (mut prompt_macs, mut weight_bytes) = (0, bytes(&self.weights.head.weight));
        for matrix in matrices {
            prompt_macs += (matrix.rows() * matrix.cols()) as u64;
            weight_bytes += bytes(matrix);
        }
        Work { prompt_macs, weight_bytes }
    }
}
