//! Is it worse in anything? One-sided 95 % bounds on pairs, against the adapter in use.

use super::stats::{mcnemar, mean, upper_bound};
use super::{Check, Losses, Margins, Said, Sets};

/// What losses say.
pub(super) fn losses(margins: &Margins, candidate: &Losses, before: &Losses) -> Vec<Check> {
    let mut checks = vec![
        at_most(
            "not worse: general texts",
            &differences(&candidate.general, &before.general),
            margins.general,
        ),
        at_most("not worse: divergence from the base", &candidate.divergence, margins.divergence),
    ];
    let weeks: Vec<Vec<f64>> =
        candidate.older.iter().zip(&before.older).map(|(now, was)| differences(now, was)).collect();
    let all: Vec<f64> = weeks.concat();
    if all.len() > 1 {
        checks.push(at_most("not worse: older examples", &all, margins.older.0));
    }
    let worst = weeks.iter().filter(|week| !week.is_empty()).map(|week| mean(week)).fold(f64::MIN, f64::max);
    if worst > f64::MIN {
        let found = format!("{worst:+.3} nats in the worst cycle, at most {:+.2} allowed", margins.older.1);
        checks.push(Check::new("not worse: every older cycle", worst <= margins.older.1, found));
    }
    checks
}

/// What answers say.
pub(super) fn answers(margins: &Margins, sets: &Sets, candidate: &Said, before: &Said) -> Vec<Check> {
    let pairs = || candidate.facts.iter().zip(&before.facts);
    let (lost, gained) = (
        pairs().filter(|(now, was)| !**now && **was).count(),
        pairs().filter(|(now, was)| **now && !**was).count(),
    );
    // A single fact may turn by chance where answers are short; two may not.
    let facts = Check::new(
        "not worse: facts",
        lost <= 1 + gained && mcnemar(lost, gained) > 0.01 && lost <= 1,
        format!("{lost} of {} facts lost, {gained} gained", candidate.facts.len()),
    );
    let mut checks = vec![facts];
    for ((rule, now), was) in sets.rules.iter().zip(&candidate.rules).zip(&before.rules) {
        let (positives, negatives) = (rule.positive.len(), rule.negative.len());
        let lost = was.0.saturating_sub(now.0);
        let allowed = (positives / 8).max(usize::from(positives >= 8));
        let fired = now.1 as f64 / negatives.max(1) as f64;
        let found = format!(
            "`{}` shows on {} of {positives} of its prompts (before {}), and on {} of {negatives} others",
            rule.rule, now.0, was.0, now.1
        );
        checks.push(Check::new("not worse: rule", lost <= allowed && fired <= margins.negatives, found));
    }
    checks
}

/// Whether the mean of independent values is surely at most `limit`.
fn at_most(name: &str, values: &[f64], limit: f64) -> Check {
    let topics: Vec<u64> = (0..values.len() as u64).collect();
    let bound = upper_bound(values, &topics);
    let found = format!("{:+.3} nats, surely at most {bound:+.3}, allowed {limit:+.2}", mean(values));
    Check::new(name, bound <= limit, found)
}

fn differences(now: &[f64], was: &[f64]) -> Vec<f64> {
    now.iter().zip(was).map(|(now, was)| now - was).collect()
}
