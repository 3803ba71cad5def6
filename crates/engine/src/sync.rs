//! What threads meet at. `tests/interleavings.rs` puts loom's versions in their place.

pub(crate) use std::sync::atomic::AtomicBool;
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
