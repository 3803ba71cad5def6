//! Every operation × format × shape × instruction set of this machine against the reference.

mod common;

use common::{Random, cpu, relative_error};
use kernels::cpu::{Cpu, FEW_ROWS};
use kernels::detect::Isa;
use kernels::quant::{dequantize_row, quantize_row};
use kernels::reference::Reference;
use kernels::{
    Attend, Bytes, Device, Format, Heads, KV_BLOCK, KvFormat, KvShape, KvStore, Linear, Matrix, Norm,
    Pairing, RopeRows, Span, Tensor,
};

const ROWS: [usize; 13] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 33, 64, 100];
const MOST: usize = 100;
/// Not a multiple of 16: the last strip is never full.
const OUTPUTS: usize = 37;

fn first_rows(x: &Tensor, rows: usize) -> Tensor {
    Tensor::from_slice(rows, x.cols(), &x.as_slice()[..rows * x.cols()])
}

/// What a matrix kernel rounds before it multiplies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rounding {
    /// Nothing: f32 with float weights.
    None,
    /// Activations to 8 bits in groups of 32.
    Int8,
    /// The same with the best of four scales.
    Fitted,
    /// Activations to 16 bits by rows.
    Int16,
    /// Activations and weights to bf16.
    Bf16,
}

impl Rounding {
    const ALL: [Rounding; 5] =
        [Rounding::None, Rounding::Int8, Rounding::Fitted, Rounding::Int16, Rounding::Bf16];

    /// As the name of the kernel says.
    fn of(cpu: &Cpu, format: Format, rows: usize) -> Rounding {
        let name = cpu.kernel_name(format, rows);
        match name {
            name if name.contains("bf16") => Rounding::Bf16,
            _ if format.is_float() => Rounding::None,
            name if name.contains("int16") => Rounding::Int16,
            name if name.contains("fitted") => Rounding::Fitted,
            _ => Rounding::Int8,
        }
    }

    fn activations(self, x: &Tensor) -> Tensor {
        let mut y = first_rows(x, x.rows());
        match self {
            Rounding::None => {}
            Rounding::Int8 => y.as_mut_slice().chunks_exact_mut(32).for_each(|group| round(group, 127.0)),
            Rounding::Fitted => y.as_mut_slice().chunks_exact_mut(32).for_each(round_fitted),
            Rounding::Int16 => (0..y.rows()).for_each(|t| round(y.row_mut(t), 32512.0)),
            Rounding::Bf16 => {
                y.as_mut_slice().iter_mut().for_each(|v| *v = half::bf16::from_f32(*v).to_f32())
            }
        }
        y
    }

    fn weights(self, w: &Matrix) -> Matrix {
        if self != Rounding::Bf16 {
            return w.clone();
        }
        let mut row = vec![0.0; w.cols()];
        let mut bytes = vec![0; w.rows() * w.cols() * 2];
        for (r, bytes) in bytes.chunks_exact_mut(w.cols() * 2).enumerate() {
            dequantize_row(w.format(), w.row(r), &mut row);
            quantize_row(Format::Bf16, &row, bytes);
        }
        Matrix::new(Format::Bf16, w.rows(), w.cols(), Bytes::copy(&bytes)).expect("bytes of the right length")
    }

    /// The exact product of the rounded numbers.
    fn product(self, x: &Tensor, w: &Matrix) -> Tensor {
        linear(&Reference, &self.activations(x), None, &self.weights(w))
    }

    /// Largest error of a product's norm against exact activations.
    fn cost(self) -> f64 {
        if self == Rounding::None { 2e-6 } else { 0.01 }
    }
}

/// To integers of which the largest is `top`.
fn round(numbers: &mut [f32], top: f32) {
    let largest = numbers.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    if largest > 0.0 {
        numbers.iter_mut().for_each(|v| *v = (*v * (top / largest)).round_ties_even() * (largest / top));
    }
}

/// The best of four. Errors are added up in the order of the kernel, or nearly equal ones would be chosen differently.
fn round_fitted(group: &mut [f32]) {
    let largest = group.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let error = |top: f32| {
        let left = |x: f32| x * (top / largest) - (x * (top / largest)).round_ties_even();
        let (low, high) = group.split_at(16);
        let mut sums: [f32; 16] =
            std::array::from_fn(|i| left(low[i]).mul_add(left(low[i]), left(high[i]) * left(high[i])));
        for half in [8, 4, 2, 1] {
            (0..half).for_each(|i| sums[i] += sums[i + half]);
        }
        sums[0] * ((largest / top) * (largest / top))
    };
    let tops = [127.0, 126.4, 125.8, 125.2];
    let best = tops.into_iter().reduce(|best, top| if error(top) < error(best) { top } else { best });
    round(group, best.expect("four of them"));
}

fn linear(device: &dyn Device, x: &Tensor, norm: Option<Norm<'_>>, weight: &Matrix) -> Tensor {
    let mut out = Tensor::zeros(x.rows(), weight.rows());
    device.linear(x, norm, &mut [Linear { weight, bias: None, out: &mut out, add: false }]);
    out
}

/// Numbers of rows to test a width with; fewer where the reference takes long.
fn row_counts(cols: usize) -> &'static [usize] {
    if cols <= 1536 { &ROWS } else { &[1, 2, 8, 9, 17] }
}

/// Widths to test a format with: a small model's, which K-quants cannot have, and others.
fn widths(format: Format) -> impl Iterator<Item = usize> {
    [96, 256, 576, 1536, 4096].into_iter().filter(move |cols| cols % format.block_len() == 0)
}

/// Products of the rounded numbers are exact, so only f32 sums differ: at most some hundred roundings of
/// 2^-24 that mostly cancel, below 2e-6 of the norm.
#[test]
fn products_match_the_reference_on_rounded_numbers() {
    let mut random = Random(1);
    for format in Format::ALL {
        for cols in widths(format) {
            let weight = random.matrix(format, OUTPUTS, cols);
            let counts = row_counts(cols);
            let x = random.tensor(counts[counts.len() - 1], cols);
            let expected = Rounding::ALL.map(|rounding| rounding.product(&x, &weight));
            for isa in Isa::available() {
                let cpu = cpu(isa, 2);
                for &rows in counts {
                    let rounding = Rounding::of(&cpu, format, rows);
                    let expected = &expected[rounding as usize].as_slice()[..rows * OUTPUTS];
                    let error = relative_error(
                        linear(&cpu, &first_rows(&x, rows), None, &weight).as_slice(),
                        expected,
                    );
                    assert!(error < 2e-6, "{isa} {format} {rows} x {cols} {rounding:?}: {error}");
                }
            }
        }
    }
}

/// What rounding costs: with 8 bits at most 1/254 of the largest activation of a group, with bf16 2^-9 of
/// each number; a good deal less than one percent of the norm.
#[test]
fn products_with_norm_bias_and_residual_stay_near_exact_activations() {
    let mut random = Random(2);
    for format in Format::ALL {
        let cols = widths(format).nth(2).unwrap();
        let (a, b) = (random.matrix(format, OUTPUTS, cols), random.matrix(Format::F32, 40, cols));
        let x = random.tensor(MOST, cols);
        let (weight, bias) = (random.vector(cols), random.vector(OUTPUTS));
        let norm = Some(Norm { weight: &weight, eps: 1e-5 });
        for rows in [1, 3, 8, 9, 33] {
            let x = first_rows(&x, rows);
            let start = (random.tensor(rows, OUTPUTS), random.tensor(rows, 40));
            let run = |device: &dyn Device| {
                let mut out = (first_rows(&start.0, rows), first_rows(&start.1, rows));
                device.linear(
                    &x,
                    norm,
                    &mut [
                        Linear { weight: &a, bias: Some(&bias), out: &mut out.0, add: true },
                        Linear { weight: &b, bias: None, out: &mut out.1, add: false },
                    ],
                );
                out
            };
            let expected = run(&Reference);
            for isa in Isa::available() {
                let cpu = cpu(isa, 2);
                let out = run(&cpu);
                let errors = [
                    relative_error(out.0.as_slice(), expected.0.as_slice()),
                    relative_error(out.1.as_slice(), expected.1.as_slice()),
                ];
                let bounds = [format, Format::F32].map(|f| Rounding::of(&cpu, f, rows).cost());
                assert!(errors[0] < bounds[0] && errors[1] < bounds[1], "{isa} {format} {rows}: {errors:?}");
            }
        }
    }
}

#[test]
fn gated_products_match_the_reference() {
    let mut random = Random(3);
    for (gate_format, up_format) in Format::ALL.into_iter().zip(Format::ALL.into_iter().rev()) {
        let cols = 512;
        let gate = random.matrix(gate_format, OUTPUTS, cols);
        let up = random.matrix(up_format, OUTPUTS, cols);
        let x = random.tensor(MOST, cols);
        let run = |device: &dyn Device, x: &Tensor, gate: &Matrix, up: &Matrix| {
            let mut out = Tensor::zeros(x.rows(), OUTPUTS);
            device.gated(x, None, gate, up, &mut out);
            out
        };
        let expected =
            Rounding::ALL.map(|r| run(&Reference, &r.activations(&x), &r.weights(&gate), &r.weights(&up)));
        for isa in Isa::available() {
            let cpu = cpu(isa, 2);
            for rows in ROWS {
                let out = run(&cpu, &first_rows(&x, rows), &gate, &up);
                // Tightly where both products round alike.
                let roundings = [gate_format, up_format].map(|f| Rounding::of(&cpu, f, rows));
                let (expected, bound) = if roundings[0] == roundings[1] {
                    (&expected[roundings[0] as usize], 5e-6)
                } else {
                    (&expected[Rounding::None as usize], 0.01)
                };
                let error = relative_error(out.as_slice(), &expected.as_slice()[..rows * OUTPUTS]);
                assert!(error < bound, "{isa} {gate_format} {up_format} {rows} {roundings:?}: {error}");
            }
        }
    }
}

#[test]
fn the_largest_codes_and_activations_do_not_overflow() {
    for format in [Format::Q8_0, Format::Q4_1, Format::Q5_1, Format::Q6_K] {
        for sign in [1.0, -1.0] {
            let cols = 2048;
            let mut bytes = vec![0; 16 * format.row_bytes(cols)];
            for row in bytes.chunks_exact_mut(format.row_bytes(cols)) {
                let weights: Vec<f32> = (0..cols).map(|i| if i % 32 == 31 { -1.0 } else { 1.0 }).collect();
                quantize_row(format, &weights, row);
            }
            let weight = Matrix::new(format, 16, cols, Bytes::copy(&bytes)).unwrap();
            let x = Tensor::from_slice(9, cols, &vec![3.0 * sign; 9 * cols]);
            let expected = Rounding::ALL.map(|rounding| rounding.product(&x, &weight));
            for isa in Isa::available() {
                let cpu = cpu(isa, 1);
                for rows in [1, 8, 9] {
                    let out = linear(&cpu, &first_rows(&x, rows), None, &weight);
                    let expected = &expected[Rounding::of(&cpu, format, rows) as usize];
                    let error = relative_error(out.as_slice(), &expected.as_slice()[..rows * 16]);
                    assert!(error < 1e-5, "{isa} {format} {rows} {sign}: {error}");
                }
            }
        }
    }
}

#[test]
fn no_rows_are_nothing_to_do() {
    let weight = Random(6).matrix(Format::Q4_0, OUTPUTS, 64);
    for isa in Isa::available() {
        let mut out = Tensor::zeros(0, OUTPUTS);
        cpu(isa, 2).gated(&Tensor::zeros(0, 64), None, &weight, &weight, &mut out);
        assert!(linear(&cpu(isa, 2), &Tensor::zeros(0, 64), None, &weight).as_slice().is_empty());
    }
}

#[test]
fn embeddings_are_the_rows_of_the_table() {
    let mut random = Random(4);
    for format in Format::ALL {
        let table = random.matrix(format, 50, 256);
        let ids: Vec<u32> = (0..70).map(|i| i * 7 % 50).collect();
        let (mut expected, mut out) = (Tensor::zeros(70, 256), Tensor::zeros(70, 256));
        Reference.embed(&table, &ids, &mut expected);
        cpu(Isa::best(), 3).embed(&table, &ids, &mut out);
        assert_eq!(out.as_slice(), expected.as_slice(), "{format}");
    }
}

#[test]
fn results_do_not_depend_on_threads_nor_on_other_rows() {
    let mut random = Random(5);
    for format in Format::ALL {
        let (cols, outputs) = (512, 1000);
        let (gate, up) = (random.matrix(format, outputs, cols), random.matrix(format, outputs, cols));
        let (x, weight) = (random.tensor(MOST, cols), random.vector(cols));
        let norm = Some(Norm { weight: &weight, eps: 1e-6 });
        let run = |cpu: &Cpu, rows: usize| {
            let x = first_rows(&x, rows);
            let mut out = (Tensor::zeros(rows, outputs), Tensor::zeros(rows, outputs));
            cpu.linear(&x, norm, &mut [Linear { weight: &gate, bias: None, out: &mut out.0, add: false }]);
            cpu.gated(&x, norm, &gate, &up, &mut out.1);
            [out.0, out.1].map(|t| t.as_slice().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        };
        for isa in Isa::available() {
            let one = cpu(isa, 1);
            for most in [FEW_ROWS, MOST] {
                let all = run(&one, most);
                for threads in [2, 3] {
                    assert!(run(&cpu(isa, threads), most) == all, "{isa} {format} {most}: {threads} threads");
                }
                let fewer = if most == FEW_ROWS { vec![1, 2, 3, 5, 7] } else { vec![9, 16, 31, 64] };
                for rows in fewer {
                    let some = run(&one, rows);
                    for (some, all) in some.iter().zip(&all) {
                        assert!(*some == all[..some.len()], "{isa} {format}: {rows} rows of {most}");
                    }
                }
            }
        }
    }
}

#[test]
fn each_instruction_set_runs_its_own_matrix_kernels() {
    for isa in Isa::available() {
        let cpu = cpu(isa, 1);
        assert_eq!(cpu.isa(), isa);
        for format in Format::ALL {
            for (rows, kind) in [(1, "gemv"), (FEW_ROWS, "gemv"), (FEW_ROWS + 1, "gemm"), (512, "gemm")] {
                let name = cpu.kernel_name(format, rows);
                assert!(name.contains(kind), "{isa} {format} {rows}: {name}");
                assert!(
                    isa == Isa::Portable || !name.starts_with("portable"),
                    "{isa} {format} {rows}: {name}"
                );
            }
        }
    }
}

/// A model's attention and its cache.
#[derive(Clone, Copy)]
struct Shape {
    heads: Heads,
    rotated: usize,
    pairing: Pairing,
    norm: bool,
    format: KvFormat,
}

const SHAPES: [Shape; 7] = [
    shape(9, 3, 64, 64, Pairing::Interleaved, false, KvFormat::F16),
    shape(14, 2, 64, 64, Pairing::Halves, false, KvFormat::Q8_0),
    shape(4, 1, 128, 128, Pairing::Halves, true, KvFormat::F16),
    shape(4, 4, 96, 48, Pairing::Halves, true, KvFormat::Q8_0),
    shape(2, 2, 20, 10, Pairing::Interleaved, false, KvFormat::F16),
    shape(6, 2, 16, 16, Pairing::Halves, false, KvFormat::F16),
    shape(6, 2, 48, 48, Pairing::Halves, true, KvFormat::F32),
];

const fn shape(
    q: usize,
    kv: usize,
    dim: usize,
    rotated: usize,
    pairing: Pairing,
    norm: bool,
    format: KvFormat,
) -> Shape {
    Shape { heads: Heads { q, kv, dim }, rotated, pairing, norm, format }
}

/// Sequences whose tokens are made of their number and position, on one device with its cache.
struct Attention<'a> {
    device: &'a dyn Device,
    shape: Shape,
    kv: KvStore,
    /// Tokens of each sequence that are in the cache.
    lengths: Vec<usize>,
}

/// Blocks of one sequence.
const BLOCKS: usize = 10;

impl<'a> Attention<'a> {
    fn new(device: &'a dyn Device, shape: Shape, sequences: usize) -> Self {
        let Shape { heads: Heads { kv: kv_heads, dim: head_dim, .. }, format, .. } = shape;
        let mut kv = KvStore::new(KvShape { layers: 2, kv_heads, head_dim, format });
        kv.grow(sequences * BLOCKS);
        Attention { device, shape, kv, lengths: vec![0; sequences] }
    }

    /// Feeds `count` more tokens to each named sequence, in one batch; returns rows of `[q, k, out]`.
    fn step(&mut self, batch: &[(usize, usize)]) -> [Tensor; 3] {
        let Shape { heads, rotated, .. } = self.shape;
        let rows = batch.iter().map(|b| b.1).sum();
        let (mut q, mut k, mut v) = (Vec::new(), Vec::new(), Vec::new());
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        // Blocks of sequences lie scattered in the store.
        let count = self.lengths.len();
        let blocks: Vec<Vec<u32>> =
            batch.iter().map(|b| (0..BLOCKS).map(|i| (i * count + b.0) as u32).collect()).collect();
        let mut spans = Vec::new();
        for (&(sequence, tokens), blocks) in batch.iter().zip(&blocks) {
            let (start, first) = (self.lengths[sequence], q.len() / (heads.q * heads.dim));
            for position in start..start + tokens {
                let mut random = Random((sequence * 10_000 + position) as u64);
                random.uniform();
                q.extend(random.vector(heads.q * heads.dim));
                k.extend(random.vector(heads.kv * heads.dim));
                v.extend(random.vector(heads.kv * heads.dim));
                for i in 0..rotated / 2 {
                    let angle = position as f32 * 10_000f32.powf(-2.0 * i as f32 / rotated as f32);
                    cos.push(angle.cos());
                    sin.push(angle.sin());
                }
            }
            let used = (start + tokens).div_ceil(KV_BLOCK);
            spans.push(Span { rows: first..first + tokens, start, blocks: &blocks[..used] });
            self.lengths[sequence] += tokens;
        }
        let rope = RopeRows {
            cos: Tensor::from_slice(rows, rotated / 2, &cos),
            sin: Tensor::from_slice(rows, rotated / 2, &sin),
            pairing: self.shape.pairing,
        };
        let weights = Random(9).vector(2 * heads.dim);
        let norm = |at: usize| Norm { weight: &weights[at..at + heads.dim], eps: 1e-6 };
        let op = Attend {
            heads,
            scale: 1.0 / (heads.dim as f32).sqrt(),
            q_norm: self.shape.norm.then(|| norm(0)),
            k_norm: self.shape.norm.then(|| norm(heads.dim)),
            rope: &rope,
            layer: 1,
            spans: &spans,
        };
        let mut q = Tensor::from_slice(rows, heads.q * heads.dim, &q);
        let mut k = Tensor::from_slice(rows, heads.kv * heads.dim, &k);
        let v = Tensor::from_slice(rows, heads.kv * heads.dim, &v);
        let mut out = Tensor::zeros(rows, heads.q * heads.dim);
        self.device.attend(&op, &mut q, &mut k, &v, &mut self.kv, &mut out);
        [q, k, out]
    }
}

/// Prompts of several lengths, single tokens, few tokens, a past of more than one chunk, mixed batches.
const STEPS: [&[(usize, usize)]; 8] = [
    &[(0, 5)],
    &[(0, 1)],
    &[(1, 130), (0, 1)],
    &[(0, 1), (1, 1), (2, 1)],
    &[(2, 63), (0, 3), (1, 9)],
    &[(3, 520)],
    &[(3, 1), (0, 1)],
    &[(3, 8), (1, 1), (2, 70)],
];

/// f32 sums over hundreds of positions, and a cache that may round a rotated key the other way: 1e-4 of
/// the norm for f16. With 8 bits a key may fall one step aside, seldom. Matrix tiles round queries, keys,
/// values and weights to the 8 bits of a bf16 mantissa: 2^-9 each at most.
#[test]
fn attention_matches_the_reference() {
    for shape in SHAPES {
        let mut expected = Attention::new(&Reference, shape, 4);
        let expected: Vec<_> = STEPS.iter().map(|batch| expected.step(batch)).collect();
        for isa in Isa::available() {
            let cpu = cpu(isa, 2);
            let mut attention = Attention::new(&cpu, shape, 4);
            for (batch, expected) in STEPS.iter().zip(&expected) {
                for (i, (out, expected)) in attention.step(batch).iter().zip(expected).enumerate() {
                    let error = relative_error(out.as_slice(), expected.as_slice());
                    let mixed = match (shape.format, isa) {
                        (KvFormat::F16 | KvFormat::Q8_0, Isa::Amx | Isa::Avx512) => 8e-3,
                        (KvFormat::F16, _) => 1e-4,
                        (KvFormat::Q8_0, _) => 1e-3,
                        (KvFormat::F32, _) => 1e-5,
                    };
                    let bound = [1e-6, 1e-6, mixed][i];
                    assert!(
                        error < bound,
                        "{isa} {:?} {batch:?} {}: {error}",
                        shape.heads,
                        ["q", "k", "out"][i]
                    );
                }
            }
        }
    }
}

#[test]
fn attention_does_not_depend_on_threads_nor_on_other_sequences() {
    let bits = |t: &Tensor| t.as_slice().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for shape in SHAPES {
        for isa in Isa::available() {
            let one = cpu(isa, 1);
            let run = |cpu: &Cpu| {
                let mut attention = Attention::new(cpu, shape, 4);
                STEPS.iter().map(|batch| bits(&attention.step(batch)[2])).collect::<Vec<_>>()
            };
            let all = run(&one);
            for threads in [2, 3] {
                assert!(run(&cpu(isa, threads)) == all, "{isa} {threads} threads");
            }
            let mut alone = Attention::new(&one, shape, 4);
            let width = shape.heads.q * shape.heads.dim;
            for (batch, all) in STEPS.iter().zip(&all) {
                let mut at = 0;
                for &(sequence, tokens) in *batch {
                    let out = bits(&alone.step(&[(sequence, tokens)])[2]);
                    assert!(out == all[at * width..(at + tokens) * width], "{isa} {batch:?} {sequence}");
                    at += tokens;
                }
            }
        }
    }
}

/// A prompt in one piece and in chunks of more than a few rows leads to the same bits.
#[test]
fn attention_does_not_depend_on_how_a_prompt_is_cut() {
    for shape in SHAPES {
        for isa in Isa::available() {
            let cpu = cpu(isa, 2);
            let whole = Attention::new(&cpu, shape, 1).step(&[(0, 200)]);
            let mut cut = Attention::new(&cpu, shape, 1);
            let pieces: Vec<f32> =
                [64, 9, 100, 27].iter().flat_map(|&n| cut.step(&[(0, n)])[2].as_slice().to_vec()).collect();
            assert!(pieces == whole[2].as_slice(), "{isa} {:?}", shape.heads);
        }
    }
}

#[test]
#[should_panic(expected = "a block that is written belongs to one span")]
fn two_sequences_cannot_write_one_block() {
    let shape = SHAPES[5];
    let (q, kv) = (shape.heads.q * shape.heads.dim, shape.heads.kv * shape.heads.dim);
    let rope = RopeRows { cos: Tensor::zeros(2, 8), sin: Tensor::zeros(2, 8), pairing: shape.pairing };
    let span = |row: usize| Span { rows: row..row + 1, start: 0, blocks: &[0] };
    let op = Attend {
        heads: shape.heads,
        scale: 1.0,
        q_norm: None,
        k_norm: None,
        rope: &rope,
        layer: 0,
        spans: &[span(0), span(1)],
    };
    let mut store = KvStore::new(KvShape { layers: 1, kv_heads: 2, head_dim: 16, format: KvFormat::F16 });
    store.grow(1);
    let mut tensors = [q, kv, q].map(|cols| Tensor::zeros(2, cols));
    let [q, k, out] = &mut tensors;
    cpu(Isa::Portable, 2).attend(&op, q, k, &Tensor::zeros(2, kv), &mut store, out);
}
