//! The embedder that is in the box: all-MiniLM-L6-v2 on the engine's own kernels.

use crate::embed::{EmbedError, Embedder};
use engine::embed::{Options, Precision, TextEncoder};
use std::path::Path;
use std::sync::Arc;

/// A model that is open. Clones share it; calls from several threads take turns.
#[derive(Clone, Debug)]
pub struct MiniLm {
    encoder: Arc<TextEncoder>,
    id: String,
}

impl MiniLm {
    /// Opens the model in `folder`, which is known as `name`. `threads` are all cores where left out.
    pub fn open(folder: &Path, name: &str, threads: Option<usize>) -> Result<MiniLm, EmbedError> {
        let options = Options { threads, precision: Precision::Fast };
        let encoder = TextEncoder::open(folder, options).map_err(|error| EmbedError(error.to_string()))?;
        Ok(MiniLm::new(Arc::new(encoder), name))
    }

    /// Takes a model that is open already.
    pub fn new(encoder: Arc<TextEncoder>, name: &str) -> MiniLm {
        // Longer texts are cut at the window, so it decides the vectors too.
        let id = format!("{name}/{}", encoder.window());
        MiniLm { encoder, id }
    }

    /// The model itself.
    pub fn encoder(&self) -> &Arc<TextEncoder> {
        &self.encoder
    }
}

impl Embedder for MiniLm {
    fn id(&self) -> &str {
        &self.id
    }

    fn dims(&self) -> usize {
        self.encoder.dims()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(self.encoder.embed(texts))
    }
}
