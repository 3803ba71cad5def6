//! What is carried to the next cycle where it cannot be told yet.

use super::stats::log_evidence;
use super::{Losses, Sets};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What was seen since the last promotion.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its logarithm.
    pub log_evidence: f64,
    /// Cycles that looked. A plain test is honest in the first only; later ones go by the evidence.
    pub looks: u32,
    /// Examples that were looked at, by their digests: each counts once.
    pub seen: BTreeSet<String>,
}

impl Evidence {
    /// What a promotion takes: 20 times as likely as without a gain.
    pub const ENOUGH: f64 = 20.0;

    /// With what the new examples among `sets` add.
    pub fn with(&self, sets: &Sets, candidate: &Losses, before: &Losses) -> Evidence {
        let (mut gains, mut topics) = (Vec::new(), Vec::new());
        let mut next = self.clone();
        for (n, held) in sets.fresh.iter().enumerate() {
            if next.seen.insert(held.digest.clone()) {
                gains.push(before.fresh[n] - candidate.fresh[n]);
                topics.push(held.topic);
            }
        }
        next.log_evidence += log_evidence(&gains, &topics);
        next.looks += 1;
        next
    }

    /// Whether it is enough, whenever one looks.
    pub fn is_enough(&self) -> bool {
        self.log_evidence >= Evidence::ENOUGH.ln()
    }
}
