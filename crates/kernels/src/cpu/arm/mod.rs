//! arm64. Every such processor has Advanced SIMD, so the compiler vectorises the portable bodies for it, and
//! only the integer products are written out: with `smull`, with `sdot`, or with `smmla`.

mod blocks;
mod dotprod;
mod gemm;
mod gemv;
mod i8mm;
mod limits;
mod neon;

pub(super) use limits::probes;

use super::kernels::Kernels;
use super::portable;
use crate::detect::Isa;
use crate::{Format, KvFormat};
use std::arch::aarch64::*;

/// The table of an instruction set of this architecture.
pub(super) fn kernels(isa: Isa) -> &'static Kernels {
    match isa {
        Isa::I8mm => &I8MM,
        Isa::Dotprod => &DOTPROD,
        _ => &NEON,
    }
}

static NEON: Kernels = Kernels {
    isa: Isa::Neon,
    names: |format| names(format, ["neon-int8-gemv", "neon-int8-gemm"]),
    norm: portable::norm,
    norm_backward: portable::norm_backward::<true>,
    dot: portable::dot::<true>,
    quantize: portable::quantize,
    quantize_few: portable::quantize,
    unpack: portable::unpack,
    gemm: neon::gemm,
    gemv: neon::gemv,
    unpack_floats: portable::unpack_floats,
    dequantize: portable::dequantize,
    gemv_floats: portable::gemv_floats::<true>,
    gemm_floats: portable::gemm_floats::<true>,
    bf16: || None,
    silu_mul: portable::silu_mul::<true>,
    silu_grad: portable::silu_grad::<true>,
    layer_norm: portable::layer_norm::<true>,
    gelu: portable::gelu::<true>,
    narrow_half: portable::narrow_half,
    widen_half: portable::widen_half,
    cross_entropy: portable::cross_entropy::<true>,
    rotate: portable::rotate,
    widen,
    narrow: portable::narrow,
    turn: portable::turn,
    dots: portable::dots::<true>,
    softmax: portable::softmax::<true>,
    max_row: portable::max_row,
    exp_row: portable::exp_row::<true>,
    score_grad: portable::score_grad,
};

static DOTPROD: Kernels = Kernels {
    isa: Isa::Dotprod,
    names: |format| names(format, ["dotprod-gemv", "dotprod-gemm"]),
    gemm: dotprod::gemm,
    gemv: dotprod::gemv,
    ..NEON
};

static I8MM: Kernels = Kernels {
    isa: Isa::I8mm,
    names: |format| names(format, ["dotprod-gemv", "i8mm-gemm"]),
    gemm: i8mm::gemm,
    ..DOTPROD
};

fn names(format: Format, int8: [&'static str; 2]) -> [&'static str; 2] {
    if format.is_float() { ["neon-gemv-float", "neon-gemm-float"] } else { int8 }
}

/// How an instruction set multiplies signed bytes.
trait Dot {
    /// Sums of four rows, while they grow.
    type Sums: Copy;

    /// No products yet.
    const ZERO: Self::Sums;

    /// Adds the products of four rows' four bytes `w` with four bytes, repeated in `x`.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn add(sums: Self::Sums, w: int8x16_t, x: int8x16_t) -> Self::Sums;

    /// The four rows' sums.
    ///
    /// # Safety
    /// As [`Dot::add`].
    unsafe fn finish(sums: Self::Sums) -> int32x4_t;

    /// Adds the 16 products of `w` and `x` to four sums, in no particular order.
    ///
    /// # Safety
    /// As [`Dot::add`].
    unsafe fn add_any(sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t;
}

/// Rows of the cache as floats.
fn widen(format: KvFormat, bytes: &[u8], out: &mut [f32]) {
    if format != KvFormat::F16 {
        return portable::widen(format, bytes, out);
    }
    for (half, float) in bytes.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<4>().0) {
        // SAFETY: 8 bytes are read, 4 floats written; every arm64 processor has `fcvtl`.
        unsafe {
            let mut wide = vreinterpretq_f32_u8(vcombine_u8(vld1_u8(half.as_ptr()), vdup_n_u8(0)));
            std::arch::asm!(
                "fcvtl {0:v}.4s, {0:v}.4h",
                inout(vreg) wide,
                options(pure, nomem, nostack, preserves_flags)
            );
            vst1q_f32(float.as_mut_ptr(), wide);
        }
    }
    let done = out.len() / 4 * 4;
    portable::widen(format, &bytes[2 * done..], &mut out[done..]);
}
