//! Why a cycle has no outcome.

use crate::adapters::AdaptersError;
use crate::generate::GenerateError;
use crate::replay::ReplayError;
use crate::train::TrainError;
use engine::text::TextError;
use std::path::{Path, PathBuf};

/// Why there is no outcome.
#[allow(missing_docs, reason = "the messages say what the fields are")]
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    #[error("stopped; all steps so far are kept, and the same command goes on")]
    Stopped,
    #[error("there is nothing to learn from: edit answers, or give thumbs up")]
    Nothing,
    #[error("{path} cannot be used ({why}); remove it, and examples that were judged with may be learned")]
    State { path: PathBuf, why: String },
    #[error("cannot {what} {path}: {source}")]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Adapters(#[from] AdaptersError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error("the model could not be asked: {0}")]
    Generate(GenerateError),
    #[error("the replay could not be made: {0}")]
    Replay(ReplayError),
    #[error("an example cannot be written down for this model: {0}")]
    Text(#[from] TextError),
}

impl CycleError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| CycleError::Io { what, path, source }
    }
}

impl From<GenerateError> for CycleError {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Stopped => CycleError::Stopped,
            error => CycleError::Generate(error),
        }
    }
}

impl From<ReplayError> for CycleError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Generate(GenerateError::Stopped) => CycleError::Stopped,
            error => CycleError::Replay(error),
        }
    }
}
