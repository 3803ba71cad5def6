//! What could this machine do at best? Measured in half a second, to compare what was reached with.
//!
//! Arithmetic: each thread repeats one instruction on 16 independent accumulators (4 tiles), so that
//! neither latency nor memory counts. Memory: each thread reads its own part of 256 MiB.

use crate::pool::Pool;
use crate::{AlignedBuf, cpu};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Best rates of all threads together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// 8-bit multiply-adds, 10⁹ a second, with the fastest instruction there is.
    pub int8_gmacs: f64,
    /// bf16 multiply-adds, 10⁹ a second, where the processor has them.
    pub bf16_gmacs: Option<f64>,
    /// f32 multiply-adds, 10⁹ a second.
    pub f32_gmacs: f64,
    /// Bytes read from memory, 10⁹ a second.
    pub memory_gbs: f64,
}

/// What an instruction multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Int8,
    #[allow(dead_code, reason = "not every architecture multiplies bf16")]
    Bf16,
    F32,
}

/// An instruction to measure.
pub(crate) struct Probe {
    pub(crate) number: Number,
    /// Repeats the instruction so many rounds; returns the multiply-adds done.
    /// To be called on processors that have the instruction.
    pub(crate) run: unsafe fn(rounds: u64) -> u64,
}

/// Measures with so many threads.
pub fn measure(threads: usize) -> std::io::Result<Limits> {
    let mut pool = Pool::new(threads)?;
    let probes = cpu::probes();
    let mut best = |number: Number| {
        let of_kind = probes.iter().filter(|p| p.number == number);
        of_kind.map(|p| multiply_adds(&mut pool, p) / 1e9).reduce(f64::max)
    };
    let (int8, bf16, f32) = (best(Number::Int8), best(Number::Bf16), best(Number::F32));
    Ok(Limits {
        int8_gmacs: int8.unwrap_or_default(),
        bf16_gmacs: bf16,
        f32_gmacs: f32.unwrap_or_default(),
        memory_gbs: bytes_read(&mut pool) / 1e9,
    })
}

/// Shortest of several runs: a busy machine only makes them longer.
fn fastest(mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..6).map(timed).min().unwrap_or_default()
}

fn multiply_adds(pool: &mut Pool, probe: &Probe) -> f64 {
    // Long enough for the system to give each thread a core of its own.
    const ROUNDS: u64 = 1_000_000;
    let done = std::sync::atomic::AtomicU64::new(0);
    let time = fastest(|| {
        done.store(0, std::sync::atomic::Ordering::Relaxed);
        pool.run(&|_| {
            // SAFETY: `cpu::probes` lists only what the processor has.
            let macs = unsafe { (probe.run)(ROUNDS) };
            done.fetch_add(macs, std::sync::atomic::Ordering::Relaxed);
        });
    });
    done.into_inner() as f64 / time.as_secs_f64()
}

fn bytes_read(pool: &mut Pool) -> f64 {
    const WORDS: usize = 32 << 20;
    let mut buffer = AlignedBuf::<u64>::zeroed(WORDS);
    buffer.fill(1); // a page that was never written is not in memory
    let part = WORDS / pool.threads();
    let time = fastest(|| {
        pool.run(&|thread| {
            let mut sums = [0u64; 16];
            for chunk in buffer[thread * part..(thread + 1) * part].as_chunks::<16>().0 {
                for (sum, word) in sums.iter_mut().zip(chunk) {
                    *sum = sum.wrapping_add(*word);
                }
            }
            black_box(sums);
        });
    });
    (part * pool.threads() * size_of::<u64>()) as f64 / time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_is_a_positive_number() {
        let limits = measure(2).unwrap();
        for rate in [limits.int8_gmacs, limits.f32_gmacs, limits.memory_gbs, limits.bf16_gmacs.unwrap_or(1.0)]
        {
            assert!(rate.is_finite() && rate > 0.0, "{limits:?}");
        }
    }
}
