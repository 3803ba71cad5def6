//! Q4_K: `w = d · s · q - dmin · m`, q of 4 bits, s and m of 6 bits per 32 weights.

use super::{Block, Half, fit};

/// 256 weights in 144 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct BlockQ4K {
    /// Scale of the scales.
    pub d: Half,
    /// Scale of the minima.
    pub dmin: Half,
    /// Eight 6-bit scales and eight 6-bit minima; see [`scale_min`].
    pub scales: [u8; 12],
    /// 32 bytes a pair of groups: low halves are the first group.
    pub qs: [u8; 128],
}
const _: () = assert!(size_of::<BlockQ4K>() == 144);

impl Block for BlockQ4K {
    const LEN: usize = 256;
    const GROUP: usize = 32;

    fn dequantize(&self, out: &mut [f32]) {
        let (mut code, mut scale, mut min) = ([0; 256], [0.0; 8], [0.0; 8]);
        self.codes(&mut code);
        self.scales(Half::get, &mut scale, &mut min);
        for (i, o) in out[..256].iter_mut().enumerate() {
            *o = scale[i / 32] * f32::from(code[i]) + min[i / 32];
        }
    }

    fn quantize(x: &[f32]) -> Self {
        let k = fit::superblock(x, 15);
        let mut qs = [0; 128];
        for (i, q) in qs.iter_mut().enumerate() {
            let at = i / 32 * 64 + i % 32;
            *q = k.codes[at] | k.codes[at + 32] << 4;
        }
        BlockQ4K { d: k.d, dmin: k.dmin, scales: k.scales, qs }
    }

    #[inline(always)]
    fn codes(&self, code: &mut [u8]) {
        let code: &mut [u8; 256] = code.try_into().expect("256 codes");
        for (qs, code) in self.qs.as_chunks::<32>().0.iter().zip(code.as_chunks_mut::<64>().0) {
            for i in 0..32 {
                code[i] = qs[i] & 15;
                code[i + 32] = qs[i] >> 4;
            }
        }
    }

    #[inline(always)]
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]) {
        affine(widen(self.d), widen(self.dmin), &self.scales, scale, min);
    }
}

/// The 6-bit scale and minimum of group `j`.
///
/// The first four of each lie in the low 6 bits of bytes 0..4 and 4..8. The last four have their low
/// nibbles in bytes 8..12 and their upper two bits on top of bytes 0..4 and 4..8.
#[inline(always)]
pub(crate) fn scale_min(scales: &[u8; 12], j: usize) -> (u8, u8) {
    if j < 4 {
        (scales[j] & 63, scales[j + 4] & 63)
    } else {
        let low = scales[j + 4];
        (low & 15 | scales[j - 4] >> 6 << 4, low >> 4 | scales[j] >> 6 << 4)
    }
}

/// Scale and minimum of every group as floats.
#[inline(always)]
pub(super) fn affine(d: f32, dmin: f32, scales: &[u8; 12], scale: &mut [f32], min: &mut [f32]) {
    for j in 0..8 {
        let (s, m) = scale_min(scales, j);
        scale[j] = d * f32::from(s);
        min[j] = -(dmin * f32::from(m));
    }
}
