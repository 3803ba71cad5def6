//! MLX's affine quantisation: `w = scale · q + bias`, one scale and bias for each group of a row.
//!
//! Codes are a little-endian stream of bits in `weight` (u32, `[rows, cols · bits / 32]`); `scales` and `biases`
//! are `[rows, cols / group]`. Q4_1 and Q5_1 are the same formula with f16 scales and groups of 32, so codes of
//! up to 5 bits come over as they are, and a group of 64 becomes two that share scale and bias.

use super::ImportError;
use super::quantize::{Fault, check};
use super::safetensors::{Stored, Tensors};
use kernels::quant::{BlockQ4_1, BlockQ5_1, Half, dequantize_row};
use kernels::{Bytes, Format};

/// Codes, scales and biases of one matrix.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    cols: usize,
    bits: usize,
    group: usize,
    codes: Bytes,
    scales: Bytes,
    biases: Bytes,
    /// Of scales and biases.
    format: Format,
}

/// Weights in a block of Q4_1 and of Q5_1.
const BLOCK: usize = 32;

impl Packed {
    /// The matrix `name` (without `.weight`) of shape `[rows, cols]`, or `None` where MLX did not quantise it.
    pub(super) fn find(
        tensors: &Tensors,
        name: &str,
        [rows, cols]: [usize; 2],
    ) -> Result<Option<Packed>, ImportError> {
        let (weight, scales) = (format!("{name}.weight"), format!("{name}.scales"));
        let (Some(codes), Some(stored)) = (tensors.get(&weight), tensors.get(&scales)) else {
            return Ok(None);
        };
        let refuse = |why| ImportError::Packing { tensor: weight.clone(), why };
        let biases = format!("{name}.biases");
        let minima =
            tensors.get(&biases).ok_or_else(|| refuse("it has no biases; only mode affine is read"))?;
        codes.expect_u32(&weight)?;
        let format = stored.floats(&scales)?;
        if minima.floats(&biases)? != format {
            return Err(refuse("scales and biases differ in their dtype"));
        }
        let groups = last(stored);
        let group = cols.checked_div(groups).filter(|group| group * groups == cols && group % BLOCK == 0);
        let group = group.ok_or_else(|| refuse("its groups are not a multiple of 32"))?;
        let bits = last(codes).saturating_mul(32) / cols.max(1);
        if !(2..=8).contains(&bits) {
            return Err(refuse("codes have 2 to 8 bits"));
        }
        codes.expect_shape(&weight, &[rows as u64, (cols * bits / 32) as u64])?;
        stored.expect_shape(&scales, &[rows as u64, groups as u64])?;
        minima.expect_shape(&biases, &[rows as u64, groups as u64])?;
        let (scales, biases) = (stored.bytes.clone(), minima.bytes.clone());
        Ok(Some(Packed { cols, bits, group, codes: codes.bytes.clone(), scales, biases, format }))
    }

    /// The format that holds the codes as they are.
    pub(super) fn exact_format(&self) -> Option<Format> {
        match self.bits {
            ..=4 => Some(Format::Q4_1),
            5 => Some(Format::Q5_1),
            _ => None,
        }
    }

    /// Writes a row in [`exact_format`](Self::exact_format). Returns how many scales and biases are not exactly
    /// a half-precision number and were rounded to the nearest. `values` is room for a row.
    pub(super) fn blocks(&self, row: usize, values: &mut [f32], out: &mut [u8]) -> Result<u64, Fault> {
        let (scales, biases) = values.split_at_mut(self.cols / self.group);
        let biases = &mut biases[..scales.len()];
        self.scales(row, scales, biases);
        check(scales, true)?;
        check(biases, true)?;
        let mut codes = [0; BLOCK];
        let width = if self.bits == 5 { size_of::<BlockQ5_1>() } else { size_of::<BlockQ4_1>() };
        for (n, out) in out.chunks_exact_mut(width).enumerate() {
            self.codes(row, n * BLOCK, &mut codes);
            let group = n * BLOCK / self.group;
            let (d, m) = (Half::from_f32(scales[group]), Half::from_f32(biases[group]));
            let qs = std::array::from_fn(|i| codes[i] & 15 | (codes[i + 16] & 15) << 4);
            if self.bits == 5 {
                let high = (0..BLOCK).fold(0u32, |high, i| high | u32::from(codes[i] >> 4) << i);
                out.copy_from_slice(bytemuck::bytes_of(&BlockQ5_1 { d, m, qh: high.to_le_bytes(), qs }));
            } else {
                out.copy_from_slice(bytemuck::bytes_of(&BlockQ4_1 { d, m, qs }));
            }
        }
        let inexact = |values: &[f32]| values.iter().filter(|v| Half::from_f32(**v).get() != **v).count();
        Ok((inexact(scales) + inexact(biases)) as u64)
    }

    /// Writes a row as numbers.
    pub(super) fn values(&self, row: usize, out: &mut [f32]) {
        let groups = self.cols / self.group;
        let (mut scales, mut biases) = (vec![0.0; groups], vec![0.0; groups]);
        self.scales(row, &mut scales, &mut biases);
        let mut codes = vec![0; self.group];
        for (group, out) in out.chunks_exact_mut(self.group).enumerate() {
            self.codes(row, group * self.group, &mut codes);
            for (out, code) in out.iter_mut().zip(&codes) {
                *out = scales[group] * f32::from(*code) + biases[group];
            }
        }
    }

    fn scales(&self, row: usize, scales: &mut [f32], biases: &mut [f32]) {
        for (bytes, out) in [(&self.scales, scales), (&self.biases, biases)] {
            let width = self.format.row_bytes(out.len());
            dequantize_row(self.format, &bytes[row * width..][..width], out);
        }
    }

    /// The codes of the weights from `start` on.
    fn codes(&self, row: usize, start: usize, out: &mut [u8]) {
        let width = self.cols * self.bits / 8;
        let stream = &self.codes[row * width..][..width];
        let mask = ((1u16 << self.bits) - 1) as u8;
        for (i, code) in out.iter_mut().enumerate() {
            let bit = (start + i) * self.bits;
            let low = stream[bit / 8];
            // A code may lie across two bytes.
            let high = stream.get(bit / 8 + 1).copied().unwrap_or(0);
            *code = (u16::from_le_bytes([low, high]) >> (bit % 8)) as u8 & mask;
        }
    }
}

/// The last dimension.
fn last(stored: &Stored) -> usize {
    stored.shape.last().and_then(|&dim| usize::try_from(dim).ok()).unwrap_or(0)
}
