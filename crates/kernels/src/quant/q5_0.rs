//! Q5_0: `w = d · (q - 16)`, q of 5 bits.

use super::{Block, Half, fit};

/// 32 weights in 22 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct BlockQ5_0 {
    /// Scale.
    pub d: Half,
    /// Fifth bits: bit `i` belongs to weight `i`.
    pub qh: [u8; 4],
    /// Lower bits of weights `i` (low) and `i + 16` (high).
    pub qs: [u8; 16],
}
const _: () = assert!(size_of::<BlockQ5_0>() == 22);

impl Block for BlockQ5_0 {
    const LEN: usize = 32;
    const GROUP: usize = 32;

    fn dequantize(&self, out: &mut [f32]) {
        let d = self.d.get();
        let mut code = [0; 32];
        five_bits(&self.qh, &self.qs, &mut code);
        for (o, q) in out.iter_mut().zip(code) {
            *o = d * (f32::from(q) - 16.0);
        }
    }

    fn quantize(x: &[f32]) -> Self {
        let d = fit::signed_largest(x) / -16.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        let (qh, qs) = pack_five_bits(|i| ((x[i] * inverse + 16.5) as u8).min(31));
        BlockQ5_0 { d: Half::from_f32(d), qh, qs }
    }

    #[inline(always)]
    fn codes(&self, code: &mut [u8]) {
        five_bits(&self.qh, &self.qs, code);
    }

    #[inline(always)]
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]) {
        scale[0] = widen(self.d);
        min[0] = -16.0 * scale[0];
    }
}

#[inline(always)]
pub(super) fn five_bits(qh: &[u8; 4], qs: &[u8; 16], code: &mut [u8]) {
    let code: &mut [u8; 32] = code.try_into().expect("32 codes");
    let qh = u32::from_le_bytes(*qh);
    for i in 0..16 {
        code[i] = (qs[i] & 15) | ((qh >> i & 1) << 4) as u8;
        code[i + 16] = (qs[i] >> 4) | ((qh >> (i + 16) & 1) << 4) as u8;
    }
}

pub(super) fn pack_five_bits(code: impl Fn(usize) -> u8) -> ([u8; 4], [u8; 16]) {
    let qh = (0..32).fold(0u32, |bits, i| bits | u32::from(code(i) >> 4) << i);
    let qs = std::array::from_fn(|i| (code(i) & 15) | (code(i + 16) & 15) << 4);
    (qh.to_le_bytes(), qs)
}
