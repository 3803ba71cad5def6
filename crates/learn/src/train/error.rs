//! What can be wrong with a run.

use crate::adapters::AdaptersError;
use crate::dataset::DatasetError;
use engine::adapter::{AdapterError, AdapterFileError};
use engine::text::TextError;
use engine::train::{CpuError, StateError};
use std::path::PathBuf;

/// A run that cannot begin or go on.
#[allow(missing_docs, reason = "the messages say what the fields are")]
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("{name} is {value}: {why}")]
    Setting { name: &'static str, value: String, why: &'static str },
    #[error(
        "there is nothing to learn: of {conversations} conversations, {no_target} have no answer within {max_seq} tokens; give more data or a larger --max-seq"
    )]
    Empty { conversations: usize, no_target: usize, max_seq: usize },
    #[error("{unusable} of {all} conversations cannot be written down for this model; the first: {why}")]
    Unusable { unusable: usize, all: usize, why: TextError },
    #[error("training needs about {needed} MB and {available} MB are free: {advice}")]
    Memory { needed: u64, available: u64, advice: String },
    #[error("the loss is no number from step {step} on; a lower learning rate helps (it was {rate})")]
    NotFinite { step: u64, rate: f32 },
    #[error("the run in {folder} was begun with {what}; start a new one, or resume it as it was")]
    Changed { folder: PathBuf, what: String },
    #[error("the run {0} is done; `hone adapter list` shows what came of it")]
    Done(String),
    #[error("the run {0} is being trained by another hone right now")]
    Busy(String),
    #[error("there is no interrupted run to resume")]
    NothingToResume,
    #[error("the checkpoint {path} is damaged ({why}); start the run again")]
    Checkpoint { path: PathBuf, why: String },
    #[error("{0} is not empty; name a new folder")]
    NotEmpty(PathBuf),
    #[error("cannot {what} {path}: {source}")]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    #[error(transparent)]
    AdapterFile(#[from] AdapterFileError),
    #[error("cannot set up the processor: {0}")]
    Device(#[from] CpuError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Adapters(#[from] AdaptersError),
}

impl TrainError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| TrainError::Io { what, path, source }
    }
}
