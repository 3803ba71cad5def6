//! Kernels for AVX-512 with VNNI. Matrix kernels are written out; the others are the portable ones, which
//! the compiler turns into code for this set.

use super::{attend, bf16, dequantize, gemm, gemv, quantize};
use crate::cpu::kernels::Kernels;
use crate::cpu::panel::Rows;
use crate::cpu::portable;
use crate::detect::Isa;
use crate::{Format, LayerNorm, Norm, Pairing, Tensor};

pub(super) static KERNELS: Kernels = Kernels {
    isa: Isa::Avx512,
    names: |format| {
        if format.is_float() {
            ["avx512-gemv-float", "avx512-gemm-float"]
        } else {
            ["avx512-vnni-int16-gemv", "avx512-vnni-fitted-gemm"]
        }
    },
    norm,
    norm_backward,
    dot,
    quantize: quantize::quantize,
    quantize_few: quantize::quantize_few,
    unpack: gemm::unpack,
    gemm: gemm::gemm,
    gemv: gemv::gemv,
    unpack_floats,
    dequantize: dequantize::dequantize,
    gemv_floats,
    gemm_floats: attend::gemm_floats,
    bf16: bf16::kernels,
    silu_mul,
    silu_grad,
    layer_norm,
    gelu,
    narrow_half,
    widen_half,
    cross_entropy,
    rotate,
    widen: attend::widen,
    narrow: attend::narrow,
    turn: attend::turn,
    dots: attend::dots,
    softmax: attend::softmax,
    max_row,
    exp_row,
    score_grad,
};

/// The same with AMX: tiles take the matrix products of many rows before this table is asked.
pub(super) static AMX: Kernels = Kernels {
    isa: Isa::Amx,
    names: |format| match format {
        Format::F32 => ["avx512-gemv-float", "avx512-gemm-float"],
        Format::F16 | Format::Bf16 => ["avx512-gemv-float", "amx-bf16-gemm"],
        _ => ["avx512-vnni-int16-gemv", "amx-bf16-gemm"],
    },
    ..KERNELS
};

macro_rules! compiled_for_avx512 {
    ($($name:ident $(::$fma:literal)? ($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma,f16c")]
            fn $name($($arg: $type),*) $(-> $result)? {
                portable::$name $(::<$fma>)? ($($arg),*)
            }
        )*
    };
}

compiled_for_avx512! {
    norm(x: &[f32], norm: &Norm<'_>, out: &mut [f32]);
    norm_backward::true(x: &[f32], norm: &Norm<'_>, dy: &[f32], dx: &mut [f32]);
    dot::true(a: &[f32], b: &[f32]) -> f32;
    unpack_floats(format: Format, rows: Rows<'_>, stride: usize, out: &mut [f32]);
    gemv_floats::true(format: Format, rows: Rows<'_>, x: &Tensor, acc: &mut [f32]);
    silu_mul::true(gate: &mut [f32], up: &[f32]);
    silu_grad::true(gate: &mut [f32], up: &mut [f32], dout: &[f32]);
    layer_norm::true(x: &mut [f32], norm: &LayerNorm<'_>);
    gelu::true(x: &mut [f32]);
    narrow_half(x: &[f32], out: &mut [u16]);
    widen_half(x: &[u16], out: &mut [f32]);
    cross_entropy::true(row: &mut [f32], target: usize) -> f32;
    max_row(s: &[f32], max: &mut [f32]);
    exp_row::true(s: &mut [f32], scale: f32, max: &[f32], sum: &mut [f32]);
    score_grad(s: &mut [f32], ds: &mut [f32], scale: f32, inverse: &[f32], delta: &[f32]);
    rotate(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: Pairing);
}
