//! Q8_0: `w = d · q`, q signed 8-bit.

use super::{Block, Half};

/// 32 weights in 34 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct BlockQ8_0 {
    /// Scale.
    pub d: Half,
    /// Codes.
    pub qs: [i8; 32],
}
const _: () = assert!(size_of::<BlockQ8_0>() == 34);

impl Block for BlockQ8_0 {
    const LEN: usize = 32;
    const GROUP: usize = 32;

    fn dequantize(&self, out: &mut [f32]) {
        let d = self.d.get();
        for (o, q) in out.iter_mut().zip(self.qs) {
            *o = d * f32::from(q);
        }
    }

    fn quantize(x: &[f32]) -> Self {
        let largest = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let d = largest / 127.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        let qs = std::array::from_fn(|i| (x[i] * inverse).round() as i8);
        BlockQ8_0 { d: Half::from_f32(d), qs }
    }

    #[inline(always)]
    fn codes(&self, code: &mut [u8]) {
        let code: &mut [u8; 32] = code.try_into().expect("32 codes");
        for i in 0..32 {
            code[i] = self.qs[i] as u8 ^ 0x80;
        }
    }

    #[inline(always)]
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]) {
        scale[0] = widen(self.d);
        min[0] = -128.0 * scale[0];
    }
}
