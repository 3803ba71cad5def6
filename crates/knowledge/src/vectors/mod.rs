//! Where vectors are kept: in the index itself (`Local`), or on a server behind the same trait.

mod local;
mod scan;

pub use local::Local;

/// A vector of a passage, with what a search may be restricted to.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Id of the passage; it never means another one.
    pub id: i64,
    /// The indexed folder.
    pub root: String,
    /// The file, relative to it.
    pub path: String,
    /// Of unit length.
    pub vector: Vec<f32>,
}

/// A passage near a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Id of the passage.
    pub id: i64,
    /// Cosine of both vectors.
    pub similarity: f32,
}

/// Keeps vectors by id, and finds the nearest ones.
pub trait VectorStore: Send + Sync {
    /// Where it keeps them: `HERE`, or an address. Vectors of another place are not looked for.
    fn place(&self) -> String;

    /// From now on everything is about the set of vectors with this name. Another set is of another index, or begun
    /// anew; ids mean something within one set only.
    fn begin(&self, set: &str);

    /// Whether it still has what it was given. Always, where nobody else can take it away.
    fn is_there(&self) -> Result<bool, VectorError>;

    /// Keeps vectors; one with the same id is replaced.
    fn upsert(&self, entries: &[Entry]) -> Result<(), VectorError>;

    /// Forgets vectors. Ids that are not there are no error.
    fn remove(&self, ids: &[i64]) -> Result<(), VectorError>;

    /// Deletes the set of this name, whichever set it is about. One that is not there is no error.
    fn discard(&self, set: &str) -> Result<(), VectorError>;

    /// The nearest vectors, nearest first; of one folder if it is given.
    fn nearest(&self, query: &[f32], count: usize, root: Option<&str>) -> Result<Vec<Near>, VectorError>;
}

/// Vectors could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// In the index.
    #[error(transparent)]
    Index(#[from] store::index::IndexError),
    /// On a server.
    #[error("the vector store at {place} failed: {reason}")]
    Remote {
        /// Its address.
        place: String,
        /// What it said, and what to do.
        reason: String,
    },
}
