//! Kernels in plain Rust.
//!
//! The bodies are `inline(always)`: inside a function compiled for an instruction set they become code for
//! that set, so AVX2 or NEON tables take over those that the compiler vectorises well. `FMA` says whether
//! a fused multiply-add is one instruction there.

use super::activations::{GROUP, QuantRow, QuantRows};
use super::kernels::{Gemm, Kernels, Softmax};
use super::panel::{Panel, Rows, STRIP, StripMut};
use crate::detect::Isa;
use crate::limits::{Number, Probe};
use crate::quant::{Block, Half, bf16_to_f32, f16_to_f32, with_block};
use crate::{Format, KV_BLOCK, KvFormat, Norm, Pairing, Tensor, quant};

pub(crate) use super::portable_encoder::*;
pub(crate) use super::portable_gradients::*;

pub(crate) static KERNELS: Kernels = Kernels {
    isa: Isa::Portable,
    names: |_| ["portable-gemv", "portable-gemm"],
    norm,
    norm_backward: norm_backward::<false>,
    dot: dot::<false>,
    quantize,
    quantize_few: quantize,
    unpack,
    gemm,
    gemv,
    unpack_floats,
    dequantize,
    gemv_floats: gemv_floats::<false>,
    gemm_floats: gemm_floats::<false>,
    bf16: || None,
    silu_mul: silu_mul::<false>,
    silu_grad: silu_grad::<false>,
    layer_norm: layer_norm::<false>,
    gelu: gelu::<false>,
    narrow_half,
    widen_half,
    cross_entropy: cross_entropy::<false>,
    rotate,
    widen,
    narrow,
    turn,
    dots: dots::<false>,
    softmax: softmax::<false>,
    max_row,
    exp_row: exp_row::<false>,
    score_grad,
};

/// What plain Rust reaches, for processors that nothing else is written for.
pub(crate) fn probes() -> Vec<Probe> {
    vec![Probe { number: Number::Int8, run: probe_int8 }, Probe { number: Number::F32, run: probe_f32 }]
}

fn probe_int8(rounds: u64) -> u64 {
    let (mut sums, x) = ([0i16; 64], std::hint::black_box([0i16; 64]));
    for _ in 0..rounds {
        for i in 0..64 {
            sums[i] = sums[i].wrapping_add(sums[i].wrapping_mul(x[i]));
        }
    }
    std::hint::black_box(sums);
    rounds * 64
}

fn probe_f32(rounds: u64) -> u64 {
    let (mut sums, x) = ([0f32; 32], std::hint::black_box([0f32; 32]));
    for _ in 0..rounds {
        for i in 0..32 {
            sums[i] += x[i] * x[i];
        }
    }
    std::hint::black_box(sums);
    rounds * 32
}

/// `a · b + c`.
#[inline(always)]
pub(crate) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `Σ a · b` in 16 interleaved sums.
#[inline(always)]
pub(crate) fn dot<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (a16, a_rest) = a.as_chunks::<16>();
    let (b16, b_rest) = b.as_chunks::<16>();
    for (a, b) in a16.iter().zip(b16) {
        for i in 0..16 {
            sums[i] = fma::<FMA>(a[i], b[i], sums[i]);
        }
    }
    for (i, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[i] = fma::<FMA>(a, b, sums[i]);
    }
    sum16(sums)
}

/// The sum of 16 lanes, in halves.
#[inline(always)]
pub(crate) fn sum16(mut x: [f32; 16]) -> f32 {
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            x[i] += x[i + width];
        }
    }
    x[0]
}

/// `e^x` for `x ≤ 0` to within 2 units in the last place; 0 below -87.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves an integer in the low bits
    let clamped = if x > -87.0 { x } else { -87.0 };
    let shifted = fma::<FMA>(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts keeps the remainder exact (Cody and Waite).
    let r = fma::<FMA>(n, -0.693_359_4, clamped);
    let r = fma::<FMA>(n, 2.121_944_4e-4, r);
    // Minimax polynomial for e^r on [-ln 2 / 2, ln 2 / 2] (Cephes expf).
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = fma::<FMA>(p, r, c);
    }
    let p = fma::<FMA>(p * r, r, r) + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x > -87.0 { p * power } else { 0.0 }
}

#[inline(always)]
pub(crate) fn norm(x: &[f32], norm: &Norm<'_>, out: &mut [f32]) {
    let mean_square = dot::<false>(x, x) / x.len() as f32;
    let inverse = 1.0 / (mean_square + norm.eps).sqrt();
    for ((o, &v), &w) in out.iter_mut().zip(x).zip(norm.weight) {
        *o = v * inverse * w;
    }
}

#[inline(always)]
pub(crate) fn quantize(x: &[f32], out: QuantRow<'_>) {
    const ROUND: f32 = 12_582_912.0; // rounds to the nearest integer, ties to even
    let groups = x.as_chunks::<GROUP>().0.iter().zip(out.q.as_chunks_mut::<GROUP>().0);
    for (g, (x, q)) in groups.enumerate() {
        let mut lanes = [0.0f32; 16];
        for i in 0..16 {
            let (a, b) = (x[i].abs(), x[i + 16].abs());
            lanes[i] = if a > b { a } else { b };
        }
        let mut largest = 0.0f32;
        for lane in lanes {
            largest = if lane > largest { lane } else { largest };
        }
        let scale = largest / 127.0;
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut sums = [0i32; 2];
        for (half, sum) in sums.iter_mut().enumerate() {
            for i in half * 16..half * 16 + 16 {
                let code = (x[i] * inverse + ROUND).to_bits() as i8;
                q[i] = code;
                *sum += i32::from(code);
            }
        }
        out.scale[g] = scale;
        out.sum32[g] = scale * (sums[0] + sums[1]) as f32;
        out.sum16[2 * g] = scale * sums[0] as f32;
        out.sum16[2 * g + 1] = scale * sums[1] as f32;
    }
}

#[inline(always)]
pub(crate) fn unpack(format: Format, rows: Rows<'_>, strip: StripMut<'_>) {
    with_block!(format, B => unpack_blocks::<B>(rows, strip), float => unreachable!("float weights have no codes"))
}

#[inline(always)]
fn unpack_blocks<B: Block>(rows: Rows<'_>, strip: StripMut<'_>) {
    let (mut code, mut scale, mut min) = ([0u8; 256], [0.0f32; 16], [0.0f32; 16]);
    let groups = B::LEN / B::GROUP;
    let (scales, mins) = (strip.scale.as_chunks_mut::<STRIP>().0, strip.min.as_chunks_mut::<STRIP>().0);
    let quads: &mut [[[u8; 4]; STRIP]] = strip.codes.as_chunks_mut::<4>().0.as_chunks_mut().0;
    for r in 0..rows.count {
        let blocks: &[B] = bytemuck::cast_slice(rows.row(r));
        for (b, block) in blocks.iter().enumerate() {
            block.codes(&mut code[..B::LEN]);
            block.scales(Half::get, &mut scale[..groups], &mut min[..groups]);
            let quads = &mut quads[b * B::LEN / 4..][..B::LEN / 4];
            for (to, from) in quads.iter_mut().zip(code.as_chunks::<4>().0) {
                to[r] = *from;
            }
            for g in 0..groups {
                scales[b * groups + g][r] = scale[g];
                mins[b * groups + g][r] = min[g];
            }
        }
    }
}

#[inline(always)]
pub(crate) fn gemm(panel: &Panel, x: &QuantRows, acc: &mut [f32]) {
    let per_group = panel.group / 4;
    for t in 0..x.rows {
        let (q, dx, sums) = (x.q(t).as_chunks::<4>().0, x.scale(t), x.sum(t, panel.group));
        for s in 0..panel.strips {
            let codes: &[[[u8; 4]; STRIP]] = panel.codes(s).as_chunks::<4>().0.as_chunks().0;
            let (scale, min) = (panel.scale(s).as_chunks::<STRIP>().0, panel.min(s).as_chunks::<STRIP>().0);
            let mut y = [0.0f32; STRIP];
            for g in 0..sums.len() {
                let mut dots = [0i32; STRIP];
                for k in g * per_group..(g + 1) * per_group {
                    for r in 0..STRIP {
                        for b in 0..4 {
                            dots[r] += i32::from(codes[k][r][b]) * i32::from(q[k][b]);
                        }
                    }
                }
                let dx = dx[g * panel.group / GROUP];
                for r in 0..STRIP {
                    y[r] += scale[g][r] * dx * dots[r] as f32 + min[g][r] * sums[g];
                }
            }
            acc[(t * panel.strips + s) * STRIP..][..STRIP].copy_from_slice(&y);
        }
    }
}

#[inline(always)]
pub(crate) fn gemv(format: Format, rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    with_block!(format, B => gemv_blocks::<B>(rows, x, acc), float => unreachable!("float weights have no codes"))
}

#[inline(always)]
fn gemv_blocks<B: Block>(rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    let (mut code, mut scale, mut min) = ([0u8; 256], [0.0f32; 16], [0.0f32; 16]);
    let groups = B::LEN / B::GROUP;
    for r in 0..rows.count {
        let blocks: &[B] = bytemuck::cast_slice(rows.row(r));
        let mut y = [0.0f32; super::FEW_ROWS];
        for (b, block) in blocks.iter().enumerate() {
            block.codes(&mut code[..B::LEN]);
            block.scales(Half::get, &mut scale[..groups], &mut min[..groups]);
            for (t, y) in y[..x.rows].iter_mut().enumerate() {
                let q = &x.q(t)[b * B::LEN..][..B::LEN];
                let (dx, sums) = (x.scale(t), &x.sum(t, B::GROUP)[b * groups..][..groups]);
                for g in 0..groups {
                    let span = g * B::GROUP..(g + 1) * B::GROUP;
                    let pairs = code[span.clone()].iter().zip(&q[span]);
                    let dot: i32 = pairs.map(|(&c, &q)| i32::from(c) * i32::from(q)).sum();
                    let dx = dx[(b * B::LEN + g * B::GROUP) / GROUP];
                    *y += scale[g] * dx * dot as f32 + min[g] * sums[g];
                }
            }
        }
        for t in 0..x.rows {
            acc[t * rows.count + r] = y[t];
        }
    }
}

/// Calls a function that is generic over the bytes of a float with the way to read one.
macro_rules! with_floats {
    ($format:expr, $function:ident[$($generic:tt),*]($($arg:expr),*)) => {
        match $format {
            Format::F32 => $function::<$($generic,)* 4>($($arg,)* f32::from_le_bytes),
            Format::F16 => $function::<$($generic,)* 2>($($arg,)* |b| f16_to_f32(u16::from_le_bytes(b))),
            Format::Bf16 => $function::<$($generic,)* 2>($($arg,)* |b| bf16_to_f32(u16::from_le_bytes(b))),
            _ => unreachable!("not a float format"),
        }
    };
}

#[inline(always)]
pub(crate) fn unpack_floats(format: Format, rows: Rows<'_>, stride: usize, out: &mut [f32]) {
    with_floats!(format, unpack_rows[](rows, stride, out))
}

#[inline(always)]
fn unpack_rows<const N: usize>(
    rows: Rows<'_>,
    stride: usize,
    out: &mut [f32],
    read: impl Fn([u8; N]) -> f32,
) {
    // A few columns of all rows at a time, so that the lines written to stay in the nearest cache.
    for (c, out) in out.chunks_mut(16 * stride).enumerate() {
        for r in 0..rows.count {
            let weights = &rows.row(r).as_chunks::<N>().0[16 * c..];
            for (w, out) in weights.iter().zip(out[r..].iter_mut().step_by(stride)) {
                *out = read(*w);
            }
        }
    }
}

#[inline(always)]
pub(crate) fn gemv_floats<const FMA: bool>(format: Format, rows: Rows<'_>, x: &Tensor, acc: &mut [f32]) {
    match x.rows() {
        1 => with_floats!(format, dot_rows[FMA, 1](rows, x, acc)),
        2 => with_floats!(format, dot_rows[FMA, 2](rows, x, acc)),
        3 => with_floats!(format, dot_rows[FMA, 3](rows, x, acc)),
        4 => with_floats!(format, dot_rows[FMA, 4](rows, x, acc)),
        5 => with_floats!(format, dot_rows[FMA, 5](rows, x, acc)),
        6 => with_floats!(format, dot_rows[FMA, 6](rows, x, acc)),
        7 => with_floats!(format, dot_rows[FMA, 7](rows, x, acc)),
        8 => with_floats!(format, dot_rows[FMA, 8](rows, x, acc)),
        n => unreachable!("{n} rows are not few"),
    }
}

#[inline(always)]
fn dot_rows<const FMA: bool, const T: usize, const N: usize>(
    rows: Rows<'_>,
    x: &Tensor,
    acc: &mut [f32],
    read: impl Fn([u8; N]) -> f32,
) {
    let x: [_; T] = std::array::from_fn(|t| x.row(t).as_chunks::<16>());
    for r in 0..rows.count {
        let (whole, rest) = rows.row(r).as_chunks::<N>().0.as_chunks::<16>();
        let mut sums = [[0.0f32; 16]; T];
        for (c, w) in whole.iter().enumerate() {
            let mut wide = [0.0f32; 16];
            for i in 0..16 {
                wide[i] = read(w[i]);
            }
            for t in 0..T {
                let x = &x[t].0[c];
                for i in 0..16 {
                    sums[t][i] = fma::<FMA>(x[i], wide[i], sums[t][i]);
                }
            }
        }
        for (i, w) in rest.iter().enumerate() {
            for t in 0..T {
                sums[t][i] = fma::<FMA>(x[t].1[i], read(*w), sums[t][i]);
            }
        }
        for t in 0..T {
            acc[t * rows.count + r] = sum16(sums[t]);
        }
    }
}

#[inline(always)]
pub(crate) fn gemm_floats<const FMA: bool>(shape: Gemm, a: &[f32], b: &[f32], c: &mut [f32]) {
    let whole = shape.n / 16 * 16;
    for n in (0..whole).step_by(16) {
        let mut m = 0;
        while m + 4 <= shape.m {
            tile::<FMA, 4>(shape, m, n, a, b, c);
            m += 4;
        }
        while m < shape.m {
            tile::<FMA, 1>(shape, m, n, a, b, c);
            m += 1;
        }
    }
    for m in 0..shape.m {
        for n in whole..shape.n {
            let sum = &mut c[m * shape.c_stride + n];
            for k in 0..shape.k {
                *sum = fma::<FMA>(a[m * shape.a_stride + k], b[k * shape.b_stride + n], *sum);
            }
        }
    }
}

/// Rows `m .. m + M`, columns `n .. n + 16`: as many sums as most processors have registers for.
#[inline(always)]
fn tile<const FMA: bool, const M: usize>(
    shape: Gemm,
    m: usize,
    n: usize,
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
) {
    let Gemm { k, a_stride, b_stride, c_stride, .. } = shape;
    let a: [&[f32]; M] = std::array::from_fn(|i| &a[(m + i) * a_stride..][..k]);
    let mut sums = [[0.0f32; 16]; M];
    for (i, sums) in sums.iter_mut().enumerate() {
        sums.copy_from_slice(&c[(m + i) * c_stride + n..][..16]);
    }
    for k in 0..k {
        let b: &[f32; 16] = b[k * b_stride + n..][..16].try_into().expect("16 floats");
        for i in 0..M {
            let a = a[i][k];
            for j in 0..16 {
                sums[i][j] = fma::<FMA>(a, b[j], sums[i][j]);
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        c[(m + i) * c_stride + n..][..16].copy_from_slice(sums);
    }
}

#[inline(always)]
pub(crate) fn silu_mul<const FMA: bool>(gate: &mut [f32], up: &[f32]) {
    for (g, &u) in gate.iter_mut().zip(up) {
        // silu(z) = z · e / (1 + e) or z / (1 + e) with e = exp(-|z|), which cannot overflow.
        let e = exp::<FMA>(-g.abs());
        let numerator = if *g < 0.0 { e } else { 1.0 };
        *g = *g * numerator / (1.0 + e) * u;
    }
}

#[inline(always)]
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: Pairing) {
    let turns = cos.iter().zip(sin);
    match pairing {
        Pairing::Interleaved => {
            for ([x, y], (&c, &s)) in head.as_chunks_mut().0.iter_mut().zip(turns) {
                (*x, *y) = (*x * c - *y * s, *x * s + *y * c);
            }
        }
        Pairing::Halves => {
            let (xs, ys) = head.split_at_mut(cos.len());
            for ((x, y), (&c, &s)) in xs.iter_mut().zip(ys).zip(turns) {
                (*x, *y) = (*x * c - *y * s, *x * s + *y * c);
            }
        }
    }
}

#[inline(always)]
pub(crate) fn widen(format: KvFormat, bytes: &[u8], out: &mut [f32]) {
    match format {
        KvFormat::F32 => {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *o = f32::from_le_bytes(*b);
            }
        }
        KvFormat::F16 => {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *o = f16_to_f32(u16::from_le_bytes(*b));
            }
        }
        KvFormat::Q8_0 => {
            let blocks: &[quant::BlockQ8_0] = bytemuck::cast_slice(bytes);
            for (block, out) in blocks.iter().zip(out.as_chunks_mut::<32>().0) {
                let d = block.d.get();
                for i in 0..32 {
                    out[i] = d * f32::from(block.qs[i]);
                }
            }
        }
    }
}

#[inline(always)]
pub(crate) fn narrow(format: KvFormat, x: &[f32], bytes: &mut [u8]) {
    quant::quantize_row(format.row_format(), x, bytes);
}

#[inline(always)]
pub(crate) fn turn(dim: usize, k: &[f32], out: &mut [f32]) {
    for (p, key) in k.chunks_exact(dim).enumerate() {
        key.iter().zip(out.iter_mut().skip(p).step_by(KV_BLOCK)).for_each(|(&x, out)| *out = x);
    }
}

#[inline(always)]
pub(crate) fn dots<const FMA: bool>(dim: usize, q: &[f32], k: &[f32], s: &mut [f32]) {
    for (q, s) in q.chunks_exact(dim).zip(s.chunks_exact_mut(crate::KV_BLOCK)) {
        for (k, s) in k.chunks_exact(dim).zip(s) {
            *s = dot::<FMA>(q, k);
        }
    }
}

/// Turns scores into `exp(scale · s - max)`, with `max` over this and all earlier blocks, adds them to
/// `state.sum`, and returns the factor by which everything summed before has to shrink.
#[inline(always)]
pub(crate) fn softmax<const FMA: bool>(s: &mut [f32], scale: f32, state: &mut Softmax) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = s.as_chunks_mut::<16>();
    for chunk in chunks.iter_mut() {
        for i in 0..16 {
            chunk[i] *= scale;
            lanes[i] = if chunk[i] > lanes[i] { chunk[i] } else { lanes[i] };
        }
    }
    for (i, v) in rest.iter_mut().enumerate() {
        *v *= scale;
        lanes[i] = if *v > lanes[i] { *v } else { lanes[i] };
    }
    let max = lanes.into_iter().fold(state.max, |a, b| if b > a { b } else { a });
    if max == f32::NEG_INFINITY {
        s.fill(0.0);
        return 1.0;
    }
    let mut sums = [0.0f32; 16];
    for chunk in chunks {
        for i in 0..16 {
            chunk[i] = exp::<FMA>(chunk[i] - max);
            sums[i] += chunk[i];
        }
    }
    for (i, v) in rest.iter_mut().enumerate() {
        *v = exp::<FMA>(*v - max);
        sums[i] += *v;
    }
    let shrink = exp::<FMA>(state.max - max);
    *state = Softmax { max, sum: fma::<FMA>(state.sum, shrink, sum16(sums)) };
    shrink
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_near_the_exact_value() {
        let mut worst = 0.0f64;
        for i in 0..2_000_000 {
            let x = -87.0 * (i as f32 / 2_000_000.0);
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp::<false>(x)) - exact).abs() / exact);
        }
        assert!(worst < 2.5e-7, "{worst}");
        assert_eq!(exp::<false>(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp::<false>(0.0), 1.0);
    }
}
