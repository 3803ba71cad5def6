//! What training asks of a [`Device`](crate::Device): low-rank updates and gradients.
//!
//! Weights are frozen: only the factors of an update have gradients of their own.

use crate::{Attend, Attended, Matrix, Norm, Tensor};
use std::ops::Range;

/// Low-rank updates of one linear layer's output.
pub struct Lora<'a> {
    /// Each for its own rows; rows that no update names stay as they are.
    pub updates: &'a [Update<'a>],
    /// `[T, N]`.
    pub out: &'a mut Tensor,
}

/// One low-rank update: `scale · (x · aᵀ) · b`.
#[derive(Clone, Debug)]
pub struct Update<'a> {
    /// Rows of the batch.
    pub rows: Range<usize>,
    /// `[R, D]`.
    pub a: &'a Tensor,
    /// `[R, N]`.
    pub b: &'a Tensor,
    /// What the product is multiplied with.
    pub scale: f32,
}

/// The backward pass of one low-rank update over all rows.
pub struct LoraGrad<'a> {
    /// `[R, D]`.
    pub a: &'a Tensor,
    /// `[R, N]`.
    pub b: &'a Tensor,
    /// What the product is multiplied with.
    pub scale: f32,
    /// Gradient of the layer's output `[T, N]`.
    pub dy: &'a Tensor,
    /// Is added to, `[R, D]`.
    pub da: &'a mut Tensor,
    /// Is added to, `[R, N]`.
    pub db: &'a mut Tensor,
}

/// One layer of [`Device::linear_backward`](crate::Device::linear_backward).
#[derive(Clone, Copy)]
pub struct LinearGrad<'a> {
    /// `[N, D]`, as stored in the file.
    pub weight: &'a Matrix,
    /// Gradient of the layer's output `[T, N]`.
    pub dy: &'a Tensor,
}

pub(crate) fn check_linear(jobs: &[LinearGrad<'_>], dx: &Tensor) {
    for job in jobs {
        assert_eq!((job.dy.rows(), job.dy.cols()), (dx.rows(), job.weight.rows()), "shape of dy");
        assert_eq!(job.weight.cols(), dx.cols(), "width of dx");
    }
}

pub(crate) fn check_lora(x: &Tensor, norm: Option<Norm<'_>>, jobs: &[Lora<'_>]) {
    assert!(norm.is_none_or(|n| n.weight.len() == x.cols()), "width of the norm");
    for job in jobs {
        assert_eq!(job.out.rows(), x.rows(), "rows of the output");
        let mut next = 0;
        for update in job.updates {
            assert!(next <= update.rows.start && update.rows.start <= update.rows.end, "updates in order");
            next = update.rows.end;
            check_factors(update.a, update.b, x.cols(), job.out.cols());
        }
        assert!(next <= x.rows(), "rows of the updates");
    }
}

pub(crate) fn check_lora_grad(x: &Tensor, jobs: &[LoraGrad<'_>], dx: Option<&Tensor>) {
    for job in jobs {
        check_factors(job.a, job.b, x.cols(), job.dy.cols());
        assert_eq!(job.dy.rows(), x.rows(), "rows of dy");
        assert_eq!((job.da.rows(), job.da.cols()), (job.a.rows(), job.a.cols()), "shape of da");
        assert_eq!((job.db.rows(), job.db.cols()), (job.b.rows(), job.b.cols()), "shape of db");
    }
    assert!(dx.is_none_or(|dx| (dx.rows(), dx.cols()) == (x.rows(), x.cols())), "shape of dx");
}

fn check_factors(a: &Tensor, b: &Tensor, inputs: usize, outputs: usize) {
    assert_eq!((a.cols(), b.cols()), (inputs, outputs), "shape of the update");
    assert_eq!(a.rows(), b.rows(), "rank of the factors");
}

pub(crate) fn check_same(tensors: &[&Tensor]) {
    let shape = |t: &Tensor| (t.rows(), t.cols());
    assert!(tensors.iter().all(|t| shape(t) == shape(tensors[0])), "tensors of one shape");
}

pub(crate) fn check_attend(op: &Attend<'_>, f: &Attended<'_>, dq: &Tensor, dk: &Tensor, dv: &Tensor) {
    check_same(&[f.q, f.out, f.dout, dq]);
    check_same(&[f.k, f.v, dk, dv]);
    let (heads, rows) = (op.heads, f.q.rows());
    assert!(heads.kv > 0 && heads.q.is_multiple_of(heads.kv), "query heads per key head");
    assert_eq!(
        (f.q.cols(), f.k.rows(), f.k.cols()),
        (heads.q * heads.dim, rows, heads.kv * heads.dim),
        "shapes"
    );
    assert!(op.rope.cos.rows() >= rows && 2 * op.rope.cos.cols() <= heads.dim, "rotations of every row");
    let mut next = 0;
    for span in op.spans {
        assert_eq!((span.rows.start, span.start), (next, 0), "spans tile the batch and begin at position 0");
        next = span.rows.end;
    }
    assert_eq!(next, rows, "spans tile the batch");
}

pub(crate) fn check_cross_entropy(logits: &Tensor, targets: &[u32], losses: &[f32]) {
    assert_eq!(
        (targets.len(), losses.len()),
        (logits.rows(), logits.rows()),
        "a target and a loss for every row"
    );
    assert!(targets.iter().all(|&t| (t as usize) < logits.cols()), "targets inside the vocabulary");
}
