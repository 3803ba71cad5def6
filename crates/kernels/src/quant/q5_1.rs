//! Q5_1: `w = d · q + m`, q of 5 bits.

use super::{
    Block, Half, fit,
    q5_0::{five_bits, pack_five_bits},
};

/// 32 weights in 24 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct BlockQ5_1 {
    /// Scale.
    pub d: Half,
    /// Minimum.
    pub m: Half,
    /// Fifth bits: bit `i` belongs to weight `i`.
    pub qh: [u8; 4],
    /// Lower bits of weights `i` (low) and `i + 16` (high).
    pub qs: [u8; 16],
}
const _: () = assert!(size_of::<BlockQ5_1>() == 24);

impl Block for BlockQ5_1 {
    const LEN: usize = 32;
    const GROUP: usize = 32;

    fn dequantize(&self, out: &mut [f32]) {
        let (d, m) = (self.d.get(), self.m.get());
        let mut code = [0; 32];
        five_bits(&self.qh, &self.qs, &mut code);
        for (o, q) in out.iter_mut().zip(code) {
            *o = d * f32::from(q) + m;
        }
    }

    fn quantize(x: &[f32]) -> Self {
        let (low, high) = fit::bounds(x);
        let d = (high - low) / 31.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        let (qh, qs) = pack_five_bits(|i| (((x[i] - low) * inverse + 0.5) as u8).min(31));
        BlockQ5_1 { d: Half::from_f32(d), m: Half::from_f32(low), qh, qs }
    }

    #[inline(always)]
    fn codes(&self, code: &mut [u8]) {
        five_bits(&self.qh, &self.qs, code);
    }

    #[inline(always)]
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]) {
        scale[0] = widen(self.d);
        min[0] = widen(self.m);
    }
}
