//! The inner loops of one instruction set, as a table of functions.
//!
//! Everything above this table is the same for all processors. A kernel must compute each output element
//! from its own rows alone, in an order that depends on nothing but the width: then results do not depend
//! on the number of threads, nor on which other rows share the batch.

use super::activations::{QuantRow, QuantRows};
use super::panel::{Panel, Rows, StripMut};
use super::portable;
use crate::detect::Isa;
use crate::{Format, KvFormat, LayerNorm, Matrix, Norm, Pairing, Tensor};
use std::ops::Range;

/// The kernels of one instruction set. The pointers are `unsafe fn` because they may be called only on
/// processors that have it; [`Kernels::of`] is the only way to a table, and checks.
#[allow(clippy::type_complexity, reason = "a function pointer lists its arguments")]
pub(crate) struct Kernels {
    pub(crate) isa: Isa,
    /// Name of the matrix kernel for few rows (decode) and for many (prefill).
    pub(crate) names: fn(Format) -> [&'static str; 2],

    /// RMSNorm of one row into `out`.
    pub(crate) norm: unsafe fn(x: &[f32], norm: &Norm<'_>, out: &mut [f32]),
    /// `dx += dy · ∂norm(x)/∂x` of one row.
    pub(crate) norm_backward: unsafe fn(x: &[f32], norm: &Norm<'_>, dy: &[f32], dx: &mut [f32]),
    /// `Σ a · b`.
    pub(crate) dot: unsafe fn(a: &[f32], b: &[f32]) -> f32,
    /// One row to 8 bits.
    pub(crate) quantize: unsafe fn(x: &[f32], out: QuantRow<'_>),
    /// One of few rows, in the form that `gemv` reads: 8 bits, or 16 where they cost little.
    pub(crate) quantize_few: unsafe fn(x: &[f32], out: QuantRow<'_>),

    /// Quantised weight rows into a strip.
    pub(crate) unpack: unsafe fn(format: Format, rows: Rows<'_>, strip: StripMut<'_>),
    /// `acc[t, 16·s + r] = Σ_k x[t, k] · w[s, r, k]`; `acc [T, 16 · strips]`.
    pub(crate) gemm: unsafe fn(panel: &Panel, x: &QuantRows, acc: &mut [f32]),
    /// `acc[t, r] = Σ_k x[t, k] · w[r, k]`, `x` of 1 to 8 rows, straight from the blocks; `acc [T, rows]`.
    pub(crate) gemv: unsafe fn(format: Format, rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]),

    /// Float weight rows into columns: `out[k · stride + r] = w[r, k]`.
    pub(crate) unpack_floats: unsafe fn(format: Format, rows: Rows<'_>, stride: usize, out: &mut [f32]),
    /// Weight rows as they lie: `out[c / 64][r][c % 64] = w[rows.start + r, cols.start + c]`. `cols` are whole blocks and
    /// begin at a multiple of 64; columns past the last are left as they are.
    pub(crate) dequantize: unsafe fn(w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]),
    /// As `gemv`, for float weights and activations.
    pub(crate) gemv_floats: unsafe fn(format: Format, rows: Rows<'_>, x: &Tensor, acc: &mut [f32]),
    /// `c += a · b` in f32.
    pub(crate) gemm_floats: unsafe fn(shape: Gemm, a: &[f32], b: &[f32], c: &mut [f32]),

    /// Products in bf16, where the processor is faster at them than in f32.
    pub(crate) bf16: fn() -> Option<&'static Bf16>,

    /// `gate = silu(gate) ⊙ up`.
    pub(crate) silu_mul: unsafe fn(gate: &mut [f32], up: &[f32]),
    /// `gate` and `up` become their gradients, given that of `silu(gate) ⊙ up`.
    pub(crate) silu_grad: unsafe fn(gate: &mut [f32], up: &mut [f32], dout: &[f32]),
    /// LayerNorm of one row, in place.
    pub(crate) layer_norm: unsafe fn(x: &mut [f32], norm: &LayerNorm<'_>),
    /// `x = x · Φ(x)`.
    pub(crate) gelu: unsafe fn(x: &mut [f32]),
    /// Rounds to bf16, ties to even.
    pub(crate) narrow_half: unsafe fn(x: &[f32], out: &mut [u16]),
    /// The other way.
    pub(crate) widen_half: unsafe fn(x: &[u16], out: &mut [f32]),
    /// `-ln softmax(row)[target]`; the row becomes its gradient.
    pub(crate) cross_entropy: unsafe fn(row: &mut [f32], target: usize) -> f32,

    /// Rotates one head; see `reference/rope.rs`.
    pub(crate) rotate: unsafe fn(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: Pairing),
    /// Rows of the cache, `[n][row_bytes]`, as floats `[n][dim]`.
    pub(crate) widen: unsafe fn(format: KvFormat, bytes: &[u8], out: &mut [f32]),
    /// One key or value into its bytes in the cache.
    pub(crate) narrow: unsafe fn(format: KvFormat, x: &[f32], bytes: &mut [u8]),
    /// Keys turned: `out[d, p] = k[p, d]`; `k [n, dim]`, `out [dim, 64]`, of which columns from `n` on are unspecified.
    pub(crate) turn: unsafe fn(dim: usize, k: &[f32], out: &mut [f32]),
    /// `s[m, p] = q[m] · k[p]`; `q [M, dim]`, `k [n, dim]`, `s [M, 64]`.
    pub(crate) dots: unsafe fn(dim: usize, q: &[f32], k: &[f32], s: &mut [f32]),
    /// One row of scores into weights; see [`portable::softmax`].
    pub(crate) softmax: unsafe fn(s: &mut [f32], scale: f32, state: &mut Softmax) -> f32,
    /// `max = max(max, s)`.
    pub(crate) max_row: unsafe fn(s: &[f32], max: &mut [f32]),
    /// One row of transposed scores: `s = exp(scale · (s - max))`, which is added to `sum`.
    pub(crate) exp_row: unsafe fn(s: &mut [f32], scale: f32, max: &[f32], sum: &mut [f32]),
    /// `s` into weights by `inverse`, and `ds` from their gradients into those of the scores.
    pub(crate) score_grad:
        unsafe fn(s: &mut [f32], ds: &mut [f32], scale: f32, inverse: &[f32], delta: &[f32]),
}

/// Products of bf16 numbers with f32 sums. A table exists only where its instructions do.
pub(crate) struct Bf16 {
    /// One row to bf16; elements of `out` past its end become zero.
    pub(crate) pack: unsafe fn(x: &[f32], out: &mut [u16]),
    /// Two rows side by side: `out[c][0] = a[c]`, `out[c][1] = b[c]`.
    pub(crate) pair: unsafe fn(a: &[f32], b: &[f32], out: &mut [u16]),
    /// `out[c / 64][r / 2][c % 64][r % 2] = w[rows.start + r, cols.start + c]`; an odd last row is paired with zeros, and
    /// columns past the last are left as they are. `cols` are whole blocks and begin at a multiple of 64.
    pub(crate) unpack: unsafe fn(w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [u16]),
    /// `c += a · b`, `b` in pairs of rows as above. Shape and strides count numbers; `k` is even.
    pub(crate) gemm: unsafe fn(shape: Gemm, a: &[u16], b: &[u16], c: &mut [f32]),
}

/// Shape of an f32 product `c[m, n] += Σ_k a[m, k] · b[k, n]`, with the distance between rows of each.
/// `n` is a multiple of 16, except for heads of other widths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gemm {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a_stride: usize,
    pub(crate) b_stride: usize,
    pub(crate) c_stride: usize,
}

impl Gemm {
    #[allow(dead_code, reason = "only kernels with unchecked accesses need it")]
    /// Panics where a slice is too short for the shape; kernels rely on it.
    pub(crate) fn check(&self, a: &[f32], b: &[f32], c: &[f32]) {
        let needed = |rows: usize, cols: usize, stride: usize| {
            if rows == 0 || cols == 0 { 0 } else { (rows - 1) * stride + cols }
        };
        assert!(a.len() >= needed(self.m, self.k, self.a_stride), "a of {self:?}");
        assert!(b.len() >= needed(self.k, self.n, self.b_stride), "b of {self:?}");
        assert!(c.len() >= needed(self.m, self.n, self.c_stride), "c of {self:?}");
    }
}

/// Running state of a softmax over blocks of positions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Softmax {
    /// Largest scaled score so far.
    pub(crate) max: f32,
    /// `Σ exp(score - max)`.
    pub(crate) sum: f32,
}

impl Softmax {
    pub(crate) const EMPTY: Softmax = Softmax { max: f32::NEG_INFINITY, sum: 0.0 };
}

impl Kernels {
    /// The table of an instruction set, where the processor has it.
    pub(crate) fn of(isa: Isa) -> Option<&'static Kernels> {
        isa.is_available().then(|| match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 | Isa::Amx => super::x86::kernels(isa),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon | Isa::Dotprod | Isa::I8mm => super::arm::kernels(isa),
            _ => &portable::KERNELS,
        })
    }
}

/// Safe calls: a table exists only where its instructions do.
macro_rules! safe_calls {
    ($table:ident: $($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        impl $table {
            $(
                #[inline(always)]
                pub(crate) fn $name(&self, $($arg: $type),*) $(-> $result)? {
                    // SAFETY: `Kernels::of` led to this table, so the processor has its instructions.
                    // Kernels check the lengths that they rely on.
                    unsafe { (self.$name)($($arg),*) }
                }
            )*
        }
    };
}

safe_calls! {
    Bf16:
    pack(x: &[f32], out: &mut [u16]);
    pair(a: &[f32], b: &[f32], out: &mut [u16]);
    unpack(w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [u16]);
    gemm(shape: Gemm, a: &[u16], b: &[u16], c: &mut [f32]);
}

safe_calls! {
    Kernels:
    norm(x: &[f32], norm: &Norm<'_>, out: &mut [f32]);
    norm_backward(x: &[f32], norm: &Norm<'_>, dy: &[f32], dx: &mut [f32]);
    dot(a: &[f32], b: &[f32]) -> f32;
    quantize(x: &[f32], out: QuantRow<'_>);
    quantize_few(x: &[f32], out: QuantRow<'_>);
    unpack(format: Format, rows: Rows<'_>, strip: StripMut<'_>);
    gemm(panel: &Panel, x: &QuantRows, acc: &mut [f32]);
    gemv(format: Format, rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]);
    unpack_floats(format: Format, rows: Rows<'_>, stride: usize, out: &mut [f32]);
    dequantize(w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]);
    gemv_floats(format: Format, rows: Rows<'_>, x: &Tensor, acc: &mut [f32]);
    gemm_floats(shape: Gemm, a: &[f32], b: &[f32], c: &mut [f32]);
    silu_mul(gate: &mut [f32], up: &[f32]);
    silu_grad(gate: &mut [f32], up: &mut [f32], dout: &[f32]);
    layer_norm(x: &mut [f32], norm: &LayerNorm<'_>);
    gelu(x: &mut [f32]);
    narrow_half(x: &[f32], out: &mut [u16]);
    widen_half(x: &[u16], out: &mut [f32]);
    cross_entropy(row: &mut [f32], target: usize) -> f32;
    rotate(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: Pairing);
    widen(format: KvFormat, bytes: &[u8], out: &mut [f32]);
    narrow(format: KvFormat, x: &[f32], bytes: &mut [u8]);
    turn(dim: usize, k: &[f32], out: &mut [f32]);
    dots(dim: usize, q: &[f32], k: &[f32], s: &mut [f32]);
    softmax(s: &mut [f32], scale: f32, state: &mut Softmax) -> f32;
    max_row(s: &[f32], max: &mut [f32]);
    exp_row(s: &mut [f32], scale: f32, max: &[f32], sum: &mut [f32]);
    score_grad(s: &mut [f32], ds: &mut [f32], scale: f32, inverse: &[f32], delta: &[f32]);
}
