//! Small pieces that the AVX-512 kernels share.

use std::arch::x86_64::*;

/// `m[i]` lane `j` becomes `m[j]` lane `i`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn transpose(m: &mut [__m512; 16]) {
    let pd = _mm512_castps_pd;
    let ps = _mm512_castpd_ps;
    // Pairs of rows, then fours, inside each 128-bit lane.
    let mut fours = [_mm512_setzero_ps(); 16];
    for i in 0..4 {
        let (a, b, c, d) = (m[4 * i], m[4 * i + 1], m[4 * i + 2], m[4 * i + 3]);
        let (ab_low, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        fours[4 * i] = ps(_mm512_unpacklo_pd(pd(ab_low), pd(cd_low)));
        fours[4 * i + 1] = ps(_mm512_unpackhi_pd(pd(ab_low), pd(cd_low)));
        fours[4 * i + 2] = ps(_mm512_unpacklo_pd(pd(ab_high), pd(cd_high)));
        fours[4 * i + 3] = ps(_mm512_unpackhi_pd(pd(ab_high), pd(cd_high)));
    }
    // Lane l of fours[4i + c] holds column 4l + c of rows 4i .. 4i + 4: exchange lanes between the i.
    for c in 0..4 {
        let (a, b, d, e) = (fours[c], fours[4 + c], fours[8 + c], fours[12 + c]);
        let (ab_even, ab_odd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
        let (de_even, de_odd) = (_mm512_shuffle_f32x4::<0x88>(d, e), _mm512_shuffle_f32x4::<0xdd>(d, e));
        m[c] = _mm512_shuffle_f32x4::<0x88>(ab_even, de_even);
        m[4 + c] = _mm512_shuffle_f32x4::<0x88>(ab_odd, de_odd);
        m[8 + c] = _mm512_shuffle_f32x4::<0xdd>(ab_even, de_even);
        m[12 + c] = _mm512_shuffle_f32x4::<0xdd>(ab_odd, de_odd);
    }
}

/// Sum of the lanes, in a fixed order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn sum(v: __m512) -> f32 {
    _mm512_reduce_add_ps(v)
}

/// `1 / sqrt(mean(row²) + eps)`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn rms_scale(row: &[f32], eps: f32) -> f32 {
    let mut squares = _mm512_setzero_ps();
    let chunks = row.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|v| v * v).sum();
    for chunk in chunks {
        // SAFETY: a chunk has 16 numbers.
        let v = unsafe { _mm512_loadu_ps(chunk.as_ptr()) };
        squares = _mm512_fmadd_ps(v, v, squares);
    }
    1.0 / ((sum(squares) + rest) / row.len() as f32 + eps).sqrt()
}

/// `e^x`, within 2 units in the last place over the range that does not overflow.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn exp(x: __m512) -> __m512 {
    // x = n ln 2 + r with |r| <= ln 2 / 2, then a polynomial of e^r and an exact scaling by 2^n.
    let x = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(89.0)), _mm512_set1_ps(-104.0));
    let n = _mm512_roundscale_ps::<0>(_mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E)));
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693_359_4), x);
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.121_944_4e-4), r);
    let mut p = _mm512_set1_ps(1.987_569_2e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
    }
    let e = _mm512_fmadd_ps(_mm512_mul_ps(r, r), p, _mm512_add_ps(r, _mm512_set1_ps(1.0)));
    _mm512_scalef_ps(e, n)
}

/// `2^x` for `x ≤ 127`, within 2 units in the last place; 0 for what f32 cannot hold.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn exp2(x: __m512) -> __m512 {
    let x = _mm512_max_ps(x, _mm512_set1_ps(-160.0));
    let n = _mm512_roundscale_ps::<0>(x);
    let r = _mm512_sub_ps(x, n);
    // Taylor coefficients of 2^r, |r| <= 1/2: (ln 2)^i / i!.
    let mut p = _mm512_set1_ps(1.540_353e-4);
    for c in [1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2, 1.0] {
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
    }
    _mm512_scalef_ps(p, n)
}

/// `x / (1 + e^-x)`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn silu(x: __m512) -> __m512 {
    let e = exp2(_mm512_mul_ps(x, _mm512_set1_ps(-std::f32::consts::LOG2_E)));
    let denominator = _mm512_add_ps(_mm512_set1_ps(1.0), _mm512_min_ps(e, _mm512_set1_ps(1e30)));
    // A division takes 16 cycles; an estimate with one Newton step takes three and errs by 2^-27.
    let estimate = _mm512_rcp14_ps(denominator);
    let error = _mm512_fnmadd_ps(denominator, estimate, _mm512_set1_ps(1.0));
    _mm512_mul_ps(x, _mm512_fmadd_ps(estimate, error, estimate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Isa;

    fn avx512() -> bool {
        Isa::Avx512.is_available()
    }

    #[test]
    fn transpose_exchanges_rows_and_lanes() {
        if !avx512() {
            return;
        }
        // SAFETY: checked above; arrays of f32 and of vectors have the same layout.
        unsafe {
            let rows: [[f32; 16]; 16] = std::array::from_fn(|i| std::array::from_fn(|j| (i * 16 + j) as f32));
            let mut m: [__m512; 16] = std::mem::transmute(rows);
            transpose(&mut m);
            let turned: [[f32; 16]; 16] = std::mem::transmute(m);
            for (i, row) in rows.iter().enumerate() {
                for (j, &value) in row.iter().enumerate() {
                    assert_eq!(turned[j][i], value);
                }
            }
        }
    }

    #[test]
    fn exp2_equals_the_exact_one() {
        if !avx512() {
            return;
        }
        for i in -12000..=1200 {
            let x = i as f32 / 100.0;
            // SAFETY: checked above.
            let lanes: [f32; 16] = unsafe { std::mem::transmute(exp2(_mm512_set1_ps(x))) };
            let exact = f64::from(x).exp2();
            assert!((f64::from(lanes[3]) - exact).abs() <= exact * 3e-7, "{x}: {} {exact}", lanes[3]);
        }
        // SAFETY: checked above.
        let lanes: [f32; 16] = unsafe { std::mem::transmute(exp2(_mm512_set1_ps(f32::NEG_INFINITY))) };
        assert_eq!(lanes, [0.0; 16]);
    }

    #[test]
    fn exp_equals_the_exact_one() {
        if !avx512() {
            return;
        }
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            // SAFETY: checked above.
            let lanes: [f32; 16] = unsafe { std::mem::transmute(exp(_mm512_set1_ps(x))) };
            let exact = f64::from(x).exp();
            assert!((f64::from(lanes[3]) - exact).abs() <= exact * 3e-7, "{x}: {} {exact}", lanes[3]);
        }
    }
}
