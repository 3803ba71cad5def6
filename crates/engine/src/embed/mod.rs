//! Texts in, vectors out: BERT encoders such as all-MiniLM-L6-v2.
//!
//! A model is a folder with `config.json`, `tokenizer.json` and `model.safetensors`. Data goes down this list: text
//! becomes tokens (`wordpiece`), the tokens of several texts go through the layers in one batch (`forward`), and the
//! mean of a text's rows is its vector (`encoder`). Vectors are those of sentence-transformers.

mod config;
mod encoder;
mod error;
mod forward;
mod weights;
mod wordpiece;

pub use encoder::{Options, Precision, TextEncoder};
pub use error::EmbedError;
pub use wordpiece::WordPiece;
