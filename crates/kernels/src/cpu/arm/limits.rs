//! Instructions to measure this processor with.

use crate::detect::Isa;
use crate::limits::{Number, Probe};
use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};
use std::hint::black_box;

/// Those that the processor has.
pub(in crate::cpu) fn probes() -> Vec<Probe> {
    let mut probes =
        vec![Probe { number: Number::F32, run: fmla }, Probe { number: Number::Int8, run: smlal }];
    if Isa::Dotprod.is_available() {
        probes.push(Probe { number: Number::Int8, run: sdot });
    }
    if Isa::I8mm.is_available() {
        probes.push(Probe { number: Number::Int8, run: smmla });
    }
    if is_aarch64_feature_detected!("bf16") {
        probes.push(Probe { number: Number::Bf16, run: bfmmla });
    }
    probes
}

/// A function that repeats an instruction on 16 accumulators of zeros; each does `$macs` multiply-adds.
macro_rules! probe {
    ($name:ident, $features:literal, $macs:literal, $instruction:literal) => {
        #[target_feature(enable = $features)]
        fn $name(rounds: u64) -> u64 {
            let mut sums = [vdupq_n_u8(0); 16];
            let x = black_box(vdupq_n_u8(0));
            for _ in 0..rounds {
                for sum in &mut sums {
                    // SAFETY: this function has the instruction; registers only.
                    unsafe {
                        asm!(
                            $instruction,
                            inout(vreg) *sum, in(vreg) x,
                            options(pure, nomem, nostack, preserves_flags)
                        );
                    }
                }
            }
            black_box(sums);
            rounds * 16 * $macs
        }
    };
}

probe!(fmla, "neon", 4, "fmla {0:v}.4s, {1:v}.4s, {1:v}.4s");
probe!(smlal, "neon", 8, "smlal {0:v}.8h, {1:v}.8b, {1:v}.8b");
probe!(sdot, "neon,dotprod", 16, "sdot {0:v}.4s, {1:v}.16b, {1:v}.16b");
probe!(smmla, "neon,i8mm", 32, "smmla {0:v}.4s, {1:v}.16b, {1:v}.16b");
probe!(bfmmla, "neon,bf16", 16, "bfmmla {0:v}.4s, {1:v}.8h, {1:v}.8h");
