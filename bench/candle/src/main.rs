//! How many texts a second candle embeds: `candle-embed FOLDER TEXTS.jsonl SECONDS`. TEXTS.jsonl has one JSON string a
//! line. Prints one JSON object, as hone's example `embed_speed` does; `bench/embed.py` compares them.
//!
//! Done as candle's own example for BERT does it, and as sentence-transformers would: 256 tokens at most, sorted by
//! length, 32 in a batch with padding, mean over the tokens, unit length.

use anyhow::{Context, Error, Result};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::path::Path;
use std::time::Instant;
use tokenizers::{PaddingParams, Tokenizer, TruncationParams};

const WINDOW: usize = 256;
const BATCH: usize = 32;

struct Encoder {
    model: BertModel,
    tokenizer: Tokenizer,
}

impl Encoder {
    fn open(folder: &Path) -> Result<Encoder> {
        let config: Config = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
        let weights = std::fs::read(folder.join("model.safetensors"))?;
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).map_err(Error::msg)?;
        let truncation = TruncationParams { max_length: WINDOW, ..Default::default() };
        tokenizer.with_padding(Some(PaddingParams::default())).with_truncation(Some(truncation)).map_err(Error::msg)?;
        Ok(Encoder { model: BertModel::load(weights, &config)?, tokenizer })
    }

    /// The vectors of these texts, and how many tokens they have.
    fn embed(&self, texts: &[&str]) -> Result<(Tensor, usize)> {
        let rows = self.tokenizer.encode_batch(texts.to_vec(), true).map_err(Error::msg)?;
        let length = rows.first().context("no texts")?.len();
        let tensor = |numbers: Vec<u32>| Tensor::from_vec(numbers, (rows.len(), length), &Device::Cpu);
        let ids = tensor(rows.iter().flat_map(|row| row.get_ids().to_vec()).collect())?;
        let mask: Vec<u32> = rows.iter().flat_map(|row| row.get_attention_mask().to_vec()).collect();
        let tokens = mask.iter().sum::<u32>() as usize;
        let mask = tensor(mask)?;
        let hidden = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let weight = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let mean = hidden.broadcast_mul(&weight)?.sum(1)?.broadcast_div(&weight.sum(1)?)?;
        Ok((mean.broadcast_div(&mean.sqr()?.sum_keepdim(1)?.sqrt()?)?, tokens))
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, file, seconds] = args.as_slice() else {
        anyhow::bail!("usage: candle-embed FOLDER TEXTS.jsonl SECONDS");
    };
    let encoder = Encoder::open(folder.as_ref())?;
    let lines = std::fs::read_to_string(file)?;
    let mut texts: Vec<String> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    texts.sort_by_key(String::len);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let all = || texts.chunks(BATCH).try_fold(0, |tokens, part| Ok::<_, Error>(tokens + encoder.embed(part)?.1));
    all()?;
    let (seconds, began, mut rounds, mut tokens): (f64, _, usize, usize) = (seconds.parse()?, Instant::now(), 0, 0);
    while began.elapsed().as_secs_f64() < seconds {
        tokens += all()?;
        rounds += 1;
    }
    let took = began.elapsed().as_secs_f64();
    let mut single = Vec::new();
    for text in texts.iter().cycle().take(200) {
        let began = Instant::now();
        encoder.embed(&[text])?;
        single.push(began.elapsed().as_secs_f64() * 1e3);
    }
    single.sort_by(f64::total_cmp);
    let first = encoder.embed(&texts[..1])?.0.to_vec2::<f32>()?.remove(0);
    let report = serde_json::json!({
        "texts_per_s": (rounds * texts.len()) as f64 / took, "tokens_per_s": tokens as f64 / took,
        "single_ms_p50": single[100], "single_ms_p95": single[190], "first": first,
    });
    println!("{report}");
    Ok(())
}
