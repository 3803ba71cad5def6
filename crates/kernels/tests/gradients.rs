//! Every backward pass × format × shape × instruction set of this machine against the reference.

mod common;

use common::{Random, cpu, relative_error};
use kernels::detect::Isa;
use kernels::reference::Reference;
use kernels::{
    Attend, Attended, Device, Format, Heads, LinearGrad, Lora, LoraGrad, Norm, Pairing, RopeRows, Span,
    Tensor, Update,
};

/// Sums in f32 against sums in f64.
const EXACT: f64 = 1e-5;

/// Both factors rounded to bf16, 8 bits of mantissa.
const BF16: f64 = 4e-3;

fn each_isa(test: impl Fn(&dyn Device, &str)) {
    for isa in Isa::available() {
        for threads in [1, 3] {
            test(&cpu(isa, threads), &format!("{isa}, {threads} threads"));
        }
    }
}

fn near(found: &Tensor, expected: &Tensor, tolerance: f64, what: &str) {
    assert_eq!((found.rows(), found.cols()), (expected.rows(), expected.cols()));
    let error = relative_error(found.as_slice(), expected.as_slice());
    assert!(error <= tolerance, "{what}: {error}");
}

fn copy(x: &Tensor) -> Tensor {
    Tensor::from_slice(x.rows(), x.cols(), x.as_slice())
}

#[test]
fn linear() {
    for format in Format::ALL {
        // The last widths leave a part of a chunk of columns, and half a unit of 64.
        for cols in if format.block_len() == 256 { [256, 768] } else { [96, 576] } {
            for rows in [1, 7, 65, 130] {
                let mut random = Random(cols as u64 + rows as u64);
                let weights = [random.matrix(format, 37, cols), random.matrix(Format::Q8_0, 300, cols)];
                let dys = [random.tensor(rows, 37), random.tensor(rows, 300)];
                let jobs: Vec<_> =
                    weights.iter().zip(&dys).map(|(weight, dy)| LinearGrad { weight, dy }).collect();
                let mut expected = Tensor::zeros(rows, cols);
                Reference.linear_backward(&jobs, &mut expected);
                each_isa(|device, name| {
                    let mut found = random_start(rows, cols);
                    device.linear_backward(&jobs, &mut found);
                    let rounding =
                        if name.starts_with("avx512") || name.starts_with("amx") { BF16 } else { EXACT };
                    near(&found, &expected, rounding, &format!("{format} {cols} x {rows}, {name}"));
                });
            }
        }
    }
}

/// What a buffer holds before it is written must not matter.
fn random_start(rows: usize, cols: usize) -> Tensor {
    Random(99).tensor(rows, cols)
}

#[test]
fn low_rank_updates() {
    for (rows, d, n, rank) in [(1, 64, 48, 8), (5, 96, 20, 3), (33, 64, 37, 16), (100, 160, 130, 20)] {
        let mut random = Random(rows as u64);
        let (x, start) = (random.tensor(rows, d), random.tensor(rows, n));
        let (weight, eps) = (random.vector(d), 1e-5);
        let factors: Vec<_> = (0..2).map(|_| (random.tensor(rank, d), random.tensor(rank, n))).collect();
        let half = rows / 2;
        let updates = [
            Update { rows: 0..half, a: &factors[0].0, b: &factors[0].1, scale: 0.5 },
            Update { rows: half..rows, a: &factors[1].0, b: &factors[1].1, scale: 2.0 },
        ];
        for norm in [None, Some(Norm { weight: &weight, eps })] {
            let run = |device: &dyn Device| {
                let mut out = copy(&start);
                device.lora(&x, norm, &mut [Lora { updates: &updates, out: &mut out }]);
                out
            };
            let expected = run(&Reference);
            each_isa(|device, name| near(&run(device), &expected, EXACT, &format!("{rows} rows, {name}")));
        }
    }
}

#[test]
fn low_rank_gradients() {
    for (rows, d, n, rank) in [(1, 64, 48, 8), (33, 64, 37, 16), (100, 160, 300, 7)] {
        let mut random = Random(rows as u64);
        let (x, dy) = (random.tensor(rows, d), random.tensor(rows, n));
        let (a, b) = (random.tensor(rank, d), random.tensor(rank, n));
        let starts = [random.tensor(rank, d), random.tensor(rank, n), random.tensor(rows, d)];
        let run = |device: &dyn Device, with_dx: bool| {
            let [mut da, mut db, mut dx] = starts.each_ref().map(copy);
            let job = LoraGrad { a: &a, b: &b, scale: 0.7, dy: &dy, da: &mut da, db: &mut db };
            device.lora_backward(&x, &mut [job], with_dx.then_some(&mut dx));
            [da, db, dx]
        };
        for with_dx in [true, false] {
            let expected = run(&Reference, with_dx);
            each_isa(|device, name| {
                for (found, expected) in run(device, with_dx).iter().zip(&expected) {
                    near(found, expected, EXACT, &format!("{rows} rows, {name}"));
                }
            });
        }
    }
}

#[test]
fn updates_of_one_input_together() {
    // Ranks that share a vector, widths that leave a part of a tile.
    let (rows, d) = (70, 96);
    for shape in [vec![(48, 8), (130, 8), (20, 8)], vec![(300, 5), (37, 16)]] {
        let mut random = Random(d as u64);
        let (x, weight) = (random.tensor(rows, d), random.vector(d));
        let factors: Vec<_> =
            shape.iter().map(|&(n, rank)| (random.tensor(rank, d), random.tensor(rank, n))).collect();
        let dys: Vec<_> = shape.iter().map(|&(n, _)| random.tensor(rows, n)).collect();
        let scale = |i: usize| 0.5 + i as f32;
        let start = random.tensor(rows, d);
        let run = |device: &dyn Device| {
            let mut outs: Vec<_> = dys.iter().map(copy).collect();
            let updates: Vec<_> = factors
                .iter()
                .enumerate()
                .map(|(i, (a, b))| [Update { rows: 0..rows, a, b, scale: scale(i) }])
                .collect();
            let jobs = outs.iter_mut().zip(&updates).map(|(out, updates)| Lora { updates, out });
            let norm = Norm { weight: &weight, eps: 1e-5 };
            device.lora(&x, Some(norm), &mut jobs.collect::<Vec<_>>());

            let mut gradients: Vec<_> = factors.iter().map(|(a, b)| (copy(a), copy(b))).collect();
            let mut dx = copy(&start);
            let jobs = factors.iter().zip(&dys).zip(&mut gradients).enumerate();
            let jobs =
                jobs.map(|(i, (((a, b), dy), (da, db)))| LoraGrad { a, b, scale: scale(i), dy, da, db });
            device.lora_backward(&x, &mut jobs.collect::<Vec<_>>(), Some(&mut dx));
            outs.extend(gradients.into_iter().flat_map(|(da, db)| [da, db]));
            outs.push(dx);
            outs
        };
        let expected = run(&Reference);
        each_isa(|device, name| {
            for (found, expected) in run(device).iter().zip(&expected) {
                near(found, expected, EXACT, &format!("{shape:?}, {name}"));
            }
        });
    }
}

#[test]
fn norms() {
    for (rows, cols) in [(1, 8), (7, 100), (40, 576)] {
        let mut random = Random(cols as u64);
        let (x, dy, start) =
            (random.tensor(rows, cols), random.tensor(rows, cols), random.tensor(rows, cols));
        let weight = random.vector(cols);
        let run = |device: &dyn Device| {
            let (mut out, mut dx) = (Tensor::zeros(rows, cols), copy(&start));
            device.norm(&x, Norm { weight: &weight, eps: 1e-5 }, &mut out);
            device.norm_backward(&x, Norm { weight: &weight, eps: 1e-5 }, &dy, &mut dx);
            [out, dx]
        };
        let expected = run(&Reference);
        each_isa(|device, name| {
            for (found, expected) in run(device).iter().zip(&expected) {
                near(found, expected, EXACT, &format!("{rows} x {cols}, {name}"));
            }
        });
    }
}

#[test]
fn swiglu() {
    let mut random = Random(7);
    let [gate, up, dout] = std::array::from_fn(|_| random.tensor(37, 600));
    let run = |device: &dyn Device| {
        let (mut out, mut dgate, mut dup) = (Tensor::zeros(37, 600), copy(&gate), copy(&up));
        device.swiglu(&gate, &up, &mut out);
        device.swiglu_backward(&mut dgate, &mut dup, &dout);
        [out, dgate, dup]
    };
    let expected = run(&Reference);
    each_isa(|device, name| {
        for (found, expected) in run(device).iter().zip(&expected) {
            near(found, expected, EXACT, name);
        }
    });
}

#[test]
fn half_precision_is_the_same_everywhere() {
    let mut x = Random(3).tensor(67, 1001);
    x.row_mut(0)[..6].copy_from_slice(&[
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        1.0 + 1.0 / 256.0,
        1.0 + 3.0 / 256.0,
    ]);
    let run = |device: &dyn Device| {
        let (mut half, mut back) = (vec![7; 3], Tensor::zeros(67, 1001));
        device.narrow(&x, &mut half);
        device.widen(&half, &mut back);
        (half, back.as_slice().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
    };
    let expected = run(&Reference);
    each_isa(|device, name| assert!(run(device) == expected, "{name}"));
}

#[test]
fn cross_entropy() {
    for cols in [5, 300, 5000] {
        let logits = Random(cols as u64).tensor(9, cols);
        let targets: Vec<u32> = (0..9).map(|t| (t * 37 % cols) as u32).collect();
        let run = |device: &dyn Device| {
            let (mut logits, mut losses) = (copy(&logits), [0.0; 9]);
            device.cross_entropy(&mut logits, &targets, &mut losses);
            (logits, losses)
        };
        let (gradient, losses) = run(&Reference);
        each_isa(|device, name| {
            let found = run(device);
            near(&found.0, &gradient, EXACT, name);
            assert!(relative_error(&found.1, &losses) < EXACT, "{name}");
        });
    }
}

#[test]
fn attention() {
    let shapes =
        [Heads { q: 3, kv: 3, dim: 64 }, Heads { q: 6, kv: 2, dim: 32 }, Heads { q: 4, kv: 1, dim: 20 }];
    for (heads, pairing) in shapes.into_iter().zip([Pairing::Interleaved, Pairing::Halves, Pairing::Halves]) {
        // Spans of one row, of part of a block, of several blocks.
        let (rows, bounds) = (215, [0, 1, 51, 215]);
        let spans: Vec<_> =
            bounds.windows(2).map(|w| Span { rows: w[0]..w[1], start: 0, blocks: &[] }).collect();
        let mut random = Random(heads.dim as u64);
        let turned = heads.dim / 2 - 2;
        let (mut cos, mut sin) = (Tensor::zeros(rows, turned), Tensor::zeros(rows, turned));
        for (i, (c, s)) in cos.as_mut_slice().iter_mut().zip(sin.as_mut_slice()).enumerate() {
            (*s, *c) = (i as f32 * 0.37).sin_cos();
        }
        let rope = RopeRows { cos, sin, pairing };
        let op =
            Attend { heads, scale: 0.2, q_norm: None, k_norm: None, rope: &rope, layer: 0, spans: &spans };
        let [q, out, dout] = std::array::from_fn(|_| random.tensor(rows, heads.q * heads.dim));
        let [k, v] = std::array::from_fn(|_| random.tensor(rows, heads.kv * heads.dim));
        let out = consistent(&op, &q, &k, &v, out);
        let forward = Attended { q: &q, k: &k, v: &v, out: &out, dout: &dout };
        let run = |device: &dyn Device| {
            let [mut dq, mut dk, mut dv] =
                [heads.q, heads.kv, heads.kv].map(|h| random_start(rows, h * heads.dim));
            device.attend_backward(&op, &forward, &mut dq, &mut dk, &mut dv);
            [dq, dk, dv]
        };
        let expected = run(&Reference);
        each_isa(|device, name| {
            for (found, expected) in run(device).iter().zip(&expected) {
                let rounding = if name.starts_with("avx512") || name.starts_with("amx") {
                    5.0 * BF16
                } else {
                    10.0 * EXACT
                };
                near(found, expected, rounding, &format!("{heads:?}, {name}"));
            }
        });
    }
}

/// The result that belongs to rotated q, k and v: plain softmax over the positions that a row sees.
fn consistent(op: &Attend<'_>, q: &Tensor, k: &Tensor, v: &Tensor, mut out: Tensor) -> Tensor {
    let (dim, group) = (op.heads.dim, op.heads.q / op.heads.kv);
    for span in op.spans {
        for (t, h) in span.rows.clone().flat_map(|t| (0..op.heads.q).map(move |h| (t, h))) {
            let head = |x: &Tensor, t: usize, h: usize| x.row(t)[h * dim..][..dim].to_vec();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
            let scores: Vec<f64> = (span.rows.start..=t)
                .map(|p| f64::from(op.scale) * dot(&head(q, t, h), &head(k, p, h / group)))
                .collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
            let mut sums = vec![0.0; dim];
            for (p, s) in (span.rows.start..=t).zip(&scores) {
                let weight = (s - largest).exp() / total;
                sums.iter_mut().zip(head(v, p, h / group)).for_each(|(sum, v)| *sum += weight * f64::from(v));
            }
            out.row_mut(t)[h * dim..][..dim].iter_mut().zip(sums).for_each(|(o, s)| *o = s as f32);
        }
    }
    out
}

#[test]
fn threads_change_nothing() {
    let mut random = Random(5);
    let (w, dy) = (random.matrix(Format::Q4_1, 300, 576), random.tensor(200, 300));
    let (x, a, b) = (random.tensor(200, 576), random.tensor(8, 576), random.tensor(8, 300));
    for isa in Isa::available() {
        let run = |threads: usize| {
            let device = cpu(isa, threads);
            let mut dx = Tensor::zeros(200, 576);
            device.linear_backward(&[LinearGrad { weight: &w, dy: &dy }], &mut dx);
            let (mut da, mut db) = (Tensor::zeros(8, 576), Tensor::zeros(8, 300));
            let job = LoraGrad { a: &a, b: &b, scale: 2.0, dy: &dy, da: &mut da, db: &mut db };
            device.lora_backward(&x, &mut [job], Some(&mut dx));
            [dx, da, db].map(|t| t.as_slice().to_vec())
        };
        assert_eq!(run(1), run(5), "{isa}");
    }
}
