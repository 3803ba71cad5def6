//! Is it better at what the user wants? Loss, size of the gain, edit distance, and whether the question still matters.

use super::stats::{mean, sign_flip};
use super::{Check, Evidence, Losses, Margins, Said, Sets, distance};

/// What is known of a gain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Better {
    pub(super) checks: Vec<Check>,
    /// Whether the loss fell, enough and in step with the edit distance, but chance is not excluded.
    pub(super) undecided: bool,
    /// A newly taught rule is obeyed now.
    pub(super) rule: bool,
}

/// What losses say: the gain, its size, and the worth of the own question.
pub(super) fn losses(
    margins: &Margins,
    sets: &Sets,
    candidate: &Losses,
    before: &Losses,
    evidence: &Evidence,
) -> Better {
    let gains: Vec<f64> = before.fresh.iter().zip(&candidate.fresh).map(|(was, now)| was - now).collect();
    let p = sign_flip(&gains, &sets.topics());
    let (gain, was) = (mean(&gains), mean(&before.fresh));
    let sure = evidence.is_enough() || (evidence.looks <= 1 && p <= margins.level);
    let seen = evidence.log_evidence.exp();
    let large = gain >= margins.gain.0 && gain >= margins.gain.1 * was;
    let own = |l: &Losses| mean(&l.crossed) - mean(&l.fresh);
    let (now_own, was_own) = (own(candidate), own(before));
    let checks = vec![
        Check::new(
            "better: not by chance",
            sure,
            format!(
                "p = {p:.4} on {} new examples, evidence {seen:.1} over {} looks",
                gains.len(),
                evidence.looks
            ),
        ),
        Check::new(
            "better: by enough",
            large,
            format!(
                "{gain:+.3} nats a token of {was:.3}, asked for are {:.2} and {:.0} %",
                margins.gain.0,
                100.0 * margins.gain.1
            ),
        ),
        Check::new(
            "better: for this question",
            now_own >= margins.relevance * was_own.max(0.0),
            format!(
                "the own question is worth {now_own:.3} nats a token to its answer (before {was_own:.3})"
            ),
        ),
    ];
    let undecided = !sure && gain > 0.0 && checks[2].passed;
    Better { checks, undecided, rule: false }
}

/// What answers say: the edit distance, and rules.
pub(super) fn answers(better: &mut Better, sets: &Sets, candidate: &Said, before: &Said) {
    let distances = |said: &Said| -> Vec<f64> {
        said.fresh
            .iter()
            .zip(&sets.fresh)
            .map(|(answer, held)| distance(&answer.text, &held.wanted))
            .collect()
    };
    let (now, was) = (mean(&distances(candidate)), mean(&distances(before)));
    let found = format!("{:.0} % of an answer must be edited (before {:.0} %)", 100.0 * now, 100.0 * was);
    let less = Check::new("better: less to edit", now < was, found);
    better.undecided &= less.passed;
    better.checks.push(less);
    let share = |shown: usize, rule: &super::RuleProbes| shown as f64 / rule.positive.len().max(1) as f64;
    let mut rules = sets.rules.iter().zip(candidate.rules.iter().zip(&before.rules));
    better.rule = rules.any(|(rule, (now, was))| {
        rule.positive.len() >= 4 && share(was.0, rule) < 0.5 && share(now.0, rule) >= 0.9
    });
}
