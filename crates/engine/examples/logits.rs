//! Logits of every position, for programs that compare: what does hone compute for these tokens?
//!
//!     echo '[[1, 2, 3], [7, 8]]' | cargo run --release -p engine --example logits -- MODEL.gguf [--adapter FILE.gguf] [--exact]
//!
//! Each sequence is computed alone. Prints one JSON array: for each sequence, a row of logits for each token.
//! `--exact` takes the reference device, whose activations are f32.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use engine::adapter::{Adapter, gguf};
use engine::model::{Batch, Model, Scratch};
use kernels::cpu::{Cpu, CpuOptions};
use kernels::reference::Reference;
use kernels::{Device, KV_BLOCK, KvFormat, KvStore, Span};
use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let model = Model::open(&options.model)?;
    let adapter = options.adapter.as_deref().map(|path| gguf::read(path, model.config())).transpose()?;
    let device: Box<dyn Device> =
        if options.exact { Box::new(Reference) } else { Box::new(Cpu::new(CpuOptions::default())?) };
    let sequences: Vec<Vec<u32>> = serde_json::from_reader(std::io::stdin().lock())?;
    let found: Result<Vec<_>, _> =
        sequences.iter().map(|tokens| logits(&model, adapter.as_ref(), device.as_ref(), tokens)).collect();
    println!("{}", serde_json::to_string(&found?)?);
    Ok(())
}

/// One row of logits for each token.
fn logits(
    model: &Model,
    adapter: Option<&Adapter>,
    device: &dyn Device,
    tokens: &[u32],
) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let vocab = model.info.vocab_size;
    if let Some(token) = tokens.iter().find(|token| **token as usize >= vocab) {
        return Err(format!("token {token} is not in the vocabulary of {vocab}").into());
    }
    let mut kv = KvStore::new(model.kv_shape(KvFormat::F16));
    let blocks: Vec<u32> = (0..tokens.len().div_ceil(KV_BLOCK) as u32).collect();
    kv.grow(blocks.len());
    let spans = [Span { rows: 0..tokens.len(), start: 0, blocks: &blocks }];
    let outputs: Vec<usize> = (0..tokens.len()).collect();
    let batch = Batch { tokens, spans: &spans, outputs: &outputs, adapters: &[adapter] };
    let mut scratch = Scratch::default();
    let logits = model.forward(device, &batch, &mut kv, &mut scratch, &|| false);
    let logits = logits.ok_or("cancelled")?;
    Ok(logits.as_slice().chunks(vocab).map(<[f32]>::to_vec).collect())
}

struct Options {
    model: PathBuf,
    adapter: Option<PathBuf>,
    exact: bool,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut model, mut adapter, mut exact) = (None, None, false);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--adapter" => adapter = Some(words.next().ok_or("--adapter needs a file")?.into()),
                "--exact" => exact = true,
                path => model = Some(Path::new(path).to_owned()),
            }
        }
        let model = model.ok_or("usage: logits MODEL.gguf [--adapter FILE.gguf] [--exact] < TOKENS.json")?;
        Ok(Options { model, adapter, exact })
    }
}
