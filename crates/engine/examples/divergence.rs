//! How far are the logits of this machine's fast device from exact ones?
//!
//!     cargo run --release -p engine --example divergence -- MODEL.gguf BASE [--threads N] [--batch N] [--last N]
//!
//! BASE is what `llama-perplexity --kl-divergence-base` wrote for the same model in f32, or a text file, whose
//! exact logits are then computed here (slowly). Prints one JSON object: the mean Kullback-Leibler divergence
//! from the exact distribution, its standard error, and how often the most likely token is the same.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use engine::model::{Batch, Model, Scratch};
use engine::text::Special;
use kernels::cpu::{Cpu, CpuOptions};
use kernels::reference::Reference;
use kernels::{Device, KV_BLOCK, KvFormat, KvStore, Span};
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

/// Tokens of one chunk of a text file; logits are compared in its second half, as llama.cpp does.
const CHUNK: usize = 512;
/// llama.cpp leaves out what is less likely than `exp` of this.
const LEAST: f32 = -16.0;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let model = Model::open(&options.model)?;
    let device = Cpu::new(CpuOptions { threads: options.threads, ..CpuOptions::default() })?;
    let mut base = Base::open(&options.base, &model)?;
    let mut total = Total::default();
    for tokens in base.tokens.clone().chunks_exact(base.context) {
        let first = base.context / 2;
        let rows = first..base.context - 1;
        let found = logits(&model, &device, tokens, rows.clone(), (options.batch, options.last));
        let exact = base.next(&model, tokens, rows)?;
        for (found, exact) in found.chunks(model.info.vocab_size).zip(exact.chunks(model.info.vocab_size)) {
            total.add(exact, found);
        }
    }
    println!("{}", total.json(&device.describe(), &options));
    Ok(())
}

struct Options {
    model: PathBuf,
    base: PathBuf,
    threads: Option<usize>,
    /// Tokens that go through the model at once.
    batch: usize,
    /// Logits are taken of this many tokens at the end of each batch, as serving does, and batches are laid anew until
    /// all tokens have been at an end.
    last: usize,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut paths = Vec::new();
        let (mut threads, mut batch, mut last) = (None, CHUNK, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--threads" => threads = Some(words.next().ok_or("--threads needs a number")?.parse()?),
                "--last" => last = Some(words.next().ok_or("--last needs a number")?.parse::<usize>()?),
                "--batch" => batch = words.next().ok_or("--batch needs a number")?.parse::<usize>()?.max(1),
                path => paths.push(PathBuf::from(path)),
            }
        }
        let [model, base] =
            <[PathBuf; 2]>::try_from(paths).map_err(|_| "usage: divergence MODEL.gguf BASE")?;
        let last = last.unwrap_or(batch).clamp(1, batch);
        Ok(Options { model, base, threads, batch, last })
    }
}

/// Tokens, and the exact log-probabilities of what follows them.
struct Base {
    tokens: Vec<u32>,
    context: usize,
    /// llama.cpp's file behind its tokens; `None` where the exact logits are computed here.
    stored: Option<BufReader<File>>,
}

impl Base {
    fn open(path: &PathBuf, model: &Model) -> Result<Self, Box<dyn Error>> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut magic = [0; 8];
        if file.read_exact(&mut magic).is_err() || &magic != b"_logits_" {
            let tokens = model.tokenizer.encode(&std::fs::read_to_string(path)?, Special::Text)?;
            return Ok(Base { tokens, context: CHUNK, stored: None });
        }
        let mut number = || -> std::io::Result<usize> {
            let mut bytes = [0; 4];
            file.read_exact(&mut bytes)?;
            Ok(u32::from_le_bytes(bytes) as usize)
        };
        let (context, vocab, chunks) = (number()?, number()?, number()?);
        if vocab != model.info.vocab_size {
            return Err(format!("the base has {vocab} tokens, the model {}", model.info.vocab_size).into());
        }
        let tokens = (0..context * chunks).map(|_| number().map(|id| id as u32)).collect::<Result<_, _>>()?;
        Ok(Base { tokens, context, stored: Some(file) })
    }

    /// Exact log-probabilities of the next chunk `[rows, vocab]`.
    fn next(
        &mut self,
        model: &Model,
        tokens: &[u32],
        rows: std::ops::Range<usize>,
    ) -> std::io::Result<Vec<f32>> {
        let vocab = model.info.vocab_size;
        let Some(file) = &mut self.stored else {
            let mut logits = logits(model, &Reference, tokens, rows, (CHUNK, CHUNK));
            logits.chunks_mut(vocab).for_each(log_softmax);
            return Ok(logits);
        };
        // A row is scale and offset, then 16 bits a token, padded to an even number.
        let mut row = vec![0; 8 + 2 * vocab.next_multiple_of(2)];
        let mut all = Vec::with_capacity(rows.len() * vocab);
        for _ in rows {
            file.read_exact(&mut row)?;
            let float = |at: usize| f32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
            let (scale, least) = (float(0), float(4));
            let values = row[8..].chunks_exact(2).take(vocab);
            all.extend(values.map(|b| scale * f32::from(u16::from_le_bytes([b[0], b[1]])) + least));
        }
        Ok(all)
    }
}

/// Logits `[rows, vocab]` of one sequence, in batches of `size` tokens of which the `last` give logits.
fn logits(
    model: &Model,
    device: &dyn Device,
    tokens: &[u32],
    rows: std::ops::Range<usize>,
    (size, last): (usize, usize),
) -> Vec<f32> {
    let mut kv = KvStore::new(model.kv_shape(KvFormat::F16));
    let blocks: Vec<u32> = (0..tokens.len().div_ceil(KV_BLOCK) as u32).collect();
    kv.grow(blocks.len());
    let vocab = model.info.vocab_size;
    let (mut scratch, mut all) = (Scratch::default(), vec![0.0; rows.len() * vocab]);
    for first in (last..=size).step_by(last) {
        let mut start = 0;
        while start < tokens.len() {
            let end = tokens.len().min(if start == 0 { first } else { start + size });
            let spans = [Span { rows: 0..end - start, start, blocks: &blocks[..end.div_ceil(KV_BLOCK)] }];
            let wanted = rows.start.max(end.saturating_sub(last).max(start))..rows.end.min(end);
            let outputs: Vec<usize> = wanted.clone().map(|row| row - start).collect();
            let batch =
                Batch { tokens: &tokens[start..end], spans: &spans, outputs: &outputs, adapters: &[] };
            let found = model.forward(device, &batch, &mut kv, &mut scratch, &|| false);
            let at = wanted.start.saturating_sub(rows.start) * vocab;
            let found = found.expect("nobody cancels").as_slice();
            all[at..][..outputs.len() * vocab].copy_from_slice(&found[..outputs.len() * vocab]);
            start = end;
        }
    }
    all
}

fn log_softmax(row: &mut [f32]) {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|x| f64::from((x - top).exp())).sum();
    let log_sum = f64::from(top) + sum.ln();
    row.iter_mut().for_each(|x| *x = (f64::from(*x) - log_sum) as f32);
}

/// Sums over positions.
#[derive(Default)]
struct Total {
    positions: usize,
    divergence: f64,
    squares: f64,
    same_top: usize,
}

impl Total {
    /// `exact` are log-probabilities, `found` are logits.
    fn add(&mut self, exact: &[f32], found: &[f32]) {
        let mut found = found.to_vec();
        log_softmax(&mut found);
        let likely = exact.iter().zip(&found).filter(|(p, _)| **p > LEAST);
        let divergence: f64 = likely.map(|(p, q)| f64::from(p.exp()) * f64::from(p - q)).sum();
        self.positions += 1;
        self.divergence += divergence;
        self.squares += divergence * divergence;
        self.same_top += usize::from(top(exact) == top(&found));
    }

    fn json(&self, device: &str, options: &Options) -> serde_json::Value {
        let n = self.positions as f64;
        let mean = self.divergence / n;
        let error = ((self.squares / n - mean * mean).max(0.0) / (n - 1.0)).sqrt();
        serde_json::json!({
            "device": device,
            "batch": options.batch,
            "positions": self.positions,
            "mean_kl": mean,
            "mean_kl_error": error,
            "top1_agreement": self.same_top as f64 / n,
        })
    }
}

/// The first of the largest.
fn top(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
