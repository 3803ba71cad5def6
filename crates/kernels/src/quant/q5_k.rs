//! Q5_K: `w = d · s · q - dmin · m`, q of 5 bits, s and m of 6 bits per 32 weights.

use super::{Block, Half, fit, q4_k::affine};

/// 256 weights in 176 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct BlockQ5K {
    /// Scale of the scales.
    pub d: Half,
    /// Scale of the minima.
    pub dmin: Half,
    /// Eight 6-bit scales and eight 6-bit minima, packed as in Q4_K.
    pub scales: [u8; 12],
    /// Fifth bits: bit `g` of byte `i` belongs to weight `i` of group `g`.
    pub qh: [u8; 32],
    /// 32 bytes a pair of groups: low halves are the first group.
    pub qs: [u8; 128],
}
const _: () = assert!(size_of::<BlockQ5K>() == 176);

impl Block for BlockQ5K {
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
        let k = fit::superblock(x, 31);
        let (mut qh, mut qs) = ([0; 32], [0; 128]);
        for (i, q) in qs.iter_mut().enumerate() {
            let at = i / 32 * 64 + i % 32;
            let (a, b) = (k.codes[at], k.codes[at + 32]);
            *q = a & 15 | (b & 15) << 4;
            qh[i % 32] |= (a >> 4 | b >> 4 << 1) << (i / 32 * 2);
        }
        BlockQ5K { d: k.d, dmin: k.dmin, scales: k.scales, qh, qs }
    }

    #[inline(always)]
    fn codes(&self, code: &mut [u8]) {
        let code: &mut [u8; 256] = code.try_into().expect("256 codes");
        let pairs = self.qs.as_chunks::<32>().0.iter().zip(code.as_chunks_mut::<64>().0);
        for (pair, (qs, code)) in pairs.enumerate() {
            for i in 0..32 {
                let high = self.qh[i] >> (2 * pair);
                code[i] = qs[i] & 15 | (high & 1) << 4;
                code[i + 32] = qs[i] >> 4 | (high & 2) << 3;
            }
        }
    }

    #[inline(always)]
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]) {
        affine(widen(self.d), widen(self.dmin), &self.scales, scale, min);
    }
}
