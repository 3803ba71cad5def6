//! Adapters as files: GGUF, PEFT, mlx-lm, and merged into a model. What the programs themselves make of these files
//! is checked by `./test --peers`.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../fixtures/mod.rs"]
mod fixtures;
mod fuse;
mod hostile;
mod make;
mod peft;
mod refused;
mod round_trip;
mod rows;
