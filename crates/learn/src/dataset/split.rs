//! Which examples are trained on, which are held back.
//!
//! The examples are put in the order of SHA-256(seed, example), which is as good as random: the same for a
//! seed on every machine, with no generator of random numbers that could change, and no matter in which order
//! the rows came. The first are for validation, the next for the test, the rest for training.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::dataset::{DatasetError, Example};

/// The shares of the rows that are held back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// For validation while training.
    pub valid: f64,
    /// For a test that training never sees.
    pub test: f64,
}

/// The parts of a set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// To learn from.
    pub train: Vec<Example>,
    /// To measure by while learning.
    pub valid: Vec<Example>,
    /// To measure by in the end; often there is none.
    pub test: Vec<Example>,
}

impl Default for Shares {
    /// One in ten to validate, none to test.
    fn default() -> Shares {
        Shares { valid: 0.1, test: 0.0 }
    }
}

impl Shares {
    /// Fails unless both are shares and leave something to train on.
    pub fn check(&self) -> Result<(), DatasetError> {
        let fine = |share: f64| (0.0..1.0).contains(&share);
        if fine(self.valid) && fine(self.test) && self.valid + self.test < 1.0 {
            return Ok(());
        }
        let reason = format!("{} to validate and {} to test cannot be", self.valid, self.test);
        Err(DatasetError::Shares { reason })
    }
}

/// Deals `examples` to the parts, each in an order that is random and the same for a seed.
pub fn split(examples: Vec<Example>, shares: Shares, seed: u64) -> Result<Parts, DatasetError> {
    shares.check()?;
    let mut rest = shuffled(examples, seed);
    // One example is always left to train on.
    let valid = count(rest.len(), shares.valid).min(rest.len().saturating_sub(1));
    let test = count(rest.len(), shares.test).min((rest.len() - valid).saturating_sub(1));
    let train = rest.split_off(valid + test);
    let test = rest.split_off(valid);
    Ok(Parts { train, valid: rest, test })
}

/// The examples in an order that is random and the same for a seed.
pub(super) fn shuffled(mut examples: Vec<Example>, seed: u64) -> Vec<Example> {
    let key = |example: &Example| -> [u8; 32] {
        Sha256::new().chain_update(seed.to_le_bytes()).chain_update(example.digest()).finalize().into()
    };
    examples.sort_by_cached_key(key);
    examples
}

/// The nearest whole number of rows, but one at least where a share is asked for.
fn count(rows: usize, share: f64) -> usize {
    let exact = (rows as f64 * share).round() as usize;
    if share > 0.0 { exact.max(1) } else { 0 }
}
