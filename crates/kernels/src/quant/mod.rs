//! How are numbers stored? GGML's block formats, one file each.
//!
//! A row is a whole number of blocks. Layouts and rounding are those of `ggml-quants.c`; the fixtures in
//! `tests/fixtures` come from the `gguf` Python package.

mod fit;
mod half;
mod q4_0;
mod q4_1;
mod q4_k;
mod q5_0;
mod q5_1;
mod q5_k;
mod q6_k;
mod q8_0;

pub use half::Half;
pub(crate) use half::{bf16_to_f32, f16_to_f32};
pub use q4_0::BlockQ4_0;
pub use q4_1::BlockQ4_1;
pub use q4_k::BlockQ4K;
pub use q5_0::BlockQ5_0;
pub use q5_1::BlockQ5_1;
pub use q5_k::BlockQ5K;
pub use q6_k::BlockQ6K;
pub use q8_0::BlockQ8_0;

/// A storage format of weights.
#[allow(non_camel_case_types, reason = "the names that everyone in this field uses")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// 8 bits, a scale per 32.
    Q8_0,
    /// 4 bits, a scale per 32.
    Q4_0,
    /// 4 bits, scale and minimum per 32.
    Q4_1,
    /// 5 bits, a scale per 32.
    Q5_0,
    /// 5 bits, scale and minimum per 32.
    Q5_1,
    /// 4 bits, 6-bit scale and minimum per 32, in blocks of 256.
    Q4_K,
    /// 5 bits, 6-bit scale and minimum per 32, in blocks of 256.
    Q5_K,
    /// 6 bits, 8-bit scale per 16, in blocks of 256.
    Q6_K,
}

/// One block of a quantised format.
pub trait Block: bytemuck::Pod {
    /// Weights in a block.
    const LEN: usize;
    /// Weights that share a scale.
    const GROUP: usize;

    /// Writes the `LEN` weights, as ggml's `dequantize_row_*` computes them.
    fn dequantize(&self, out: &mut [f32]);

    /// The block nearest to `LEN` weights, or near to it.
    fn quantize(x: &[f32]) -> Self;

    /// The block as unsigned codes: `w[i] = scale[i / GROUP] · code[i] + min[i / GROUP]`. `code [LEN]`.
    fn codes(&self, code: &mut [u8]);

    /// What the codes of each group mean. `scale, min [LEN / GROUP]`; `widen` reads an f16.
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]);
}

/// Evaluates an expression with `$block` bound to the block type of a quantised format.
macro_rules! with_block {
    ($format:expr, $block:ident => $quantised:expr, float => $float:expr) => {
        match $format {
            $crate::Format::F32 | $crate::Format::F16 | $crate::Format::Bf16 => $float,
            $crate::Format::Q8_0 => {
                type $block = $crate::quant::BlockQ8_0;
                $quantised
            }
            $crate::Format::Q4_0 => {
                type $block = $crate::quant::BlockQ4_0;
                $quantised
            }
            $crate::Format::Q4_1 => {
                type $block = $crate::quant::BlockQ4_1;
                $quantised
            }
            $crate::Format::Q5_0 => {
                type $block = $crate::quant::BlockQ5_0;
                $quantised
            }
            $crate::Format::Q5_1 => {
                type $block = $crate::quant::BlockQ5_1;
                $quantised
            }
            $crate::Format::Q4_K => {
                type $block = $crate::quant::BlockQ4K;
                $quantised
            }
            $crate::Format::Q5_K => {
                type $block = $crate::quant::BlockQ5K;
                $quantised
            }
            $crate::Format::Q6_K => {
                type $block = $crate::quant::BlockQ6K;
                $quantised
            }
        }
    };
}
#[allow(unused_imports, reason = "used by the device in cpu")]
pub(crate) use with_block;

impl Format {
    /// Every format.
    pub const ALL: [Format; 11] = [
        Format::F32,
        Format::F16,
        Format::Bf16,
        Format::Q8_0,
        Format::Q4_0,
        Format::Q4_1,
        Format::Q5_0,
        Format::Q5_1,
        Format::Q4_K,
        Format::Q5_K,
        Format::Q6_K,
    ];

    /// Weights in a block; 1 for the float formats.
    pub const fn block_len(self) -> usize {
        with_block!(self, B => <B as Block>::LEN, float => 1)
    }

    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        with_block!(self, B => size_of::<B>(), float => if let Format::F32 = self { 4 } else { 2 })
    }

    /// Bytes of a row of `cols` weights, which must be whole blocks.
    pub const fn row_bytes(self, cols: usize) -> usize {
        cols / self.block_len() * self.block_bytes()
    }

    /// Weights that share a scale; 1 for the float formats.
    pub const fn group_len(self) -> usize {
        with_block!(self, B => <B as Block>::GROUP, float => 1)
    }

    /// Bits of a weight's code, scales not counted.
    pub const fn code_bits(self) -> u32 {
        match self {
            Format::F32 => 32,
            Format::F16 | Format::Bf16 => 16,
            Format::Q8_0 => 8,
            Format::Q6_K => 6,
            Format::Q5_0 | Format::Q5_1 | Format::Q5_K => 5,
            Format::Q4_0 | Format::Q4_1 | Format::Q4_K => 4,
        }
    }

    /// Whether weights are stored one by one as floats.
    pub const fn is_float(self) -> bool {
        matches!(self, Format::F32 | Format::F16 | Format::Bf16)
    }

    /// As people write it: `Q4_K`.
    pub const fn name(self) -> &'static str {
        match self {
            Format::F32 => "F32",
            Format::F16 => "F16",
            Format::Bf16 => "BF16",
            Format::Q8_0 => "Q8_0",
            Format::Q4_0 => "Q4_0",
            Format::Q4_1 => "Q4_1",
            Format::Q5_0 => "Q5_0",
            Format::Q5_1 => "Q5_1",
            Format::Q4_K => "Q4_K",
            Format::Q5_K => "Q5_K",
            Format::Q6_K => "Q6_K",
        }
    }

    /// The number that stands for it in a GGUF file (`enum ggml_type`).
    pub const fn ggml_id(self) -> u32 {
        match self {
            Format::F32 => 0,
            Format::F16 => 1,
            Format::Q4_0 => 2,
            Format::Q4_1 => 3,
            Format::Q5_0 => 6,
            Format::Q5_1 => 7,
            Format::Q8_0 => 8,
            Format::Q4_K => 12,
            Format::Q5_K => 13,
            Format::Q6_K => 14,
            Format::Bf16 => 30,
        }
    }

    /// The format of a GGUF type number, where hone knows it.
    pub fn from_ggml(id: u32) -> Option<Format> {
        Format::ALL.into_iter().find(|f| f.ggml_id() == id)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Writes one row as f32. `bytes` holds `format.row_bytes(out.len())`.
///
/// # Panics
/// When the lengths do not fit each other.
pub fn dequantize_row(format: Format, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len(), format.row_bytes(out.len()), "bytes of a {format} row of {}", out.len());
    match format {
        Format::F32 => half::decode(bytes, out, f32::from_le_bytes),
        Format::F16 => half::decode(bytes, out, |b| f16_to_f32(u16::from_le_bytes(b))),
        Format::Bf16 => half::decode(bytes, out, |b| bf16_to_f32(u16::from_le_bytes(b))),
        _ => with_block!(format, B => dequantize_blocks::<B>(bytes, out), float => unreachable!()),
    }
}

/// Stores one row. `bytes` holds `format.row_bytes(x.len())`.
///
/// # Panics
/// When the lengths do not fit each other.
pub fn quantize_row(format: Format, x: &[f32], bytes: &mut [u8]) {
    assert_eq!(bytes.len(), format.row_bytes(x.len()), "bytes of a {format} row of {}", x.len());
    match format {
        Format::F32 => half::encode(x, bytes, f32::to_le_bytes),
        Format::F16 => half::encode(x, bytes, |v| Half::from_f32(v).0),
        Format::Bf16 => half::encode(x, bytes, |v| ::half::bf16::from_f32(v).to_le_bytes()),
        _ => with_block!(format, B => quantize_blocks::<B>(x, bytes), float => unreachable!()),
    }
}

fn dequantize_blocks<B: Block>(bytes: &[u8], out: &mut [f32]) {
    let blocks: &[B] = bytemuck::cast_slice(bytes);
    for (block, out) in blocks.iter().zip(out.chunks_exact_mut(B::LEN)) {
        block.dequantize(out);
    }
}

fn quantize_blocks<B: Block>(x: &[f32], bytes: &mut [u8]) {
    let blocks: &mut [B] = bytemuck::cast_slice_mut(bytes);
    for (block, x) in blocks.iter_mut().zip(x.chunks_exact(B::LEN)) {
        *block = B::quantize(x);
    }
}
