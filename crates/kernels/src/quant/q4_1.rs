//! Q4_1: `w = d · q + m`, q of 4 bits.

use super::{Block, Half, fit, q4_0::nibbles};

/// 32 weights in 20 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct BlockQ4_1 {
    /// Scale.
    pub d: Half,
    /// Minimum.
    pub m: Half,
    /// Codes of weights `i` (low) and `i + 16` (high).
    pub qs: [u8; 16],
}
const _: () = assert!(size_of::<BlockQ4_1>() == 20);

impl Block for BlockQ4_1 {
    const LEN: usize = 32;
    const GROUP: usize = 32;

    fn dequantize(&self, out: &mut [f32]) {
        let (d, m) = (self.d.get(), self.m.get());
        for i in 0..16 {
            out[i] = d * f32::from(self.qs[i] & 15) + m;
            out[i + 16] = d * f32::from(self.qs[i] >> 4) + m;
        }
    }

    fn quantize(x: &[f32]) -> Self {
        let (low, high) = fit::bounds(x);
        let d = (high - low) / 15.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        let code = |v: f32| (((v - low) * inverse + 0.5) as u8).min(15);
        let qs = std::array::from_fn(|i| code(x[i]) | code(x[i + 16]) << 4);
        BlockQ4_1 { d: Half::from_f32(d), m: Half::from_f32(low), qs }
    }

    #[inline(always)]
    fn codes(&self, code: &mut [u8]) {
        nibbles(&self.qs, code);
    }

    #[inline(always)]
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]) {
        scale[0] = widen(self.d);
        min[0] = widen(self.m);
    }
}
