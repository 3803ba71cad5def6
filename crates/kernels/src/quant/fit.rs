//! Which scale represents a group of weights best?

use super::Half;

/// The value of largest magnitude, with its sign; the first of equals.
pub(super) fn signed_largest(x: &[f32]) -> f32 {
    x.iter().fold(0.0f32, |m, &v| if v.abs() > m.abs() { v } else { m })
}

/// Smallest and largest value.
pub(super) fn bounds(x: &[f32]) -> (f32, f32) {
    x.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)))
}

/// The scale `s` that makes `s · round(x / s)` nearest to `x`, codes in `-levels..levels`.
///
/// Tries scales around the one that just reaches the largest weight; each is then replaced by its
/// least-squares optimum. Errors are weighted by `x²`: large weights matter more.
pub(super) fn symmetric(x: &[f32], levels: i32) -> f32 {
    let largest = signed_largest(x);
    if largest.abs() < 1e-15 {
        return 0.0;
    }
    let (mut best, mut best_gain) = (0.0, f64::NEG_INFINITY);
    for step in -9..=9 {
        let inverse = -(levels as f32 + 0.1 * step as f32) / largest;
        let (mut xq, mut qq) = (0.0f64, 0.0f64);
        for &v in x {
            let q = (v * inverse).round().clamp(-levels as f32, (levels - 1) as f32);
            let w = f64::from(v * v);
            xq += w * f64::from(v * q);
            qq += w * f64::from(q * q);
        }
        // The best scale for these codes is xq / qq; it lowers the squared error by xq² / qq.
        if qq > 0.0 && xq * xq / qq > best_gain {
            (best, best_gain) = ((xq / qq) as f32, xq * xq / qq);
        }
    }
    best
}

/// A block of 256 weights in eight groups, each with a 6-bit scale and minimum.
pub(super) struct Superblock {
    pub(super) d: Half,
    pub(super) dmin: Half,
    pub(super) scales: [u8; 12],
    pub(super) codes: [u8; 256],
}

/// Quantises 256 weights to codes `0..=levels` (Q4_K: 15, Q5_K: 31).
pub(super) fn superblock(x: &[f32], levels: u8) -> Superblock {
    let groups: [(f32, f32); 8] = std::array::from_fn(|g| affine(&x[g * 32..][..32], levels));
    let largest = |f: fn(&(f32, f32)) -> f32| groups.iter().map(f).fold(0.0, f32::max);
    let d = Half::from_f32(largest(|g| g.0) / 63.0);
    let dmin = Half::from_f32(largest(|g| g.1) / 63.0);
    let six_bits = |v: f32, d: Half| if d.get() > 0.0 { (v / d.get()).round().min(63.0) as u8 } else { 0 };

    let (mut scales, mut codes) = ([0u8; 12], [0u8; 256]);
    for (g, &(scale, min)) in groups.iter().enumerate() {
        let (s, m) = (six_bits(scale, d), six_bits(min, dmin));
        if g < 4 {
            scales[g] |= s;
            scales[g + 4] |= m;
        } else {
            scales[g + 4] = s & 15 | m << 4;
            scales[g - 4] |= s >> 4 << 6;
            scales[g] |= m >> 4 << 6;
        }
        let (scale, min) = (d.get() * f32::from(s), dmin.get() * f32::from(m));
        for i in g * 32..(g + 1) * 32 {
            codes[i] =
                if scale > 0.0 { ((x[i] + min) / scale).round().clamp(0.0, levels.into()) as u8 } else { 0 };
        }
    }
    Superblock { d, dmin, scales, codes }
}

/// `(scale, minus min)`, both not negative, that make `scale · q - min` nearest to `x`, q in `0..=levels`.
///
/// As [`symmetric`]: several starting scales, each replaced by the least-squares pair for its codes.
fn affine(x: &[f32], levels: u8) -> (f32, f32) {
    let (low, high) = bounds(x);
    let low = low.min(0.0); // the format cannot store a minimum above zero
    if high <= low {
        return (0.0, -low);
    }
    let rms = (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32).sqrt();
    let weight = |v: f32| f64::from(rms + v.abs());
    let codes =
        |scale: f32, min: f32| x.iter().map(move |&v| ((v + min) / scale).round().clamp(0.0, levels.into()));
    let error = |scale: f32, min: f32| -> f64 {
        let err = |(&v, q): (&f32, f32)| weight(v) * f64::from(scale * q - min - v).powi(2);
        x.iter().zip(codes(scale, min)).map(err).sum()
    };

    let mut best = ((high - low) / f32::from(levels), -low);
    let mut best_error = error(best.0, best.1);
    for step in 0..=20 {
        let start = (high - low) / (f32::from(levels) - 1.0 + 0.1 * step as f32);
        let (mut w, mut wq, mut wqq, mut wx, mut wxq) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (&v, q) in x.iter().zip(codes(start, -low)) {
            let (a, q, v) = (weight(v), f64::from(q), f64::from(v));
            w += a;
            wq += a * q;
            wqq += a * q * q;
            wx += a * v;
            wxq += a * v * q;
        }
        let determinant = w * wqq - wq * wq;
        if determinant <= 0.0 {
            continue;
        }
        let mut scale = (w * wxq - wx * wq) / determinant;
        let mut min = (wq * wxq - wqq * wx) / determinant;
        if min < 0.0 {
            (scale, min) = (wxq / wqq, 0.0);
        }
        let candidate = (scale as f32, min as f32);
        if candidate.0 > 0.0 && error(candidate.0, candidate.1) < best_error {
            (best, best_error) = (candidate, error(candidate.0, candidate.1));
        }
    }
    best
}
