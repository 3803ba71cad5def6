//! Is it better at what the user wants? Loss, size of the gain, edit distance, and whether the question still matters.

use super::stats::{mean, sign_flip};
use super::{
    Bound, Check, Evidence, Kept, Losses, Margins, Measured, RuleProbes, Said, Sets, Unit, distance,
};

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
    // The test counts in the first look only, the evidence always.
    let by_test = evidence.looks <= 1 && !evidence.is_enough();
    let chance = match by_test {
        true => Measured::new("p", p, Bound::AtMost, margins.level, Unit::Chance),
        false => Measured::new("evidence", seen, Bound::AtLeast, Evidence::ENOUGH, Unit::Chance),
    };
    let asked = margins.gain.0.max(margins.gain.1 * was);
    let gained = Measured::new("gain", gain, Bound::AtLeast, asked, Unit::Nats);
    let own = |l: &Losses| mean(&l.crossed) - mean(&l.fresh);
    let (now_own, was_own) = (own(candidate), own(before));
    let least = margins.relevance * was_own.max(0.0);
    let worth = Measured::new("worth of the question", now_own, Bound::AtLeast, least, Unit::Nats);
    let checks = vec![
        Check::new(
            "better: not by chance",
            sure,
            format!(
                "p = {p:.4} on {} new examples, evidence {seen:.1} over {} looks",
                gains.len(),
                evidence.looks
            ),
        )
        .with(vec![chance]),
        Check::of(
            "better: by enough",
            vec![gained],
            format!(
                "{gain:+.3} nats a token of {was:.3}, asked for are {:.2} and {:.0} %",
                margins.gain.0,
                100.0 * margins.gain.1
            ),
        ),
        Check::of(
            "better: for this question",
            vec![worth.before(was_own)],
            format!(
                "the own question is worth {now_own:.3} nats a token to its answer (before {was_own:.3})"
            ),
        ),
    ];
    let undecided = !sure && gain > 0.0 && checks[2].passed;
    Better { checks, undecided, rule: false }
}

/// What answers say: the edit distance.
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
    let edited = Measured::new("to edit", now, Bound::Below, was, Unit::Share).before(was);
    let less = Check::of("better: less to edit", vec![edited], found);
    better.undecided &= less.passed;
    better.checks.push(less);
}

/// Whether a taught rule is obeyed now that was not before: from under a half of its prompts to nine of ten.
pub(super) fn rule(sets: &Sets, candidate: &Kept, before: &Kept) -> bool {
    let share = |shown: usize, rule: &RuleProbes| shown as f64 / rule.positive.len().max(1) as f64;
    let mut rules = sets.rules.iter().zip(candidate.rules.iter().zip(&before.rules));
    rules.any(|(rule, (now, was))| {
        rule.positive.len() >= 4 && share(was.0, rule) < 0.5 && share(now.0, rule) >= 0.9
    })
}

#[cfg(test)]
mod tests {
    use super::super::Held;
    use super::*;
    use crate::generate::Answer;
    use engine::train::Example;

    fn sets(count: usize) -> Sets {
        let held = |n: usize| Held {
            example: Example::all(vec![1, 2, 3]),
            prompt: vec![1],
            wanted: "wanted text".into(),
            question: String::new(),
            topic: n as u64,
            digest: n.to_string(),
        };
        Sets { fresh: (0..count).map(held).collect(), ..Sets::default() }
    }

    fn measured(fresh: Vec<f64>, worth: f64) -> Losses {
        let crossed = fresh.iter().map(|loss| loss + worth).collect();
        Losses {
            fresh,
            crossed,
            older: Vec::new(),
            general: Vec::new(),
            divergence: Vec::new(),
            triggered: Vec::new(),
        }
    }

    fn said(text: &str, count: usize) -> Said {
        let fresh = vec![Answer { text: text.into(), ended: true }; count];
        Said { fresh, general: Vec::new() }
    }

    /// Names of the failed checks, and whether it is undecided.
    fn judged(now: &Losses, was: &Losses, answer: &str) -> (Vec<String>, bool) {
        let (sets, margins) = (sets(now.fresh.len()), Margins::of(1));
        let evidence = Evidence::default().with(&sets, now, was);
        let mut better = losses(&margins, &sets, now, was, &evidence);
        let count = now.fresh.len();
        answers(&mut better, &sets, &said(answer, count), &said("something else", count));
        let failed = better.checks.into_iter().filter(|c| !c.passed).map(|c| c.name);
        (failed.collect(), better.undecided)
    }

    #[test]
    fn only_all_of_it_is_better() {
        let was = measured(vec![1.0; 12], 0.4);
        let good = measured(vec![0.4; 12], 0.4);
        assert_eq!(judged(&good, &was, "wanted text"), (vec![], false));
        assert_eq!(judged(&good, &was, "qqqqqqqqqqqqqqqq").0, ["better: less to edit"]);
        let small = measured(vec![0.97; 12], 0.4);
        assert_eq!(judged(&small, &was, "wanted text"), (vec!["better: by enough".into()], false));
        // An adapter of shuffled answers knows the style, and no longer listens to the question.
        let deaf = measured(vec![0.4; 12], 0.1);
        assert_eq!(judged(&deaf, &was, "wanted text"), (vec!["better: for this question".into()], false));
    }

    #[test]
    fn a_gain_that_chance_could_explain_is_undecided_and_a_loss_is_not() {
        let was = measured(vec![1.0; 8], 0.4);
        let mixed = measured(vec![0.5, 1.3, 0.8, 1.2, 0.6, 1.1, 0.7, 1.1], 0.4);
        let (failed, undecided) = judged(&mixed, &was, "wanted text");
        assert!(failed.contains(&"better: not by chance".to_owned()) && undecided, "{failed:?}");
        let worse = measured(vec![1.1; 8], 0.4);
        assert!(!judged(&worse, &was, "wanted text").1);
    }

    #[test]
    fn a_second_look_goes_by_the_evidence_alone() {
        let (sets, margins) = (sets(8), Margins::of(1));
        let (was, now) = (measured(vec![1.0; 8], 0.4), measured(vec![0.999; 8], 0.4));
        let sure = |evidence: &Evidence| losses(&margins, &sets, &now, &was, evidence).checks[0].passed;
        let first = Evidence::default().with(&sets, &now, &was);
        assert!(sure(&first), "p is 1/256");
        let second = first.with(&sets, &now, &was);
        assert_eq!(second.log_evidence, first.log_evidence, "each example counts once");
        assert!(!sure(&second));
    }
}
