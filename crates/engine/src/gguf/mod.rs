//! GGUF: one file that holds a model's metadata and tensors.
//!
//! Files come from strangers. Reading one never panics, never allocates more than a small multiple of the
//! header it reads, and names the first thing that is wrong. Format: the document `docs/gguf.md` of ggml,
//! versions 2 and 3, little-endian.

mod convert;
mod cursor;
mod error;
mod metadata;
mod read;
mod tensor;
mod value;
mod write;

pub use convert::FromValue;
pub use error::GgufError;
pub use metadata::Metadata;
pub use read::Gguf;
pub use tensor::TensorInfo;
pub use value::{Array, Kind, Strings, Value};
pub use write::{MetadataBuilder, TensorData, TensorHead, padding, write, write_head};
