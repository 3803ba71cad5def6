//! The embedding model: opened when it is asked for, and then kept.

use engine::embed::TextEncoder;
use std::sync::{Arc, Mutex, PoisonError};

/// Opens a model; an error says what is wrong and what to do.
type Open = Box<dyn Fn() -> Result<Arc<TextEncoder>, String> + Send + Sync>;

/// The embedding model of a server.
pub(crate) struct Embedding {
    /// Its public name.
    pub(crate) name: String,
    open: Open,
    opened: Mutex<Option<Arc<TextEncoder>>>,
}

impl Embedding {
    pub(crate) fn new(name: String, open: Open) -> Embedding {
        Embedding { name, open, opened: Mutex::default() }
    }

    /// The model. Reads files the first time; where that fails it is tried again the next time.
    pub(crate) fn get(&self) -> Result<Arc<TextEncoder>, String> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = &*opened {
            return Ok(Arc::clone(encoder));
        }
        let encoder = (self.open)()?;
        Ok(Arc::clone(opened.insert(encoder)))
    }
}
