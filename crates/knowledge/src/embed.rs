//! Texts as vectors: the seam between the index and whatever computes them.

/// Turns texts into vectors whose dot product says how near their meanings are.
pub trait Embedder: Send + Sync {
    /// Name of the model and of what else decides the vectors. Vectors of different ids are not comparable.
    fn id(&self) -> &str;

    /// Width of a vector.
    fn dims(&self) -> usize;

    /// One vector of unit length for each text, in order. A text that is longer than the model's window counts
    /// with its beginning.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// Texts could not be embedded.
#[derive(Debug, thiserror::Error)]
#[error("cannot embed: {0}")]
pub struct EmbedError(pub String);
