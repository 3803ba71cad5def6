//! The examples of a run, as tokens.

use super::{Recipe, Tokens, TrainError};
use crate::dataset::Chosen;
use engine::Model;
use sha2::{Digest, Sha256};

/// What is learned from, and what is validated with.
#[derive(Debug)]
pub struct Sets {
    /// To learn from.
    pub train: Tokens,
    /// To validate with.
    pub valid: Tokens,
    /// What the base wrote itself, with its distributions: each step takes some and holds the adapter to them.
    pub replay: Vec<engine::train::Example>,
    /// What was not taken as it came, a line each.
    pub remarks: Vec<String>,
}

impl Sets {
    /// Reads what was chosen and writes it down as the model is served.
    pub fn load(chosen: &Chosen, model: &Model, recipe: &Recipe) -> Result<Sets, TrainError> {
        let parts = chosen.split(recipe.seed)?;
        let (train, valid) =
            (Tokens::new(model, &parts.train, recipe)?, Tokens::new(model, &parts.valid, recipe)?);
        let bad = parts.report.filter(|report| report.bad > 0).map(|report| {
            let first: Vec<String> = report.first_bad.iter().map(ToString::to_string).collect();
            format!("{} bad rows were left out; the first: {}", report.bad, first.join("; "))
        });
        let (learned, held) = (train.counts.remarks("training"), valid.counts.remarks("validation"));
        let remarks = bad.into_iter().chain(learned).chain(held).collect();
        Ok(Sets { train, valid, replay: Vec::new(), remarks })
    }

    /// Over all tokens, targets, weights and distributions.
    pub fn sha256(&self) -> String {
        let mut all = Sha256::new().chain_update(self.train.sha256()).chain_update(self.valid.sha256());
        if !self.replay.is_empty() {
            all.update(super::tokens::sha256(&self.replay));
        }
        all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
