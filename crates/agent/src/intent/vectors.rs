//! The embeddings of the examples, kept in a file: they are computed once for a model.

use knowledge::embed::{EmbedError, Embedder};
use std::path::Path;

/// One vector for each text, from `cache` where it holds those of the same texts by the same model. A cache that
/// cannot be read or written costs time and nothing else.
pub(super) fn of(
    embedder: &dyn Embedder,
    texts: &[&str],
    cache: Option<&Path>,
) -> Result<Vec<Vec<f32>>, EmbedError> {
    let key = key(embedder, texts);
    if let Some(vectors) = cache.and_then(|path| read(path, key, embedder.dims(), texts.len())) {
        return Ok(vectors);
    }
    let vectors = embedder.embed(texts)?;
    if let Some(path) = cache
        && let Err(error) = write(path, key, &vectors)
    {
        tracing::warn!("cannot keep {}: {error}", path.display());
    }
    Ok(vectors)
}

/// FNV-1a of the model's id and the texts.
fn key(embedder: &dyn Embedder, texts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in std::iter::once(embedder.id()).chain(texts.iter().copied()) {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

fn read(path: &Path, key: u64, dims: usize, count: usize) -> Option<Vec<Vec<f32>>> {
    let length = 8 + 4 * dims * count;
    if dims == 0 || std::fs::metadata(path).ok()?.len() != length as u64 {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let (head, numbers) = bytes.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*head) != key {
        return None;
    }
    let numbers: Vec<f32> = numbers.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    let sound = numbers.len() == dims * count && numbers.iter().all(|n| n.abs() <= 1.001);
    sound.then(|| numbers.chunks_exact(dims).map(<[f32]>::to_vec).collect())
}

/// Beside it first: a reader sees all of it or nothing.
fn write(path: &Path, key: u64, vectors: &[Vec<f32>]) -> std::io::Result<()> {
    let mut bytes = key.to_le_bytes().to_vec();
    bytes.extend(vectors.iter().flatten().flat_map(|n| n.to_le_bytes()));
    let part = path.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&part, bytes)?;
    std::fs::rename(&part, path).inspect_err(|_| drop(std::fs::remove_file(&part)))
}
