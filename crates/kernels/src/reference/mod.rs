//! What is the right answer? Plain loops over dequantised weights and exact f32 activations.
//!
//! Each file is one operation; its forward and its backward stand side by side. Nothing here is fast.
//! The other devices are held to it by `tests/ops.rs`.

mod attention;
mod embed;
mod gated;
mod matmul;
mod norm;
mod rope;

use crate::{Attend, Device, KvStore, Linear, Matrix, Norm, Tensor};

/// The reference device. One thread, no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Device for Reference {
    fn describe(&self) -> String {
        "reference".to_owned()
    }

    fn embed(&self, table: &Matrix, ids: &[u32], out: &mut Tensor) {
        embed::forward(table, ids, out);
    }

    fn linear(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
        matmul::forward(x, norm, jobs);
    }

    fn gated(&self, x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
        gated::forward(x, norm, gate, up, out);
    }

    fn attend(
        &self,
        op: &Attend<'_>,
        q: &mut Tensor,
        k: &mut Tensor,
        v: &Tensor,
        kv: &mut KvStore,
        out: &mut Tensor,
    ) {
        attention::forward(op, q, k, v, kv, out);
    }
}
