//! MLX's codes come over as they are.

use super::checkpoint::{Checkpoint, bytes, random};
use super::imported;
use engine::import::{Format, ImportError, Note};
use kernels::quant::dequantize_row;

const WIDTH: usize = 128;

/// A matrix as MLX stores it: codes, scales, biases.
struct Affine {
    codes: Vec<u8>,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

/// A checkpoint whose matrices are all quantised, with what is in them.
fn quantised(bits: usize, group: usize, dtype: &str, largest: f32) -> (Checkpoint, Vec<Affine>) {
    let (mut made, mut all) = (Checkpoint::wide(WIDTH), Vec::new());
    for (seed, (name, [rows, cols])) in Checkpoint::matrices(WIDTH).into_iter().enumerate() {
        let levels = (1u32 << bits) as f32;
        let code = |v: f32| ((v + 1.0) / 2.0 * levels) as u8;
        let codes: Vec<u8> = random(seed as u64 + 1, rows * cols).into_iter().map(code).collect();
        let numbers = |seed: usize| {
            let values = random(seed as u64 + 50, rows * cols / group).into_iter();
            // As the checkpoint will have them.
            values.map(|v| half::bf16::from_f32(v * largest).to_f32()).collect::<Vec<f32>>()
        };
        let (scales, biases) = (numbers(seed), numbers(seed + 20));
        let shape = [rows, cols / group];
        made = made
            .with(&format!("{name}.weight"), "U32", &[rows, cols * bits / 32], packed(&codes, bits))
            .with(&format!("{name}.scales"), dtype, &shape, bytes(dtype, &scales))
            .with(&format!("{name}.biases"), dtype, &shape, bytes(dtype, &biases));
        all.push(Affine { codes, scales, biases });
    }
    (made, all)
}

/// Codes as a little-endian stream of bits.
fn packed(codes: &[u8], bits: usize) -> Vec<u8> {
    let mut out = vec![0; codes.len() * bits / 8];
    for (at, bit) in
        codes.iter().enumerate().flat_map(|(n, code)| (0..bits).map(move |b| (n * bits + b, code >> b & 1)))
    {
        out[at / 8] |= bit << (at % 8);
    }
    out
}

#[test]
fn weights_are_exactly_scale_times_code_plus_bias() {
    let cases = [
        (4, 64, "BF16"),
        (4, 64, "F16"),
        (4, 32, "F32"),
        (4, 128, "BF16"),
        (2, 64, "F16"),
        (3, 64, "F16"),
        (5, 64, "BF16"),
    ];
    for (bits, group, dtype) in cases {
        let (made, all) = quantised(bits, group, dtype, 0.01);
        // Nothing of this size is lost in half precision, but for the smallest numbers of bf16. Those that are
        // stored as F16 are half precision already.
        let (file, report) = imported(made.written().path(), None).unwrap();
        let exact = |v: &f32| half::f16::from_f32(*v).to_f32() == *v;
        let numbers = all.iter().flat_map(|m| m.scales.iter().chain(&m.biases));
        let lost = numbers.filter(|v| dtype != "F16" && !exact(v)).count();
        let notes = if lost == 0 { vec![] } else { vec![Note::Inexact(lost as u64)] };
        assert_eq!((report.notes, report.lossless), (notes, lost == 0), "{bits} bits");
        let format = if bits == 5 { Format::Q5_1 } else { Format::Q4_1 };
        for (affine, tensor) in all.iter().zip(matrices(&file)) {
            assert_eq!(tensor.0, format);
            for (at, found) in tensor.1.into_iter().enumerate() {
                let (scale, bias) = (affine.scales[at / group], affine.biases[at / group]);
                if exact(&scale) && exact(&bias) {
                    assert_eq!(found, scale * f32::from(affine.codes[at]) + bias, "{bits} bits, {at}");
                }
            }
        }
    }
}

/// Format and numbers of all matrices, in the order of [`Checkpoint::matrices`].
fn matrices(file: &engine::gguf::Gguf) -> Vec<(Format, Vec<f32>)> {
    let parts = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
    let names = parts.map(|part| format!("blk.0.{part}.weight"));
    let names = ["token_embd.weight".to_owned()].into_iter().chain(names);
    let read = |name: String| {
        let tensor = file.tensor(&name).unwrap();
        let mut values = vec![0.0; tensor.rows() * tensor.cols()];
        dequantize_row(tensor.format(), &file.data(tensor), &mut values);
        (tensor.format(), values)
    };
    names.map(read).collect()
}

#[test]
fn numbers_that_half_precision_rounds_are_counted() {
    // bf16 reaches further down than f16: most of these are not exact.
    let (made, all) = quantised(4, 64, "BF16", 1e-6);
    let (_, report) = imported(made.written().path(), None).unwrap();
    let exact = |v: &&f32| half::f16::from_f32(**v).to_f32() != **v;
    let expected = all.iter().flat_map(|m| m.scales.iter().chain(&m.biases)).filter(exact).count();
    assert!(expected > 1000);
    assert_eq!((report.notes, report.lossless), (vec![Note::Inexact(expected as u64)], false));
    let (made, _) = quantised(4, 64, "BF16", 1e6);
    assert!(matches!(imported(made.written().path(), None), Err(ImportError::Range(_))));
    let (made, _) = quantised(4, 64, "BF16", f32::INFINITY);
    assert!(matches!(imported(made.written().path(), None), Err(ImportError::NotFinite(_))));
}

#[test]
fn eight_bits_are_quantised_anew_and_said_so() {
    for bits in [6, 8] {
        let (made, all) = quantised(bits, 64, "F16", 0.001);
        let (file, report) = imported(made.written().path(), None).unwrap();
        assert_eq!(report.notes, [Note::Requantised { format: Format::Q8_0, tensors: 8 }]);
        assert!(!report.lossless);
        for (affine, (format, found)) in all.iter().zip(matrices(&file)) {
            assert_eq!(format, Format::Q8_0);
            let value = |at: usize| {
                let half = |v: f32| half::f16::from_f32(v).to_f32();
                half(affine.scales[at / 64]) * f32::from(affine.codes[at]) + half(affine.biases[at / 64])
            };
            for (at, found) in found.into_iter().enumerate() {
                // A step of Q8_0 is the largest weight of 32, at most 0.257, over 127.
                assert!(
                    (found - value(at)).abs() <= 0.26 / 254.0 + 1e-4,
                    "{bits} bits: {found} {}",
                    value(at)
                );
            }
        }
    }
}

#[test]
fn matrices_that_mlx_left_alone_stay_as_they_are() {
    let (made, all) = quantised(4, 64, "F16", 0.01);
    let values = random(7, WIDTH * WIDTH);
    let name = "model.layers.0.mlp.down_proj";
    let mut made = made.with(&format!("{name}.weight"), "BF16", &[WIDTH, WIDTH], bytes("BF16", &values));
    for part in ["scales", "biases"] {
        made.tensors.remove(&format!("{name}.{part}"));
    }
    let (file, _) = imported(made.written().path(), None).unwrap();
    let found = matrices(&file);
    assert_eq!(found[7].0, Format::Bf16);
    assert_eq!(found[7].1, values.iter().map(|v| half::bf16::from_f32(*v).to_f32()).collect::<Vec<f32>>());
    assert_eq!((found.len(), found[6].0), (all.len(), Format::Q4_1));
}

#[test]
fn what_is_not_affine_is_refused() {
    let (made, _) = quantised(4, 64, "F16", 0.01);
    let name = "model.layers.0.mlp.down_proj";
    let refused = |made: &Checkpoint| imported(made.written().path(), None).unwrap_err();

    let mut microscaling = made.clone();
    microscaling.tensors.remove(&format!("{name}.biases"));
    assert!(matches!(refused(&microscaling), ImportError::Packing { .. }));
    let small_groups = made.clone().with(&format!("{name}.scales"), "F16", &[WIDTH, 8], vec![0; WIDTH * 16]);
    assert!(matches!(refused(&small_groups), ImportError::Packing { .. }));
    let one_bit = made.clone().with(&format!("{name}.weight"), "U32", &[WIDTH, 4], vec![0; WIDTH * 16]);
    assert!(matches!(refused(&one_bit), ImportError::Packing { .. }));
    let short = made.clone().with(&format!("{name}.scales"), "F16", &[1, 2], vec![0; 4]);
    assert!(matches!(refused(&short), ImportError::Shape { .. }));
    let bytes = made.clone().with(&format!("{name}.weight"), "U8", &[WIDTH, 16], vec![0; WIDTH * 16]);
    assert!(matches!(refused(&bytes), ImportError::Dtype { .. }));
    let format = imported(made.written().path(), Some(Format::Q8_0));
    assert!(matches!(format, Err(ImportError::FormatGiven)));
}
