//! Kernels for x86-64.

pub(super) mod amx;
pub(super) mod decode;
mod lanes;
mod rows;
mod tile;
mod unpack;
mod unpack_bf16;
