//! The whole judgement of a candidate: all of it, and where that is too much, less of it.

use super::{
    Bound, Change, Check, Decision, Evidence, FEWEST, Judge, Judgement, Kept, Known, Losses, Margins,
    Measured, Said, Unit,
};
use super::{better, distance, not_worse, sanity};
use crate::generate::GenerateError;
use engine::adapter::{Adapter, Loaded, Lora};
use std::sync::Arc;

/// A trained adapter that wants to be used.
pub struct Candidate<'a> {
    /// As it was trained.
    pub adapter: &'a Adapter,
    /// Losses of its training, step by step.
    pub losses: &'a [f64],
    /// Whether less of it may be tried where all of it is too much.
    pub less: bool,
}

/// The adapter in use, or the base alone, with what is known of it.
pub struct Before<'a> {
    /// `None` is the base alone.
    pub adapter: Option<&'a Arc<Loaded>>,
    /// What was measured of it before; what is measured now is added.
    pub known: &'a mut Known,
    /// Evidence of cycles that were held.
    pub evidence: &'a Evidence,
}

/// What was measured of the adapter in use.
struct Was {
    losses: Losses,
    said: Said,
    kept: Kept,
}

/// Judges all of a candidate; where it changes too much, three quarters and a half of it, then what lies between the
/// largest part that passed and the smallest that did not. The adapter of the judgement's scale is given with it.
pub fn rescue(
    judge: &mut Judge<'_>,
    candidate: &Candidate<'_>,
    before: Before<'_>,
    margins: &Margins,
    tried: &mut dyn FnMut(&Judgement),
) -> Result<(Judgement, Arc<Loaded>), GenerateError> {
    let Before { adapter, known, evidence } = before;
    let was = Was {
        losses: judge.losses(adapter, known)?,
        kept: judge.kept(adapter, known)?,
        said: judge.said(adapter, known)?,
    };
    let mut at = |scale: f32| -> Result<(Judgement, Arc<Loaded>), GenerateError> {
        let part = Loaded::new("candidate", scaled(candidate.adapter, scale));
        let judgement = judged(judge, candidate, (scale, &part), &was, evidence, margins)?;
        tried(&judgement);
        Ok((judgement, part))
    };
    let whole = at(1.0)?;
    if !whole.0.is_too_much() || !candidate.less {
        return Ok(whole);
    }
    let most = at(0.75)?;
    if !most.0.is_too_much() {
        return Ok(most);
    }
    let half = at(0.5)?;
    if half.0.decision != Decision::Promote {
        return Ok(half);
    }
    let between = at(0.625)?;
    Ok(if between.0.decision == Decision::Promote { between } else { half })
}

/// All checks at one scale. What costs most comes last, and is left out where the decision is made.
fn judged(
    judge: &mut Judge<'_>,
    candidate: &Candidate<'_>,
    (scale, part): (f32, &Arc<Loaded>),
    was: &Was,
    carried: &Evidence,
    margins: &Margins,
) -> Result<Judgement, GenerateError> {
    let sets = judge.sets;
    let mut checks = sanity::training(part.adapter(), candidate.losses);
    let failed = |checks: &[Check]| checks.iter().any(|check| !check.passed);
    let judgement = |decision, checks, evidence: &Evidence, changes| Judgement {
        decision,
        scale,
        checks,
        evidence: evidence.clone(),
        changes,
    };
    if failed(&checks) {
        return Ok(judgement(Decision::Reject, checks, carried, Vec::new()));
    }
    let mut known = Known::default();
    let losses = judge.losses(Some(part), &mut known)?;
    checks.extend(not_worse::losses(margins, &losses, &was.losses));
    // Rules are looked at all the same: where one shows that must not, no smaller part is tried.
    if failed(&checks) && sets.rules.is_empty() {
        return Ok(judgement(Decision::Reject, checks, carried, Vec::new()));
    }
    let kept = judge.kept(Some(part), &mut known)?;
    checks.extend(not_worse::kept(margins, sets, &kept, &was.kept));
    if failed(&checks) {
        return Ok(judgement(Decision::Reject, checks, carried, Vec::new()));
    }
    let said = judge.said(Some(part), &mut known)?;
    checks.push(sanity::answers(margins, &said, &was.said));
    let safe = !failed(&checks);
    let few = sets.fresh.len() < FEWEST;
    // Too few are not looked at: they are as new the next time.
    let evidence = if few { carried.clone() } else { carried.with(sets, &losses, &was.losses) };
    let mut better = better::losses(margins, sets, &losses, &was.losses, &evidence);
    better::answers(&mut better, sets, &said, &was.said);
    better.rule = better::rule(sets, &kept, &was.kept);
    let passed = better.rule || !failed(&better.checks);
    let changes = changes(judge, (&losses, &said), (&was.losses, &was.said));
    let decision = match () {
        () if !safe => Decision::Reject,
        () if few && !better.rule => Decision::Hold,
        () if passed => Decision::Promote,
        () if better.undecided => Decision::Hold,
        () => Decision::Reject,
    };
    if few {
        let found = format!("{} new examples, at least {FEWEST} are needed", sets.fresh.len());
        let (count, needed) = (sets.fresh.len() as f64, FEWEST as f64);
        let count = Measured::new("new examples", count, Bound::AtLeast, needed, Unit::Count);
        checks.push(Check::of("enough new examples", vec![count], found));
    }
    checks.extend(better.checks);
    Ok(judgement(decision, checks, &evidence, changes))
}

/// What became of each new example.
fn changes(judge: &Judge<'_>, now: (&Losses, &Said), was: (&Losses, &Said)) -> Vec<Change> {
    let change = |(n, held): (usize, &super::Held)| Change {
        question: held.question.clone(),
        wanted: held.wanted.clone(),
        before: was.1.fresh[n].text.clone(),
        after: now.1.fresh[n].text.clone(),
        gain: was.0.fresh[n] - now.0.fresh[n],
        less_to_edit: distance(&was.1.fresh[n].text, &held.wanted)
            - distance(&now.1.fresh[n].text, &held.wanted),
    };
    judge.sets.fresh.iter().enumerate().map(change).collect()
}

/// The same update, `factor` times as strong.
pub(super) fn scaled(adapter: &Adapter, factor: f32) -> Adapter {
    let mut other = Adapter::empty(adapter.layers());
    for (layer, target, lora) in adapter.iter() {
        other.set(layer, target, Lora { scale: lora.scale * factor, ..lora.clone() });
    }
    other
}
