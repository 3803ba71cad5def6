//! An adapter in memory, ready to be used by requests.

use super::Adapter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An adapter that requests share. A request holds it until its answer is complete, whatever is put in use meanwhile.
#[derive(Debug)]
pub struct Loaded {
    id: String,
    adapter: Adapter,
    /// Unlike that of any other: what one adapter computed is never read with another.
    key: u64,
}

impl Loaded {
    /// Makes an adapter ready. `id` is what people call it.
    pub fn new(id: impl Into<String>, adapter: Adapter) -> Arc<Loaded> {
        // 0 is the base alone.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Loaded { id: id.into(), adapter, key: NEXT.fetch_add(1, Ordering::Relaxed) })
    }

    /// What people call it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The adapter.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    pub(crate) fn key(&self) -> u64 {
        self.key
    }
}
