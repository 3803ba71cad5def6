//! The report of a cycle.

use super::learn::Trained;
use super::settings::Cycle;
use super::{Divided, Example};
use crate::adapters::Library;
use crate::gate::report::{Attempt, because, shortened};
use crate::gate::{Again, Decision, Judgement, Report, probes};
use std::time::Instant;

/// What the report is about.
pub(super) struct Told<'a> {
    pub(super) divided: &'a Divided,
    pub(super) judgement: &'a Judgement,
    /// All that was judged.
    pub(super) attempts: &'a [Attempt],
    /// How it was trained, where it is the second attempt.
    pub(super) again: Option<Again>,
    pub(super) trained: &'a Trained,
    /// When the cycle began.
    pub(super) began: Instant,
}

impl Cycle<'_> {
    pub(super) fn report(&self, told: &Told<'_>) -> Report {
        let Told { divided, judgement, .. } = told;
        let against = Library::open(self.home).and_then(|library| library.active(&self.base.sha256));
        let against = match against {
            Ok(Some(manifest)) if !self.options.anew => format!("the adapter {}", manifest.label()),
            _ => "the model alone".to_owned(),
        };
        let mut chats: Vec<String> = divided.train.iter().map(|e| e.chat.clone()).collect();
        chats.sort_unstable();
        chats.dedup();
        chats.retain(|chat| !chat.is_empty());
        let mut heaviest: Vec<&Example> = divided.train.iter().rev().collect();
        heaviest.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        let question = |example: &&Example| {
            let asked = example.messages.iter().rev().find(|m| m.role == "user");
            asked.map_or_else(String::new, |m| shortened(&m.content))
        };
        let mut changes = judgement.changes.clone();
        changes.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        let info = told.trained.ending.info();
        let (decision, because) = match self.options.gate {
            true => (judgement.decision, because(judgement)),
            false => (Decision::Promote, ungated(judgement)),
        };
        Report {
            version: 1,
            decision,
            because,
            model: self.base.name.clone(),
            against,
            scale: judgement.scale,
            again: told.again,
            learned: divided.train.len(),
            held: divided.fresh.len()
                + divided.older.iter().chain([&self.held_out]).map(Vec::len).sum::<usize>(),
            chats,
            from: heaviest.iter().take(8).map(question).collect(),
            data: info.data_sha256.clone(),
            seed: info.recipe.seed,
            unprobed: self.rules.iter().filter(|rule| probes(rule).is_none()).cloned().collect(),
            checks: judgement.checks.clone(),
            attempts: told.attempts.to_vec(),
            evidence: judgement.evidence.clone(),
            changes,
            losses: told.trained.losses.clone(),
            seconds: (told.trained.seconds, told.began.elapsed().as_secs_f64()),
        }
    }
}

/// Why a candidate is in use that nobody has judged.
fn ungated(judgement: &Judgement) -> String {
    let decision = match judgement.decision {
        Decision::Promote => "promote",
        Decision::Hold => "hold",
        Decision::Reject => "reject",
    };
    format!("it is in use without the gate, which says {decision}: {}", because(judgement))
}
