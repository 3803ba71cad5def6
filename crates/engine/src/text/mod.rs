//! Text becomes tokens, tokens become text: the only place of the engine with strings.
//!
//! [`Tokenizer`] is made from a file's metadata. Text of users, files and tools is encoded as
//! [`Special::Text`] and never becomes a control token; only [`ChatTemplate`] writes those. On the way back
//! a [`Decoder`] turns a stream of tokens into valid UTF-8, and a [`StopMatcher`] ends it at a stop string.

mod bpe;
mod decoder;
mod error;
mod jinja;
mod known;
mod marks;
mod merge;
mod sentencepiece;
mod split;
mod stop;
mod template;
mod tokenizer;
mod vocab;

pub use decoder::Decoder;
pub use error::TextError;
pub use known::FimTokens;
pub use stop::{Step, StopMatcher};
pub use template::{ChatTemplate, Message};
pub use tokenizer::{Special, Tokenizer};
