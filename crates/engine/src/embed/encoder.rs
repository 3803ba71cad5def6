//! The way in: texts or tokens to vectors of unit length.

use super::config::Config;
use super::forward::{Work, forward};
use super::weights::Weights;
use super::{EmbedError, WordPiece};
use kernels::Encoder;
use kernels::cpu::{Cpu, CpuOptions};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Tokens that go through the model at once: few enough for activations to stay near the processor, and what
/// bounds the memory.
const BATCH: usize = 1024;

/// Tokens of a text that count, as sentence-transformers reads all-MiniLM-L6-v2.
const WINDOW: usize = 256;

/// How to compute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Number of threads; all cores where left out.
    pub threads: Option<usize>,
    /// What is rounded.
    pub precision: Precision,
}

/// What is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Half of the products to 8 bits, where that costs little: vectors have a cosine above 0.999 with the exact ones.
    #[default]
    Fast,
    /// Nothing beyond f32.
    Exact,
}

/// An embedding model that is open. Calls from several threads take turns.
pub struct TextEncoder {
    tokenizer: WordPiece,
    config: Config,
    weights: Weights,
    device: Box<dyn Encoder>,
    work: Mutex<Work>,
}

impl TextEncoder {
    /// Opens the model in `folder`. Its files stay mapped and must not be shortened.
    pub fn open(folder: &Path, options: Options) -> Result<TextEncoder, EmbedError> {
        let config = Config::read(folder)?;
        let tokenizer = WordPiece::read(folder, config.vocab_size)?;
        let weights = Weights::open(folder, &config, options.precision)?;
        let device = Box::new(Cpu::new(CpuOptions { threads: options.threads, isa: None })?);
        Ok(TextEncoder { tokenizer, config, weights, device, work: Mutex::default() })
    }

    /// Width of a vector.
    pub fn dims(&self) -> usize {
        self.config.hidden_size
    }

    /// Tokens of a text that count, those included that every text begins and ends with.
    pub fn window(&self) -> usize {
        WINDOW.min(self.config.max_position_embeddings)
    }

    /// What makes tokens of text.
    pub fn tokenizer(&self) -> &WordPiece {
        &self.tokenizer
    }

    /// What computes, for people.
    pub fn device(&self) -> String {
        self.device.describe()
    }

    /// One vector of unit length for each text, in order. Of a text that is longer than [`Self::window`] the
    /// beginning counts.
    pub fn embed(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let mut vectors = Vec::with_capacity(texts.len());
        let (mut tokens, mut batch) = (Vec::new(), Vec::new());
        for text in texts {
            let start = tokens.len();
            self.tokenizer.encode(text, self.window(), &mut tokens);
            if tokens.len() > BATCH && start > 0 {
                self.run(&tokens[..start], &batch, &mut vectors);
                tokens.drain(..start);
                batch.clear();
            }
            let start = batch.last().map_or(0, |text: &Range<usize>| text.end);
            batch.push(start..tokens.len());
        }
        self.run(&tokens, &batch, &mut vectors);
        vectors
    }

    /// The same of texts that are tokens already; what every text begins and ends with is added.
    pub fn embed_tokens(&self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let (size, window) = (self.config.vocab_size, self.window());
        for text in texts {
            if let Some(&token) = text.iter().find(|&&token| token as usize >= size) {
                return Err(EmbedError::Token { token, size });
            }
            if text.len() + 2 > window {
                return Err(EmbedError::Window { count: text.len() + 2, window });
            }
        }
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks((BATCH / window).max(1)) {
            let (mut tokens, mut batch) = (Vec::new(), Vec::new());
            for text in texts {
                let start = tokens.len();
                self.tokenizer.frame(text, &mut tokens);
                batch.push(start..tokens.len());
            }
            self.run(&tokens, &batch, &mut vectors);
        }
        Ok(vectors)
    }

    fn run(&self, tokens: &[u32], texts: &[Range<usize>], vectors: &mut Vec<Vec<f32>>) {
        if tokens.is_empty() {
            return;
        }
        // The buffers hold nothing that a panic could leave half-done.
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        forward(&*self.device, &self.config, &self.weights, tokens, texts, &mut work);
        vectors.extend(texts.iter().map(|text| {
            let mut mean = vec![0.0f32; self.dims()];
            for row in text.clone() {
                mean.iter_mut().zip(work.hidden.row(row)).for_each(|(m, h)| *m += h);
            }
            // The length is one in the end, so the number of rows does not matter.
            let length = mean.iter().map(|m| f64::from(*m).powi(2)).sum::<f64>().sqrt();
            let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
            mean.iter_mut().for_each(|m| *m = (f64::from(*m) * scale) as f32);
            mean
        }));
    }
}

impl std::fmt::Debug for TextEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextEncoder({} dimensions)", self.dims())
    }
}
