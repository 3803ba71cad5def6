//! Conversations as tokens, with what could not be used counted.

use super::{Recipe, Supervise, TrainError};
use crate::dataset;
use crate::given::unmark;
use engine::Model;
use engine::train::Example;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Examples ready to learn from.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// Each with at least one target.
    pub examples: Vec<Example>,
    /// What happened to the conversations.
    pub counts: Counts,
}

/// What happened to the conversations of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Conversations that came in.
    pub conversations: usize,
    /// Cut off at the longest length.
    pub truncated: usize,
    /// Left out, because nothing to learn was left before the cut.
    pub no_target: usize,
    /// Left out, because the model's template or tokenizer could not write them down.
    pub unusable: usize,
    /// Tokens that remain.
    pub tokens: usize,
    /// Of those, targets.
    pub targets: usize,
}

impl Tokens {
    /// Writes conversations down as the model does when it is served. More than 5 % that cannot be are an error.
    pub fn new(model: &Model, set: &[dataset::Example], recipe: &Recipe) -> Result<Tokens, TrainError> {
        let mut tokens = Tokens::default();
        let mut first_reason = None;
        for conversation in set {
            tokens.counts.conversations += 1;
            match model.chat_example(&conversation.messages) {
                Ok(mut example) => {
                    unmark(&mut example.supervised, &conversation.messages, conversation.given);
                    example.weight = conversation.weight;
                    tokens.take(example, recipe);
                }
                Err(why) => {
                    tokens.counts.unusable += 1;
                    first_reason.get_or_insert(why);
                }
            }
        }
        match first_reason {
            Some(why) if 20 * tokens.counts.unusable > set.len() => {
                let (unusable, all) = (tokens.counts.unusable, set.len());
                Err(TrainError::Unusable { unusable, all, why })
            }
            _ => Ok(tokens),
        }
    }

    /// SHA-256 over all tokens, targets and weights.
    pub fn sha256(&self) -> String {
        sha256(&self.examples)
    }

    /// Takes an example as the recipe has it: cut at the longest length, or left out where nothing to learn remains.
    pub fn take(&mut self, mut example: Example, recipe: &Recipe) {
        if recipe.loss_on == Supervise::All {
            example.supervised.fill(true);
        }
        if example.tokens.len() > recipe.max_seq {
            self.counts.truncated += 1;
            example.truncate(recipe.max_seq);
        }
        if example.targets() == 0 {
            self.counts.no_target += 1;
            return;
        }
        self.counts.tokens += example.tokens.len();
        self.counts.targets += example.targets();
        self.examples.push(example);
    }
}

/// SHA-256 over tokens, targets, and weights and distributions where there are any.
pub(crate) fn sha256(examples: &[Example]) -> String {
    let mut hash = Sha256::new();
    for example in examples {
        hash.update((example.tokens.len() as u64).to_le_bytes());
        for (token, supervised) in example.tokens.iter().zip(&example.supervised) {
            hash.update(token.to_le_bytes());
            hash.update([u8::from(*supervised)]);
        }
        if example.weight != 1.0 {
            hash.update(b"weight");
            hash.update(example.weight.to_le_bytes());
        }
        if let Some(teacher) = &example.teacher {
            hash.update(b"teacher");
            for (id, log_prob) in teacher.ids().iter().zip(teacher.log_probs()) {
                hash.update(id.to_le_bytes());
                hash.update(log_prob.to_le_bytes());
            }
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
