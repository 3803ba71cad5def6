//! Q6_K: `w = d · s · (q - 32)`, q of 6 bits, s signed 8-bit per 16 weights.

use super::{Block, Half, fit};

/// 256 weights in 210 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct BlockQ6K {
    /// Lower four bits; 64 bytes for each half of the block.
    pub ql: [u8; 128],
    /// Upper two bits; 32 bytes for each half of the block.
    pub qh: [u8; 64],
    /// Scale of each 16 weights.
    pub scales: [i8; 16],
    /// Scale of the scales.
    pub d: Half,
}
const _: () = assert!(size_of::<BlockQ6K>() == 210);

impl Block for BlockQ6K {
    const LEN: usize = 256;
    const GROUP: usize = 16;

    fn dequantize(&self, out: &mut [f32]) {
        let mut code = [0; 256];
        unpack(self, &mut code);
        let d = self.d.get();
        for (i, o) in out[..256].iter_mut().enumerate() {
            *o = d * f32::from(self.scales[i / 16]) * (f32::from(code[i]) - 32.0);
        }
    }

    fn quantize(x: &[f32]) -> Self {
        let fitted: [f32; 16] = std::array::from_fn(|g| fit::symmetric(&x[g * 16..][..16], 32));
        let d = Half::from_f32(fit::signed_largest(&fitted) / -128.0);
        let inverse = if d.get() == 0.0 { 0.0 } else { 1.0 / d.get() };
        let scales: [i8; 16] = std::array::from_fn(|g| (fitted[g] * inverse).round() as i8);
        let mut block = BlockQ6K { ql: [0; 128], qh: [0; 64], scales, d };
        for (i, &v) in x[..256].iter().enumerate() {
            let scale = d.get() * f32::from(scales[i / 16]);
            let q = if scale == 0.0 { 32 } else { ((v / scale).round().clamp(-32.0, 31.0) + 32.0) as u8 };
            let (half, quarter, l) = (i / 128, i % 128 / 32, i % 32);
            block.ql[half * 64 + quarter % 2 * 32 + l] |= (q & 15) << (quarter / 2 * 4);
            block.qh[half * 32 + l] |= q >> 4 << (quarter * 2);
        }
        block
    }

    #[inline(always)]
    fn codes(&self, code: &mut [u8]) {
        unpack(self, code.try_into().expect("256 codes"));
    }

    #[inline(always)]
    fn scales(&self, widen: impl Fn(Half) -> f32, scale: &mut [f32], min: &mut [f32]) {
        let d = widen(self.d);
        for g in 0..16 {
            scale[g] = d * f32::from(self.scales[g]);
            min[g] = -32.0 * scale[g];
        }
    }
}

#[inline(always)]
fn unpack(block: &BlockQ6K, code: &mut [u8; 256]) {
    for half in 0..2 {
        let ql: &[u8; 64] = &block.ql.as_chunks().0[half];
        let qh: &[u8; 32] = &block.qh.as_chunks().0[half];
        let code: &mut [u8; 128] = &mut code.as_chunks_mut().0[half];
        for l in 0..32 {
            code[l] = ql[l] & 15 | (qh[l] & 3) << 4;
            code[l + 32] = ql[l + 32] & 15 | (qh[l] >> 2 & 3) << 4;
            code[l + 64] = ql[l] >> 4 | (qh[l] >> 4 & 3) << 4;
            code[l + 96] = ql[l + 32] >> 4 | (qh[l] >> 6) << 4;
        }
    }
}
