//! What an import did, for people: above all where the result is not what was asked for.

use super::config::Shape;
use super::names::Wanted;
use super::quantize::{Job, Source};
use kernels::Format;
use std::collections::BTreeMap;
use std::fmt;

/// What an import did.
#[derive(Clone, Debug)]
pub struct Report {
    /// Model family, as in `general.architecture`.
    pub architecture: &'static str,
    /// Number of weights.
    pub parameters: u64,
    /// Format of most matrices, as it was asked for or as MLX stored it.
    pub format: Format,
    /// Whether every number of the result is exactly the checkpoint's.
    pub lossless: bool,
    /// What the user should know.
    pub notes: Vec<Note>,
}

/// Something that the user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Matrices that are not whole blocks of the format that was asked for.
    Fallback {
        /// What was asked for.
        asked: Format,
        /// What they got.
        used: Format,
        /// How many matrices.
        tensors: usize,
    },
    /// MLX's codes have more bits than any format with scale and minimum.
    Requantised {
        /// What they became.
        format: Format,
        /// How many matrices.
        tensors: usize,
    },
    /// Scales and biases of MLX that are not exactly a half-precision number: the nearest is used.
    Inexact(u64),
    /// The tokenizer puts a space in front of the first text only, the engine also behind control tokens.
    PrefixEverywhere,
    /// A token that takes the space beside it in Hugging Face's tokenizer, or stands alone, and does not here.
    Greedy(String),
}

impl Report {
    pub(super) fn new(
        shape: &Shape,
        tensors: &[(Wanted, Job)],
        format: Format,
        mut notes: Vec<Note>,
    ) -> Report {
        let (mut fallbacks, mut requantised) = (BTreeMap::new(), BTreeMap::new());
        for (_, job) in tensors.iter().filter(|(wanted, _)| wanted.dims.len() == 2) {
            let counts = match job.source {
                Source::Floats(..) if !job.cols.is_multiple_of(format.block_len()) => &mut fallbacks,
                Source::Packed(_) if !job.is_lossless() => &mut requantised,
                _ => continue,
            };
            counts.entry(job.format.name()).or_insert((job.format, 0)).1 += 1;
        }
        let fallback = |(used, tensors)| Note::Fallback { asked: format, used, tensors };
        let anew = |(format, tensors)| Note::Requantised { format, tensors };
        notes.extend(fallbacks.into_values().map(fallback));
        notes.extend(requantised.into_values().map(anew));
        Report {
            architecture: shape.config.architecture.name(),
            parameters: tensors.iter().map(|(_, job)| (job.rows * job.cols) as u64).sum(),
            format,
            lossless: tensors.iter().all(|(_, job)| job.is_lossless()),
            notes,
        }
    }

    /// `general.file_type`, after `enum llama_ftype`.
    pub(super) fn file_type(&self) -> Option<u32> {
        Some(match self.format {
            Format::F32 => 0,
            Format::F16 => 1,
            Format::Q4_0 => 2,
            Format::Q4_1 => 3,
            Format::Q8_0 => 7,
            Format::Q5_0 => 8,
            Format::Q5_1 => 9,
            Format::Q4_K => 15,
            Format::Q5_K => 17,
            Format::Q6_K => 18,
            Format::Bf16 => 32,
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Fallback { asked, used, tensors } => {
                write!(f, "{tensors} matrices are {used}, as their width is not whole blocks of {asked}")
            }
            Note::Requantised { format, tensors } => {
                write!(
                    f,
                    "{tensors} matrices were quantised anew to {format}: MLX's codes do not fit it exactly"
                )
            }
            Note::Inexact(count) => {
                write!(f, "{count} scales and biases are not exactly F16 numbers: the nearest are used")
            }
            Note::PrefixEverywhere => f.write_str(
                "text behind a control token gets a space in front, unlike in Hugging Face's tokenizer",
            ),
            Note::Greedy(token) => {
                write!(
                    f,
                    "the token {token} leaves the space beside it alone, unlike in Hugging Face's tokenizer"
                )
            }
        }
    }
}
