//! How is one operation computed, fast, on this processor?
//!
//! Quantised matrices go in, f32 activations come out. This crate knows shapes, formats and
//! processors; it knows nothing of models, files or tokens. It is the only home of `unsafe`.
#![allow(unsafe_code, reason = "SIMD intrinsics, tiles and mapped memory live here and nowhere else")]
#![allow(
    clippy::needless_range_loop,
    reason = "an index that names a lane or a row of several arrays reads best"
)]

mod device;
mod encoder;
mod gradient;
mod kv;
mod matrix;
mod memory;
mod tensor;

pub mod cpu;
pub mod detect;
pub mod limits;
pub mod pool;
pub mod quant;
pub mod reference;

pub use device::{Attend, Attended, Device, Heads, Linear, Norm, Pairing, RopeRows, Span};
pub use encoder::{Encoder, LayerNorm, Within};
pub use gradient::{LinearGrad, Lora, LoraGrad, Update};
pub use kv::{KV_BLOCK, KvFormat, KvShape, KvStore};
pub use matrix::{Matrix, ShapeError};
pub use memory::{AlignedBuf, Bytes};
pub use quant::Format;
pub use tensor::Tensor;
