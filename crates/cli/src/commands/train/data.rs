//! The examples of a run, as tokens.

use crate::commands::data::{Chosen, warn_of_bad};
use crate::config::App;
use engine::Model;
use learn::dataset::{Example, Shares, split};
use learn::train::{Recipe, Tokens};
use sha2::{Digest, Sha256};

/// What is learned from, and what is validated with.
pub(super) struct Sets {
    pub(super) train: Tokens,
    pub(super) valid: Tokens,
}

impl Sets {
    /// Reads a set's parts, or deals out a file's rows: nine of ten to learn from, the rest to validate.
    pub(super) fn load(app: &App, data: &str, model: &Model, recipe: &Recipe) -> anyhow::Result<Sets> {
        let (train, valid) = examples(app, data, recipe.seed)?;
        Ok(Sets { train: Tokens::new(model, &train, recipe)?, valid: Tokens::new(model, &valid, recipe)? })
    }

    /// Over all tokens and targets of both.
    pub(super) fn sha256(&self) -> String {
        let both = Sha256::new().chain_update(self.train.sha256()).chain_update(self.valid.sha256());
        both.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What was not taken as it came.
    pub(super) fn remarks(&self) -> Vec<String> {
        let (train, valid) = (self.train.counts.remarks("training"), self.valid.counts.remarks("validation"));
        [train, valid].concat()
    }
}

/// Conversations to learn from, and to validate with.
pub(crate) fn examples(app: &App, data: &str, seed: u64) -> anyhow::Result<(Vec<Example>, Vec<Example>)> {
    match Chosen::find(app, data)? {
        Chosen::Set(set) => Ok((set.read("train")?, set.read("valid")?)),
        Chosen::File(path) => {
            let (examples, report) = learn::dataset::read(&path)?;
            warn_of_bad(&report);
            if examples.is_empty() {
                anyhow::bail!("{} has no examples", path.display());
            }
            let parts = split(examples, Shares::default(), seed)?;
            Ok((parts.train, parts.valid))
        }
    }
}
