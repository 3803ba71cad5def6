//! Instructions to measure this processor with.

use super::tile::Tiles;
use crate::detect::Isa;
use crate::limits::{Number, Probe};
use std::arch::x86_64::*;
use std::arch::{asm, is_x86_feature_detected};
use std::hint::black_box;

/// Those that the processor has.
pub(in crate::cpu) fn probes() -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut add = |available: bool, number, run| {
        if available {
            probes.push(Probe { number, run });
        }
    };
    let (avx2, avx512, amx) = (Isa::Avx2, Isa::Avx512, Isa::Amx);
    add(avx2.is_available(), Number::Int8, maddubs);
    add(avx2.is_available(), Number::F32, fma256);
    add(avx512.is_available(), Number::Int8, dpbusd);
    add(avx512.is_available(), Number::F32, fma512);
    add(avx512.is_available() && is_x86_feature_detected!("avx512bf16"), Number::Bf16, dpbf16);
    add(amx.is_available(), Number::Int8, tdpbusd);
    add(amx.is_available(), Number::Bf16, tdpbf16);
    probes
}

/// A function that repeats `$step` on 16 accumulators of zeros; each step does `$macs` multiply-adds.
macro_rules! probe {
    ($name:ident, $features:literal, $zero:expr, $macs:literal, |$acc:ident, $x:ident| $step:expr) => {
        #[target_feature(enable = $features)]
        fn $name(rounds: u64) -> u64 {
            let mut sums = [$zero; 16];
            let $x = black_box($zero);
            for _ in 0..rounds {
                for sum in &mut sums {
                    let $acc = *sum;
                    *sum = $step;
                }
            }
            black_box(sums);
            rounds * 16 * $macs
        }
    };
}

probe!(maddubs, "avx2", _mm256_setzero_si256(), 32, |acc, x| {
    // Two of the instruction and an addition; the result goes in, so that nothing can be left out.
    _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(acc, x), x))
});
probe!(fma256, "avx2,fma", _mm256_setzero_ps(), 8, |acc, x| _mm256_fmadd_ps(x, x, acc));
probe!(fma512, "avx512f", _mm512_setzero_ps(), 16, |acc, x| _mm512_fmadd_ps(x, x, acc));
probe!(dpbusd, "avx512f,avx512vnni", _mm512_setzero_si512(), 64, |acc, x| _mm512_dpbusd_epi32(acc, x, x));
probe!(dpbf16, "avx512f,avx512bf16", _mm512_setzero_ps(), 32, |acc, x| {
    // SAFETY: both are 512 bits, and any bits are bf16 numbers.
    let x = unsafe { std::mem::transmute::<__m512, __m512bh>(x) };
    _mm512_dpbf16_ps(acc, x, x)
});

/// Repeats one tile instruction on four tiles of sums; operands are tiles 4 and 5.
macro_rules! tile_probe {
    ($name:ident, $instruction:literal, $depth:literal) => {
        unsafe fn $name(rounds: u64) -> u64 {
            // SAFETY: the caller has AMX, whose tiles `configure` sets up; only tile registers change.
            unsafe {
                let tiles = Tiles::configure();
                asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3");
                asm!("tilezero tmm4", "tilezero tmm5");
                for _ in 0..rounds / 16 {
                    asm!(
                        concat!($instruction, " tmm0, tmm4, tmm5"),
                        concat!($instruction, " tmm1, tmm4, tmm5"),
                        concat!($instruction, " tmm2, tmm4, tmm5"),
                        concat!($instruction, " tmm3, tmm4, tmm5"),
                        options(nomem, nostack, preserves_flags)
                    );
                }
                drop(tiles);
            }
            rounds / 16 * 4 * 16 * 16 * $depth
        }
    };
}

tile_probe!(tdpbusd, "tdpbusd", 64);
tile_probe!(tdpbf16, "tdpbf16ps", 32);
