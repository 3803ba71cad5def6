//! Half-precision numbers: as a scale inside a block, and as whole rows.

/// An f16 stored without alignment, so that a block can be read at any address.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Half(pub [u8; 2]);

impl Half {
    /// The value.
    #[inline(always)]
    pub fn get(self) -> f32 {
        f16_to_f32(u16::from_le_bytes(self.0))
    }

    /// The nearest f16.
    pub fn from_f32(x: f32) -> Self {
        Half(half::f16::from_f32(x).to_le_bytes())
    }
}

/// Widens an f16, without a branch so that loops over it vectorise.
#[inline(always)]
pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    const TWO_POW_112: f32 = f32::from_bits(0x7780_0000);
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    // The exponent is off by 127 - 15; multiplying repairs it, for subnormal numbers too.
    let finite = (f32::from_bits(magnitude) * TWO_POW_112).to_bits();
    let special = magnitude | 0x7f80_0000;
    f32::from_bits(sign | if bits & 0x7c00 == 0x7c00 { special } else { finite })
}

/// Widens a bf16.
#[inline(always)]
pub(crate) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Reads numbers of `N` bytes.
pub(super) fn decode<const N: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; N]) -> f32) {
    for (b, o) in bytes.as_chunks::<N>().0.iter().zip(out) {
        *o = read(*b);
    }
}

/// Writes numbers of `N` bytes.
pub(super) fn encode<const N: usize>(x: &[f32], bytes: &mut [u8], write: impl Fn(f32) -> [u8; N]) {
    for (b, &x) in bytes.as_chunks_mut::<N>().0.iter_mut().zip(x) {
        *b = write(x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_widens_as_the_half_crate_says() {
        for bits in 0..=u16::MAX {
            let (a, b) = (f16_to_f32(bits), half::f16::from_bits(bits).to_f32());
            assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "{bits:#x}: {a} {b}");
        }
    }
}
