//! Quantised on the way: what the kernels make of the same numbers.

use super::checkpoint::{Checkpoint, bytes, random};
use super::imported;
use engine::import::{Format, Note};
use kernels::quant::quantize_row;

const NAMES: [(&str, &str); 8] = [
    ("model.embed_tokens", "token_embd"),
    ("model.layers.0.self_attn.q_proj", "blk.0.attn_q"),
    ("model.layers.0.self_attn.k_proj", "blk.0.attn_k"),
    ("model.layers.0.self_attn.v_proj", "blk.0.attn_v"),
    ("model.layers.0.self_attn.o_proj", "blk.0.attn_output"),
    ("model.layers.0.mlp.gate_proj", "blk.0.ffn_gate"),
    ("model.layers.0.mlp.up_proj", "blk.0.ffn_up"),
    ("model.layers.0.mlp.down_proj", "blk.0.ffn_down"),
];

/// A wide checkpoint with random matrices, and their numbers as f32.
fn random_checkpoint(width: usize, dtype: &str) -> (Checkpoint, Vec<(String, Vec<f32>)>) {
    let (mut made, mut numbers) = (Checkpoint::wide(width), Vec::new());
    for (seed, (name, shape)) in Checkpoint::matrices(width).into_iter().enumerate() {
        let values = random(seed as u64 + 1, shape[0] * shape[1]);
        let stored = bytes(dtype, &values);
        let rounded = match dtype {
            "BF16" => values.iter().map(|v| half::bf16::from_f32(*v).to_f32()).collect(),
            _ => values,
        };
        made = made.with(&format!("{name}.weight"), dtype, &shape, stored);
        numbers.push((name, rounded));
    }
    (made, numbers)
}

#[test]
fn every_format_is_what_the_kernels_quantise() {
    use Format::{Bf16, F16, F32, Q4_0, Q4_1, Q4_K, Q6_K, Q8_0};
    let (made, numbers) = random_checkpoint(256, "BF16");
    let folder = made.written();
    for asked in [F32, F16, Bf16, Q8_0, Q4_0, Q4_1, Q4_K, Q6_K] {
        let (file, report) = imported(folder.path(), Some(asked)).unwrap();
        assert!(report.notes.is_empty() && report.lossless == matches!(asked, F32 | Bf16), "{report:?}");
        for ((source, values), (name, target)) in numbers.iter().zip(NAMES) {
            assert_eq!(source, name);
            // The only layer is the last eighth of all layers.
            let many_bits = matches!(target, "blk.0.attn_v" | "blk.0.ffn_down") && asked == Q4_K;
            let head = target == "token_embd" && matches!(asked, Q4_0 | Q4_1 | Q4_K);
            let format = if many_bits || head { Q6_K } else { asked };
            let tensor = file.tensor(&format!("{target}.weight")).unwrap();
            assert_eq!((tensor.format(), tensor.cols()), (format, 256), "{asked}: {target}");
            let found = file.data(tensor);
            let mut expected = vec![0; format.row_bytes(256)];
            let rows = values.chunks(256).zip(found.chunks(format.row_bytes(256)));
            assert_eq!(rows.len(), values.len() / 256);
            for (values, found) in rows {
                quantize_row(format, values, &mut expected);
                assert!(found == expected, "{asked}: {target}");
            }
        }
        let norm = file.tensor("output_norm.weight").unwrap();
        assert_eq!(norm.format(), F32);
    }
}

#[test]
fn widths_that_are_no_blocks_get_the_next_larger_format() {
    let (made, _) = random_checkpoint(96, "F32");
    let folder = made.written();
    for (asked, matrices, head) in [
        (Format::Q4_K, Format::Q5_0, Format::Q8_0),
        (Format::Q6_K, Format::Q8_0, Format::Q8_0),
        (Format::Q4_0, Format::Q4_0, Format::Q8_0),
    ] {
        let (file, report) = imported(folder.path(), Some(asked)).unwrap();
        let format = |name: &str| file.tensor(name).unwrap().format();
        assert_eq!((format("blk.0.attn_q.weight"), format("token_embd.weight")), (matrices, head));
        let said =
            report.notes.iter().any(|note| matches!(note, Note::Fallback { used, .. } if *used == matrices));
        assert_eq!(said, asked != matrices, "{asked}: {:?}", report.notes);
    }
}
