//! x86-64.

mod amx;
mod amx_attend;
mod attend;
mod avx2;
mod avx512;
mod bf16;
mod dequantize;
mod gemm;
mod gemv;
mod lanes;
mod limits;
mod quantize;
mod tile;
mod unpack;
mod unpack_bf16;

pub(super) use amx::{Amx as Tiles, Buffers as TileBuffers};
pub(super) use amx_attend::Flash;

pub(super) use limits::probes;

use super::kernels::Kernels;
use crate::detect::Isa;

/// The table of an instruction set of this architecture.
pub(super) fn kernels(isa: Isa) -> &'static Kernels {
    match isa {
        Isa::Amx => &avx512::AMX,
        Isa::Avx512 => &avx512::KERNELS,
        _ => &avx2::KERNELS,
    }
}
