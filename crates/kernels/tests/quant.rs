//! Block formats against the `gguf` package's reading of the same bytes (`xtask/fixtures/quant.py`).

use kernels::Format;
use kernels::quant::{dequantize_row, quantize_row};
use std::path::PathBuf;

fn read(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/quant").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn floats(name: &str) -> Vec<f32> {
    read(name).as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Formats that have a fixture: all but F32.
fn stored() -> impl Iterator<Item = Format> {
    Format::ALL.into_iter().skip(1)
}

#[test]
fn blocks_decode_to_the_same_floats() {
    for format in stored() {
        let expected = floats(&format!("{format}.f32"));
        let mut out = vec![0.0; expected.len()];
        dequantize_row(format, &read(&format!("{format}.bin")), &mut out);
        // `==` and not bits: a negative zero is a zero.
        assert!(out == expected, "{format}");
    }
}

#[test]
fn floats_encode_to_the_same_blocks() {
    let weights = floats("input.f32");
    let simple = |f: &Format| !matches!(f, Format::Q4_K | Format::Q5_K | Format::Q6_K);
    for format in stored().filter(simple) {
        let expected = read(&format!("{format}.bin"));
        let mut out = vec![0; expected.len()];
        quantize_row(format, &weights, &mut out);
        assert!(out == expected, "{format}");
    }
}

/// Relative error of the norm after a round trip of Gaussian weights, at most a little over what ggml reaches.
#[test]
fn a_round_trip_keeps_the_weights() {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let weights: Vec<f32> = (0..8192).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect();
    let bounds = [
        (Format::F32, 0.0),
        (Format::F16, 0.0005),
        (Format::Bf16, 0.003),
        (Format::Q8_0, 0.006),
        (Format::Q5_0, 0.05),
        (Format::Q5_1, 0.05),
        (Format::Q4_0, 0.1),
        (Format::Q4_1, 0.09),
        (Format::Q4_K, 0.08),
        (Format::Q5_K, 0.04),
        (Format::Q6_K, 0.02),
    ];
    for (format, bound) in bounds {
        let mut bytes = vec![0; format.row_bytes(weights.len())];
        let mut back = vec![0.0; weights.len()];
        quantize_row(format, &weights, &mut bytes);
        dequantize_row(format, &bytes, &mut back);
        let error: f32 = weights.iter().zip(&back).map(|(a, b)| (a - b).powi(2)).sum();
        let norm: f32 = weights.iter().map(|a| a * a).sum();
        let relative = (error / norm).sqrt();
        assert!(relative <= bound, "{format}: {relative} > {bound}");
    }
}

#[test]
fn degenerate_groups_stay_finite() {
    for format in Format::ALL {
        for value in [0.0, 1.0, -1.0, 1e-30, -3e4] {
            let weights = [value; 256];
            let mut bytes = vec![0; format.row_bytes(256)];
            let mut back = [f32::NAN; 256];
            quantize_row(format, &weights, &mut bytes);
            dequantize_row(format, &bytes, &mut back);
            let worst = back.iter().map(|b| (b - value).abs()).fold(0.0, f32::max);
            assert!(worst <= value.abs() * 0.05 + 1e-6, "{format} {value}: off by {worst}");
        }
    }
}

#[test]
fn type_numbers_are_read_back() {
    for format in Format::ALL {
        assert_eq!(Format::from_ggml(format.ggml_id()), Some(format));
    }
    assert_eq!(Format::from_ggml(10), None); // Q2_K
}
