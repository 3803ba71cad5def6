//! Which tensor gets which format, and how rows become blocks of it.

use super::mlx::Packed;
use super::names::{Role, permuted};
use kernels::quant::{dequantize_row, quantize_row};
use kernels::{Bytes, Format};
use std::ops::Range;

/// A matrix or a vector (one row) on its way into the file.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Where its numbers are.
    pub(super) source: Source,
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Heads whose rows are [`permuted`].
    pub(super) heads: Option<usize>,
    /// What it becomes.
    pub(super) format: Format,
}

/// The numbers of a tensor as the checkpoint has them.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Floats of this format.
    Floats(Format, Bytes),
    /// MLX's codes.
    Packed(Packed),
}

/// A number that cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is infinite or no number.
    NotFinite,
    /// It is beyond half precision.
    Range,
}

/// The format of a matrix of `cols` columns where `asked` was asked for, as llama.cpp chooses it.
///
/// In low-bit files the head has 6 or 8 bits, and in the mixture that is called `Q4_K_M` (`Q5_K_M`) so have
/// values and the way down in half of the layers. A width that is not whole blocks gets the next larger format
/// that fits.
pub(super) fn choose(asked: Format, role: Role, layers: usize, cols: usize) -> Format {
    let mixture = matches!(asked, Format::Q4_K | Format::Q5_K);
    let wanted = match role {
        Role::Head if !asked.is_float() && asked != Format::Q8_0 => {
            return if cols.is_multiple_of(256) { Format::Q6_K } else { fitting(Format::Q8_0, cols) };
        }
        Role::Delicate(layer) if mixture && more_bits(layer, layers) => Format::Q6_K,
        _ => asked,
    };
    fitting(wanted, cols)
}

/// The format itself or the next larger one whose blocks a row of `cols` fills.
fn fitting(format: Format, cols: usize) -> Format {
    if cols.is_multiple_of(format.block_len()) {
        return format;
    }
    match format {
        Format::Q4_K if cols.is_multiple_of(32) => Format::Q5_0,
        Format::Q5_K if cols.is_multiple_of(32) => Format::Q5_1,
        Format::Q6_K if cols.is_multiple_of(32) => Format::Q8_0,
        _ => Format::F16,
    }
}

/// The first and the last eighth of the layers, and every third between: llama.cpp's `use_more_bits`.
fn more_bits(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

impl Job {
    /// Bytes of the result.
    pub(super) fn bytes(&self) -> usize {
        self.rows * self.format.row_bytes(self.cols)
    }

    /// Whether the result is a rounding of what the checkpoint has.
    pub(super) fn is_lossless(&self) -> bool {
        match &self.source {
            Source::Floats(format, _) => self.format == *format || self.format == Format::F32,
            Source::Packed(packed) => packed.exact_format() == Some(self.format),
        }
    }

    /// Encodes `rows` into `out` on `threads` threads. Returns how many numbers were rounded to half precision
    /// where the format is otherwise exact.
    pub(super) fn encode(&self, rows: Range<usize>, out: &mut [u8], threads: usize) -> Result<u64, Fault> {
        let width = self.format.row_bytes(self.cols);
        let share = rows.len().div_ceil(threads).max(1);
        let first = rows.start;
        std::thread::scope(|scope| {
            let parts = out.chunks_mut(share * width).enumerate();
            let work: Vec<_> = parts
                .map(|(n, part)| scope.spawn(move || self.encode_part(first + n * share, part, width)))
                .collect();
            work.into_iter().map(|part| part.join().expect("encoding does not panic")).sum()
        })
    }

    fn encode_part(&self, first: usize, out: &mut [u8], width: usize) -> Result<u64, Fault> {
        let mut values = vec![0.0; self.cols];
        let mut inexact = 0;
        for (row, out) in (first..).zip(out.chunks_exact_mut(width)) {
            let row = self.heads.map_or(row, |heads| permuted(row, self.rows, heads));
            inexact += self.encode_row(row, &mut values, out)?;
        }
        Ok(inexact)
    }

    fn encode_row(&self, row: usize, values: &mut [f32], out: &mut [u8]) -> Result<u64, Fault> {
        match &self.source {
            Source::Packed(packed) if packed.exact_format() == Some(self.format) => {
                return packed.blocks(row, values, out);
            }
            Source::Packed(packed) => packed.values(row, values),
            Source::Floats(format, bytes) => {
                let width = format.row_bytes(self.cols);
                dequantize_row(*format, &bytes[row * width..][..width], values);
            }
        }
        check(values, !matches!(self.format, Format::F32 | Format::Bf16))?;
        quantize_row(self.format, values, out);
        Ok(0)
    }
}

/// Whether all numbers are finite, and within half precision where they or their scales are stored so.
pub(super) fn check(values: &[f32], half: bool) -> Result<(), Fault> {
    // Not `max`, which would drop what is not a number.
    let finite = values.iter().all(|value| value.is_finite());
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    match (finite, half && largest > half::f16::MAX.to_f32()) {
        (false, _) => Err(Fault::NotFinite),
        (true, true) => Err(Fault::Range),
        (true, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Format::*;

    #[test]
    fn formats_are_those_of_llama_cpp() {
        let layer = Role::Delicate;
        for (asked, role, cols, expected) in [
            (Q4_K, Role::Plain, 512, Q4_K),
            (Q4_K, Role::Plain, 576, Q5_0),
            (Q4_K, layer(0), 512, Q6_K),
            (Q4_K, layer(0), 576, Q8_0),
            (Q4_K, layer(4), 512, Q4_K),
            (Q4_K, layer(6), 512, Q6_K),
            (Q4_K, layer(31), 512, Q6_K),
            (Q4_K, Role::Embedding, 512, Q4_K),
            (Q4_0, Role::Head, 512, Q6_K),
            (Q4_1, Role::Head, 576, Q8_0),
            (Q4_0, layer(0), 512, Q4_0),
            (Q6_K, Role::Plain, 576, Q8_0),
            (Q6_K, Role::Plain, 100, F16),
            (Q8_0, Role::Head, 512, Q8_0),
            (Bf16, Role::Head, 512, Bf16),
            (F32, layer(0), 7, F32),
        ] {
            assert_eq!(choose(asked, role, 32, cols), expected, "{asked} {role:?} {cols}");
        }
    }

    #[test]
    fn numbers_that_cannot_be_stored_are_found() {
        assert_eq!(check(&[1.0, -65504.0], true), Ok(()));
        assert_eq!(check(&[1.0, -65536.0], true), Err(Fault::Range));
        assert_eq!(check(&[1.0, -65536.0], false), Ok(()));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(check(&[1.0, bad, 2.0], false), Err(Fault::NotFinite));
        }
    }
}
