//! Q4_0: `w = d · (q - 8)`, q of 4 bits.

use super::{Block, Half, fit};

/// 32 weights in 18 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct BlockQ4_0 {
    /// Scale.
    pub d: Half,
    /// Codes of weights `i` (low) and `i + 16` (high).
    pub qs: [u8; 16],
}
const _: () = assert!(size_of::<BlockQ4_0>() == 18);

impl Block for BlockQ4_0 {
    const LEN: usize = 32;
    const GROUP: usize = 32;

    fn dequantize(&self, out: &mut [f32]) {
        let d = self.d.get();
        for i in 0..16 {
            out[i] = d * (f32::from(self.qs[i] & 15) - 8.0);
            out[i + 16] = d * (f32::from(self.qs[i] >> 4) - 8.0);
        }
    }

    fn quantize(x: &[f32]) -> Self {
        let d = fit::signed_largest(x) / -8.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        let code = |v: f32| ((v * inverse + 8.5) as u8).min(15);
        let qs = std::array::from_fn(|i| code(x[i]) | code(x[i + 16]) << 4);
        BlockQ4_0 { d: Half::from_f32(d), qs }
    }

    #[inline(always)]
    fn codes(&self, code: &mut [u8]) {
        nibbles(&self.qs, code);
    }

    #[inline(always)]
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]) {
        scale[0] = widen(self.d);
        min[0] = -8.0 * scale[0];
    }
}

/// Low halves, then high halves.
#[inline(always)]
pub(super) fn nibbles(qs: &[u8; 16], code: &mut [u8]) {
    let code: &mut [u8; 32] = code.try_into().expect("32 codes");
    for i in 0..16 {
        code[i] = qs[i] & 15;
        code[i + 16] = qs[i] >> 4;
    }
}
