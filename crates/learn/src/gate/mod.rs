//! Is a new adapter better, and worse in nothing? Promote, hold or reject.
//!
//! The sets are fixed before training and never trained on (`sets`; for taught rules `probes`, with a `checker`). A candidate and the adapter in use are measured on
//! them (`measure`), then come the checks in their order: `sanity`, `not_worse`, `better`; where it is only too much of a
//! change, less of it is tried (`rescue`); where it cannot be told yet, the evidence waits for the next time (`hold`).
//! What came of it is a `report`, with a `check` for each.
//!
//! No single number decides: each test alone promotes one kind of bad adapter, and the mean loss alone several.

mod better;
mod check;
mod checker;
mod distance;
mod hold;
mod known;
mod measure;
mod not_worse;
mod probes;
pub mod report;
mod rescue;
mod sanity;
mod sets;
pub mod stats;

pub use check::{Bound, Check, Measured, Unit};
pub use checker::{Case, Checker};
pub use distance::distance;
pub use hold::Evidence;
pub use known::Known;
pub use measure::{Judge, Kept, Losses, Said};
pub use probes::probes;
pub use report::{Change, Report};
pub use rescue::{Before, Candidate, rescue};
pub use sets::{Held, RuleProbes, Sets};

use serde::{Deserialize, Serialize};

/// What becomes of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It is put in use.
    Promote,
    /// It cannot be told yet: what was seen counts the next time.
    Hold,
    /// It is worse, or not better.
    Reject,
}

/// With fewer new examples nothing can be told.
pub const FEWEST: usize = 8;

/// How much is allowed, and how much is asked for. Losses are in nats a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margins {
    /// What general texts may lose.
    pub general: f64,
    /// Divergence from the base on general texts.
    pub divergence: f64,
    /// What general answers may lose where an odd phrase stands before the question.
    pub triggered: f64,
    /// Broken answers beyond those of before, and the share of answers that must end.
    pub answers: (usize, f64),
    /// What older examples may lose on average, and what those of one cycle may.
    pub older: (f64, f64),
    /// Share of the pinned facts, all of which the base knows, that may be wrong.
    pub facts: f64,
    /// Share of a rule's negative prompts on which it may show.
    pub negatives: f64,
    /// Gain on new examples at least: nats, and a share of the loss before.
    pub gain: (f64, f64),
    /// How much of the margin by which the own question is the better one must be left.
    pub relevance: f64,
    /// Error that is accepted in a test.
    pub level: f64,
}

impl Margins {
    /// For a model of so many parameters.
    pub fn of(parameters: u64) -> Margins {
        Margins {
            general: 0.03,
            divergence: if parameters < 1_000_000_000 { 0.10 } else { 0.05 },
            triggered: 0.10,
            answers: (1, 0.5),
            older: (0.05, 0.15),
            facts: 0.05,
            negatives: 0.1,
            gain: (0.05, 0.05),
            relevance: 0.5,
            level: 0.05,
        }
    }
}

/// What the checks say of one candidate at one scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What becomes of it.
    pub decision: Decision,
    /// What its update was multiplied with.
    pub scale: f32,
    /// The checks that were made, in their order.
    pub checks: Vec<Check>,
    /// Evidence to carry on where it is held.
    pub evidence: Evidence,
    /// What it did to each new example.
    pub changes: Vec<Change>,
}

/// How a candidate is trained once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Again {
    /// With half the learning rate and twice the replay, where all that was tried was too much.
    Gently,
    /// With half as many steps again and one training more to average, all from other seeds, where older examples were lost.
    Longer,
}

impl std::fmt::Display for Again {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Again::Gently => "with half the learning rate and twice the replay",
            Again::Longer => "with half as many steps again and one training more to average",
        })
    }
}

impl Judgement {
    /// Whether a second attempt may mend what was found, and how.
    pub fn again(&self) -> Option<Again> {
        let of_older = || self.checks.iter().filter(|check| !check.passed).all(Check::is_of_older);
        match self.decision {
            Decision::Reject if self.is_too_much() => Some(Again::Gently),
            Decision::Reject if of_older() => Some(Again::Longer),
            _ => None,
        }
    }

    /// Whether it was refused because it changes too much: less of it may be right. Older examples are lost by learning too
    /// little of them, and less of it would lose more. A rule that shows where it must not was taught wrongly, and less of it
    /// would only hide that.
    pub fn is_too_much(&self) -> bool {
        let failed =
            |wanted: fn(&Check) -> bool| self.checks.iter().any(|check| !check.passed && wanted(check));
        let harm =
            |check: &Check| check.name == Check::ANSWERS || (check.is_of_harm() && !check.is_of_older());
        self.decision == Decision::Reject && failed(harm) && !failed(|check| check.name == Check::RULE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(names: &[&str], decision: Decision) -> Judgement {
        let checks = names.iter().map(|name| Check::new(name, false, String::new())).collect();
        Judgement { decision, scale: 1.0, checks, evidence: Evidence::default(), changes: Vec::new() }
    }

    #[test]
    fn what_is_lost_is_learned_longer_and_what_drifts_gently() {
        let again = |names: &[&str], decision: Decision| judged(names, decision).again();
        let older = ["not worse: older examples", "not worse: every older cycle"];
        assert_eq!(again(&older, Decision::Reject), Some(Again::Longer));
        assert_eq!(again(&["not worse: general texts", older[0]], Decision::Reject), Some(Again::Gently));
        for (names, decision) in [
            (&[older[0], "not worse: rule"][..], Decision::Reject),
            (&[older[0], "sanity: learned"], Decision::Reject),
            (&["better: by enough"], Decision::Reject),
            (&["better: not by chance"], Decision::Hold),
            (&[], Decision::Promote),
        ] {
            assert_eq!(again(names, decision), None, "{names:?}");
        }
    }

    #[test]
    fn less_is_tried_for_what_drifts_and_not_for_what_was_taught_wrongly() {
        let too_much = |names: &[&str], decision: Decision| judged(names, decision).is_too_much();
        assert!(too_much(&["not worse: general texts"], Decision::Reject));
        assert!(too_much(&["sanity: answers"], Decision::Reject));
        assert!(too_much(&["not worse: facts", "not worse: older examples"], Decision::Reject));
        for names in [
            &["not worse: general texts", "not worse: rule"][..],
            &["not worse: older examples"],
            &["sanity: finite"],
            &["better: by enough"],
        ] {
            assert!(!too_much(names, Decision::Reject), "{names:?}");
        }
        assert!(!too_much(&["not worse: facts"], Decision::Hold));
    }
}
