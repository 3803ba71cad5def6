//! Is it an adapter at all? Finite, learned something, and answers that are answers.

use super::{Bound, Check, Margins, Measured, Said, Unit};
use crate::generate::Answer;
use engine::adapter::Adapter;

/// The factors and the losses of the training: mean of its first and of its last steps.
pub(super) fn training(adapter: &Adapter, losses: &[f64]) -> Vec<Check> {
    let finite =
        adapter.iter().all(|(_, _, l)| l.a.as_slice().iter().chain(l.b.as_slice()).all(|v| v.is_finite()));
    let quarter = (losses.len() / 4).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let (first, last) =
        (mean(&losses[..quarter.min(losses.len())]), mean(&losses[losses.len().saturating_sub(quarter)..]));
    let fell = Measured::new("training loss", last, Bound::Below, first, Unit::Nats);
    vec![
        Check::new("sanity: finite", finite, "all values are numbers".into()),
        Check::new(
            "sanity: learned",
            losses.is_empty() || last < first,
            format!("training loss {first:.3} at the beginning, {last:.3} at the end"),
        )
        .with(if losses.is_empty() { Vec::new() } else { vec![fell] }),
    ]
}

/// Its answers: none empty, none that repeats itself or leaks the template, and most with an end.
pub(super) fn answers(margins: &Margins, candidate: &Said, before: &Said) -> Check {
    let broken = |said: &Said| said.fresh.iter().chain(&said.general).filter(|a| is_broken(a)).count();
    let (now, was) = (broken(candidate), broken(before));
    let ended = candidate.fresh.iter().filter(|a| a.ended).count();
    let (broken_more, share) = margins.answers;
    let most = (was + broken_more) as f64;
    let broken = Measured::new("broken answers", now as f64, Bound::AtMost, most, Unit::Count);
    let least = share * candidate.fresh.len() as f64;
    let ends = Measured::new("answers that end", ended as f64, Bound::AtLeast, least, Unit::Count);
    let found = format!(
        "{now} of {} answers empty, repeating or with marks of the template (before {was}); {ended} of {} ended",
        candidate.fresh.len() + candidate.general.len(),
        candidate.fresh.len()
    );
    Check::of(Check::ANSWERS, vec![broken.before(was as f64), ends], found)
}

fn is_broken(answer: &Answer) -> bool {
    let text = answer.text.trim();
    text.is_empty() || text.contains("<|im_") || text.contains("<|end") || repeats(text)
}

/// Over 30 % of the lines twice, or one run of three words four times in under 100.
fn repeats(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| line.len() > 8).collect();
    let mut distinct = lines.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if lines.len() >= 4 && 10 * (lines.len() - distinct.len()) > 3 * lines.len() {
        return true;
    }
    if text.contains("```") {
        return false;
    }
    let words: Vec<&str> = text.split_whitespace().take(100).collect();
    let mut runs: Vec<&[&str]> = words.windows(3).collect();
    runs.sort_unstable();
    runs.chunk_by(|a, b| a == b).any(|same| same.len() >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_itself_is_seen_and_code_is_left_alone() {
        assert!(repeats(&"the same words ".repeat(6)));
        assert!(repeats(&"this line comes again\n".repeat(5)));
        assert!(!repeats("A sentence that says one thing, and another one that says something else."));
        assert!(!repeats(&format!("```\n{}```", "x = f(a, b)\n".repeat(2))));
    }

    #[test]
    fn an_empty_answer_and_a_leaking_one_are_broken() {
        let answer = |text: &str| Answer { text: text.into(), ended: true };
        assert!(is_broken(&answer(" \n")) && is_broken(&answer("yes <|im_start|>user")));
        assert!(!is_broken(&answer("yes")));
    }

    #[test]
    fn a_loss_that_does_not_fall_is_seen() {
        let nothing = Adapter::empty(1);
        assert!(training(&nothing, &[2.0, 1.5, 1.0, 0.5]).iter().all(|c| c.passed));
        assert!(!training(&nothing, &[1.0, 1.5, 1.0, 2.0])[1].passed);
    }
}
