//! Vectors in the index: f16 on disk, int8 in memory for a first look over all of them, f16 again for the best.

use super::scan::{Buffer, dot};
use super::{Entry, Near, VectorError, VectorStore};
use half::f16;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use store::index::{HERE, Index, IndexError};

/// How many more candidates than asked for are scored exactly, and at least how many.
const WIDER: usize = 4;
const AT_LEAST: usize = 64;

/// The vectors of an index. Loaded when they are searched for the first time.
pub struct Local {
    index: Arc<Index>,
    loaded: RwLock<Loaded>,
}

#[derive(Default)]
struct Loaded {
    /// The index that the buffer is of.
    generation: Option<i64>,
    buffer: Buffer,
    roots: HashMap<String, i64>,
}

impl Local {
    /// Vectors of this index.
    pub fn new(index: Arc<Index>) -> Local {
        Local { index, loaded: RwLock::default() }
    }

    /// Loads what is new and drops what is gone since the last time.
    fn refresh(&self) -> Result<(), IndexError> {
        let generation = self.index.generation()?;
        if self.loaded.read().unwrap_or_else(PoisonError::into_inner).generation == Some(generation) {
            return Ok(());
        }
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if loaded.generation == Some(generation) {
            return Ok(());
        }
        loaded.roots = self.index.root_ids()?;
        let there = self.index.vector_ids()?;
        let newer = loaded.buffer.keep(&there);
        if let Some(from) = newer {
            let roots: HashMap<i64, i64> = there.into_iter().filter(|(id, _)| *id >= from).collect();
            self.index.read_vectors(from, &mut |id, data| {
                if let Some(root) = roots.get(&id) {
                    loaded.buffer.push(id, *root, &decode(data));
                }
                true
            })?;
        }
        // If the index changed while it was read, the next search looks again.
        loaded.generation = Some(generation);
        Ok(())
    }
}

impl VectorStore for Local {
    fn place(&self) -> String {
        HERE.into()
    }

    fn begin(&self, _: &str) {} // an index has one set, and it is here

    fn is_there(&self) -> Result<bool, VectorError> {
        Ok(true)
    }

    fn upsert(&self, entries: &[Entry]) -> Result<(), VectorError> {
        let rows: Vec<(i64, Vec<u8>)> = entries.iter().map(|e| (e.id, encode(&e.vector))).collect();
        Ok(self.index.put_vectors(&rows)?)
    }

    fn remove(&self, _: &[i64]) -> Result<(), VectorError> {
        Ok(()) // rows go with their passages
    }

    fn discard(&self, _: &str) -> Result<(), VectorError> {
        Ok(()) // the same
    }

    fn nearest(&self, query: &[f32], count: usize, root: Option<&str>) -> Result<Vec<Near>, VectorError> {
        self.refresh()?;
        let ids = {
            let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
            let root = match root.map(|path| loaded.roots.get(path)) {
                Some(None) => return Ok(Vec::new()),
                root => root.flatten().copied(),
            };
            loaded.buffer.nearest(query, (count * WIDER).max(AT_LEAST), root)
        };
        let vectors = self.index.vectors(&ids)?;
        let exact = ids
            .iter()
            .zip(vectors)
            .filter_map(|(id, data)| Some(Near { id: *id, similarity: dot(query, &decode(&data?)) }));
        let mut near: Vec<Near> = exact.collect();
        near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.id.cmp(&b.id)));
        near.truncate(count);
        Ok(near)
    }
}

fn encode(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect()
}

fn decode(data: &[u8]) -> Vec<f32> {
    data.chunks_exact(2).map(|c| f16::from_le_bytes([c[0], c[1]]).to_f32()).collect()
}
