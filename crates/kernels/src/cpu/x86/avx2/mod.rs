//! AVX2 with FMA and F16C: 256 bits, no integer dot product.

mod blocks;
mod floats;
mod gemm;
mod gemv;

use crate::cpu::activations::QuantRow;
use crate::cpu::kernels::{Kernels, Softmax};
use crate::cpu::panel::{Rows, StripMut};
use crate::cpu::portable;
use crate::detect::Isa;
use crate::{Format, LayerNorm, Matrix, Norm, Pairing, Tensor};
use std::ops::Range;

pub(super) static KERNELS: Kernels = Kernels {
    isa: Isa::Avx2,
    names: |format| {
        if format.is_float() {
            ["avx2-gemv-float", "avx2-gemm-float"]
        } else {
            ["avx2-int8-gemv", "avx2-int8-gemm"]
        }
    },
    norm,
    norm_backward,
    dot,
    quantize,
    quantize_few: quantize,
    unpack,
    gemm: gemm::gemm,
    gemv: gemv::gemv,
    unpack_floats,
    dequantize,
    gemv_floats,
    gemm_floats: floats::gemm,
    bf16: || None,
    silu_mul,
    silu_grad,
    layer_norm,
    gelu,
    narrow_half,
    widen_half,
    cross_entropy,
    rotate,
    widen: floats::widen,
    narrow: floats::narrow,
    turn,
    dots,
    softmax,
    max_row,
    exp_row,
    score_grad,
};

/// Portable bodies that the compiler turns into good code once it may use these instructions.
macro_rules! compiled_here {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? = $body:path;)*) => {
        $(
            #[target_feature(enable = "avx2,fma,f16c")]
            pub(super) fn $name($($arg: $type),*) $(-> $result)? {
                $body($($arg),*)
            }
        )*
    };
}

compiled_here! {
    norm(x: &[f32], norm: &Norm<'_>, out: &mut [f32]) = portable::norm;
    norm_backward(x: &[f32], norm: &Norm<'_>, dy: &[f32], dx: &mut [f32]) = portable::norm_backward::<true>;
    dot(a: &[f32], b: &[f32]) -> f32 = portable::dot::<true>;
    quantize(x: &[f32], out: QuantRow<'_>) = portable::quantize;
    unpack(format: Format, rows: Rows<'_>, strip: StripMut<'_>) = portable::unpack;
    unpack_floats(format: Format, rows: Rows<'_>, stride: usize, out: &mut [f32]) = portable::unpack_floats;
    dequantize(w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) = portable::dequantize;
    gemv_floats(format: Format, rows: Rows<'_>, x: &Tensor, acc: &mut [f32]) = portable::gemv_floats::<true>;
    silu_mul(gate: &mut [f32], up: &[f32]) = portable::silu_mul::<true>;
    silu_grad(gate: &mut [f32], up: &mut [f32], dout: &[f32]) = portable::silu_grad::<true>;
    layer_norm(x: &mut [f32], norm: &LayerNorm<'_>) = portable::layer_norm::<true>;
    gelu(x: &mut [f32]) = portable::gelu::<true>;
    narrow_half(x: &[f32], out: &mut [u16]) = portable::narrow_half;
    widen_half(x: &[u16], out: &mut [f32]) = portable::widen_half;
    cross_entropy(row: &mut [f32], target: usize) -> f32 = portable::cross_entropy::<true>;
    max_row(s: &[f32], max: &mut [f32]) = portable::max_row;
    exp_row(s: &mut [f32], scale: f32, max: &[f32], sum: &mut [f32]) = portable::exp_row::<true>;
    score_grad(s: &mut [f32], ds: &mut [f32], scale: f32, inverse: &[f32], delta: &[f32]) = portable::score_grad;
    rotate(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: Pairing) = portable::rotate;
    turn(dim: usize, k: &[f32], out: &mut [f32]) = portable::turn;
    dots(dim: usize, q: &[f32], k: &[f32], s: &mut [f32]) = portable::dots::<true>;
    softmax(s: &mut [f32], scale: f32, state: &mut Softmax) -> f32 = portable::softmax::<true>;
}
