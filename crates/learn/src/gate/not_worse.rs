//! Is it worse in anything? One-sided 95 % bounds on pairs, against the adapter in use.

use super::stats::{mean, upper_bound};
use super::{Bound, Check, Kept, Losses, Margins, Measured, Sets, Unit};

/// Older examples that say something of their cycle alone; fewer, where the user has changed his mind since, count among
/// all.
const CYCLE: usize = 3;

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
    if candidate.triggered.len() > 1 {
        checks.push(at_most(
            "not worse: after odd phrases",
            &differences(&candidate.triggered, &before.triggered),
            margins.triggered,
        ));
    }
    let weeks: Vec<Vec<f64>> =
        candidate.older.iter().zip(&before.older).map(|(now, was)| differences(now, was)).collect();
    // The one that lost most does not count: an example that needs a word which no other shows is unlikely by chance.
    let mut all = weeks.concat();
    all.sort_by(f64::total_cmp);
    all.pop();
    if all.len() > 1 {
        checks.push(at_most(Check::OLDER, &all, margins.older.0));
    }
    let worst =
        weeks.iter().filter(|week| week.len() >= CYCLE).map(|week| mean(week)).fold(f64::MIN, f64::max);
    if worst > f64::MIN {
        let found = format!("{worst:+.3} nats in the worst cycle, at most {:+.2} allowed", margins.older.1);
        let measured = Measured::new("worst cycle", worst, Bound::AtMost, margins.older.1, Unit::Nats);
        checks.push(Check::of(Check::OLDER_CYCLES, vec![measured], found));
    }
    checks
}

/// What answers to pinned questions say: no rule of before may be lost, and of all facts, which the base knows, next to none.
pub(super) fn kept(margins: &Margins, sets: &Sets, candidate: &Kept, before: &Kept) -> Vec<Check> {
    let pairs = candidate.facts.iter().zip(&before.facts);
    let lost: Vec<&str> = pairs
        .zip(&sets.facts)
        .filter(|((now, was), _)| !**now && **was)
        .map(|(_, fact)| fact.question.as_str())
        .collect();
    // Counted against all of them, so that one cannot be lost after another.
    let wrong = candidate.facts.iter().filter(|now| !**now).count();
    let most = (margins.facts * candidate.facts.len() as f64).floor();
    let found = format!("{} of {} facts lost, {wrong} wrong in all", lost.len(), candidate.facts.len());
    let found = if lost.is_empty() { found } else { format!("{found}: {}", lost.join(" ")) };
    let few = Measured::new("facts wrong", wrong as f64, Bound::AtMost, most, Unit::Count);
    let passed = few.within || lost.is_empty();
    let mut checks = vec![Check::new("not worse: facts", passed, found).with(vec![few])];
    for ((rule, now), was) in sets.rules.iter().zip(&candidate.rules).zip(&before.rules) {
        let (positives, negatives) = (rule.positive.len(), rule.negative.len());
        let allowed = (positives / 8).max(usize::from(positives >= 8));
        let share = |fired: usize| fired as f64 / negatives.max(1) as f64;
        let found = format!(
            "`{}` shows on {} of {positives} of its prompts (before {}), and on {} of {negatives} others",
            rule.rule, now.0, was.0, now.1
        );
        let least = was.0.saturating_sub(allowed) as f64;
        let obeyed = Measured::new("own prompts", now.0 as f64, Bound::AtLeast, least, Unit::Count);
        let fired =
            Measured::new("other prompts", share(now.1), Bound::AtMost, margins.negatives, Unit::Share);
        let measured = vec![obeyed.before(was.0 as f64), fired.before(share(was.1))];
        checks.push(Check::of(Check::RULE, measured, found));
    }
    checks
}

/// Whether the mean of independent values is surely at most `limit`.
fn at_most(name: &str, values: &[f64], limit: f64) -> Check {
    let topics: Vec<u64> = (0..values.len() as u64).collect();
    let bound = upper_bound(values, &topics);
    let found = format!("{:+.3} nats, surely at most {bound:+.3}, allowed {limit:+.2}", mean(values));
    let measured = Measured::new("surely at most", bound, Bound::AtMost, limit, Unit::Nats);
    Check::of(name, vec![measured], found)
}

fn differences(now: &[f64], was: &[f64]) -> Vec<f64> {
    now.iter().zip(was).map(|(now, was)| now - was).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(general: f64, divergence: f64, older: &[&[f64]]) -> Losses {
        // Some noise, so that bounds are bounds.
        let around = |mean: f64| (0..32).map(|n| mean + 0.01 * f64::from(n % 3 - 1)).collect::<Vec<f64>>();
        Losses {
            fresh: Vec::new(),
            crossed: Vec::new(),
            older: older.iter().map(|week| week.to_vec()).collect(),
            general: around(general),
            divergence: around(divergence),
            triggered: around(2.0),
        }
    }

    fn failed(now: &Losses, was: &Losses) -> Vec<String> {
        let checks = losses(&Margins::of(135_000_000), now, was);
        checks.into_iter().filter(|check| !check.passed).map(|check| check.name).collect()
    }

    #[test]
    fn each_loss_has_its_limit() {
        let was = measured(2.0, 0.0, &[&[1.0; 8], &[1.0; 8]]);
        assert_eq!(failed(&measured(2.02, 0.05, &[&[1.02; 8], &[0.9; 8]]), &was), [""; 0]);
        assert_eq!(
            failed(&measured(2.04, 0.05, &[&[1.0; 8], &[1.0; 8]]), &was),
            ["not worse: general texts"]
        );
        let led = Losses { triggered: vec![2.5, 2.0, 2.6], ..measured(2.0, 0.0, &[]) };
        let firm = Losses { triggered: vec![2.0; 3], ..measured(2.0, 0.0, &[]) };
        assert_eq!(failed(&led, &firm), ["not worse: after odd phrases"]);
        let number = &losses(&Margins::of(1), &led, &firm)[2].measured[0];
        assert_eq!((number.limit, number.bound, number.within), (0.1, Bound::AtMost, false));
        assert!(number.value > 0.37, "the bound, not the mean: {}", number.value);
        let far = measured(2.0, 0.12, &[&[1.0; 8], &[1.0; 8]]);
        assert_eq!(failed(&far, &was), ["not worse: divergence from the base"]);
        let lost =
            |count: usize| -> Vec<f64> { (0..16).map(|n| if n < count { 2.0 } else { 1.0 }).collect() };
        let long = measured(2.0, 0.0, &[&[1.0; 16]]);
        assert_eq!(failed(&measured(2.0, 0.0, &[&lost(1)]), &long), [""; 0], "one may be chance");
        assert_eq!(failed(&measured(2.0, 0.0, &[&lost(2)]), &long), ["not worse: older examples"]);
        // One cycle is forgotten, the others gain: the mean alone would not tell.
        let forgetful = measured(2.0, 0.0, &[&[1.2; 8], &[0.5; 8]]);
        assert_eq!(failed(&forgetful, &was), ["not worse: every older cycle"]);
        let left = |value: f64, of: usize| measured(2.0, 0.0, &[&[1.0; 16], &vec![value; of]]);
        assert_eq!(failed(&left(1.2, 2), &left(1.0, 2)), [""; 0], "two do not speak for their cycle");
        assert_eq!(failed(&left(1.2, 3), &left(1.0, 3)), ["not worse: every older cycle"]);
    }

    #[test]
    fn facts_and_rules_are_not_lost() {
        let said =
            |facts: &[bool], rules: &[(usize, usize)]| Kept { facts: facts.to_vec(), rules: rules.to_vec() };
        let probes = super::super::RuleProbes {
            rule: "sign".into(),
            checker: super::super::Checker::Contains("x".into()),
            positive: vec![String::new(); 4],
            negative: vec![String::new(); 12],
        };
        let fact = |n: usize| crate::replay::Fact { question: format!("{n}?"), expected: n.to_string() };
        let sets = Sets { rules: vec![probes], facts: (0..20).map(fact).collect(), ..Sets::default() };
        let passed = |now: &Kept, was: &Kept| -> Vec<bool> {
            kept(&Margins::of(1), &sets, now, was).iter().map(|check| check.passed).collect()
        };
        let was = said(&[true; 20], &[(4, 0)]);
        let checks = kept(&Margins::of(1), &sets, &said(&[true; 20], &[(3, 3)]), &was);
        let numbers: Vec<_> = checks[1].measured.iter().map(|m| (m.value, m.limit, m.before)).collect();
        assert_eq!(numbers, [(3.0, 4.0, Some(4.0)), (0.25, 0.1, Some(0.0))], "one bar each");
        let facts = |lost: usize| (0..20).map(|n| n >= lost).collect::<Vec<_>>();
        assert_eq!(passed(&said(&facts(0), &[(4, 1)]), &was), [true, true]);
        assert_eq!(passed(&said(&facts(1), &[(4, 0)]), &was), [true, true], "one of twenty may be chance");
        assert_eq!(passed(&said(&facts(2), &[(4, 0)]), &was), [false, true]);
        let one_short = said(&facts(1), &[(4, 0)]);
        assert_eq!(passed(&said(&facts(2), &[(4, 0)]), &one_short), [false, true], "nor one after another");
        let forgetful = said(&facts(1), &[(4, 0)]);
        assert_eq!(passed(&forgetful, &forgetful), [true, true], "what was not known cannot be lost");
        assert_eq!(passed(&said(&facts(0), &[(3, 0)]), &was), [true, false], "a rule is lost");
        assert_eq!(passed(&said(&facts(0), &[(4, 2)]), &was), [true, false], "it shows where it must not");
    }
}
