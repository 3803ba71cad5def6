//! A run's state as bytes: what an interrupted run goes on from, to the same bits.

use super::Trainer;
use crate::adapter::Adapter;

/// The first bytes, with the version of the layout.
const MAGIC: &[u8; 16] = b"hone trainer 1\n\0";

/// Bytes that are no state of this run.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Something else altogether, or another version.
    #[error("these bytes are not the state of a training run of this version of hone")]
    NotState,
    /// The state of an adapter of another shape.
    #[error(
        "the state has {found} bytes and this adapter needs {expected}: it belongs to a run with other settings"
    )]
    Length {
        /// Bytes needed.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
}

impl Trainer {
    /// The state after the last update. Gradients since then are not part of it: a run goes on at a step's beginning.
    ///
    /// Layout, little-endian: the magic, u64 updates, u64 packs, then the f32 factors of the adapter, of the means and
    /// of the squares, each in the order of [`Adapter::iter`], A before B.
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.state_bytes());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.optimizer.steps.to_le_bytes());
        bytes.extend_from_slice(&self.batches_at_update.to_le_bytes());
        for part in [&self.adapter, &self.optimizer.mean, &self.optimizer.square] {
            for value in part.factors().flat_map(|t| t.as_slice()) {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
        }
        bytes
    }

    /// Goes on from what [`Trainer::save`] gave.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let Some((head, values)) = bytes.split_at_checked(MAGIC.len() + 16) else {
            return Err(StateError::NotState);
        };
        if !head.starts_with(MAGIC) {
            return Err(StateError::NotState);
        }
        if bytes.len() != self.state_bytes() {
            return Err(StateError::Length { expected: self.state_bytes(), found: bytes.len() });
        }
        let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        (self.optimizer.steps, self.batches) = (number(16), number(24));
        self.batches_at_update = self.batches;
        let mut values = values.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        for part in [&mut self.adapter, &mut self.optimizer.mean, &mut self.optimizer.square] {
            fill(part, &mut values);
        }
        self.forget();
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        MAGIC.len() + 16 + 3 * 4 * self.adapter.parameters()
    }
}

fn fill(adapter: &mut Adapter, values: &mut impl Iterator<Item = f32>) {
    for (slot, value) in adapter.factors_mut().flat_map(|t| t.as_mut_slice()).zip(values) {
        *slot = value;
    }
}
