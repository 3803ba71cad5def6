//! The operations of encoders on every instruction set of this machine against the reference.
#![allow(clippy::single_range_in_vec_init, reason = "one text is a list of one range")]

mod common;

use common::{Random, cpu, relative_error};
use kernels::detect::Isa;
use kernels::reference::Reference;
use kernels::{Encoder, LayerNorm, Tensor, Within};
use std::ops::Range;

fn copy(x: &Tensor) -> Tensor {
    Tensor::from_slice(x.rows(), x.cols(), x.as_slice())
}

#[test]
fn layer_norm_matches_the_reference() {
    let mut random = Random(1);
    for (rows, cols) in [(1, 384), (37, 384), (3, 7), (2, 1)] {
        let mut x = random.tensor(rows, cols);
        // A mean far from zero, as activations have it.
        x.as_mut_slice().iter_mut().for_each(|v| *v += 3.0);
        let (weight, bias) = (random.vector(cols), random.vector(cols));
        let norm = LayerNorm { weight: &weight, bias: &bias, eps: 1e-12 };
        let mut expected = copy(&x);
        Reference.layer_norm(&mut expected, norm);
        for isa in Isa::available() {
            let mut found = copy(&x);
            cpu(isa, 2).layer_norm(&mut found, norm);
            let error = relative_error(found.as_slice(), expected.as_slice());
            assert!(error < 1e-6, "{isa} {rows} x {cols}: {error}");
        }
    }
}

/// The approximation errs by 1.5e-7 of `x`.
#[test]
fn gelu_matches_the_reference_everywhere() {
    let mut x: Vec<f32> = (-120_000..120_000).map(|n| n as f32 / 10_000.0).collect();
    x.extend([0.0, -0.0, 1e-30, -1e-30, 80.0, -80.0, 3e38, -3e38]);
    let x = Tensor::from_slice(8, x.len() / 8, &x);
    let mut expected = copy(&x);
    Reference.gelu(&mut expected);
    for isa in Isa::available() {
        let mut found = copy(&x);
        cpu(isa, 2).gelu(&mut found);
        for ((f, e), x) in found.as_slice().iter().zip(expected.as_slice()).zip(x.as_slice()) {
            assert!((f - e).abs() <= 3e-7 * x.abs().max(1.0), "{isa} gelu({x}): {f} and {e}");
        }
    }
}

const TEXTS: [&[Range<usize>]; 5] = [
    &[0..1],
    &[0..9, 9..9, 9..10, 10..40],
    &[0..64, 64..129],
    &[0..256],
    &[0..3, 3..20, 20..21, 21..120, 120..200],
];

#[test]
fn attention_within_texts_matches_the_reference() {
    let mut random = Random(2);
    for (heads, dim) in [(12, 32), (3, 16), (2, 24), (1, 5)] {
        for texts in TEXTS {
            let rows = texts.last().unwrap().end;
            let [q, k, v] = [0; 3].map(|_| random.tensor(rows, heads * dim));
            let op = Within { heads, texts };
            let mut expected = Tensor::zeros(rows, heads * dim);
            Reference.attend_within(&op, &q, &k, &v, &mut expected);
            for isa in Isa::available() {
                let mut found = Tensor::zeros(rows, heads * dim);
                cpu(isa, 2).attend_within(&op, &q, &k, &v, &mut found);
                let error = relative_error(found.as_slice(), expected.as_slice());
                assert!(error < 2e-6, "{isa} {heads} heads of {dim}, {texts:?}: {error}");
            }
        }
    }
}

#[test]
fn a_text_knows_nothing_of_its_neighbours_nor_of_the_threads() {
    let mut random = Random(3);
    let [q, k, v] = [0; 3].map(|_| random.tensor(30, 64));
    let rows = |x: &Tensor| Tensor::from_slice(20, 64, &x.as_slice()[..20 * 64]);
    for isa in Isa::available() {
        let (mut alone, mut beside) = (Tensor::zeros(20, 64), Tensor::zeros(30, 64));
        let texts = &[0..20];
        cpu(isa, 1).attend_within(&Within { heads: 2, texts }, &rows(&q), &rows(&k), &rows(&v), &mut alone);
        let texts = &[0..20, 20..30];
        cpu(isa, 3).attend_within(&Within { heads: 2, texts }, &q, &k, &v, &mut beside);
        assert_eq!(alone.as_slice(), &beside.as_slice()[..20 * 64], "{isa}");
    }
}
