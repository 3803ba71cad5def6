//! Teaching a rule in so many words: what is known already stays one rule, and what contradicts another waits.

use super::{Likeness, NewRule, Resemblance, Rule, RuleState, Rules};
use crate::StoreError;
use serde::Serialize;

/// What became of a rule that the user has taught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remembered {
    /// The rule: the new one, or the one that says the same already. A draft where it contradicts another one.
    pub rule: Rule,
    /// Whether it was written now.
    pub new: bool,
    /// Other rules that say about the same, or the opposite.
    pub alike: Vec<Resemblance>,
}

impl Rules<'_> {
    /// Teaches a rule, which holds at once. One that says the same is not written twice; one that contradicts another
    /// is a draft until the user has said which of them holds, or has said so with `replaces`.
    pub fn remember(&self, new: NewRule) -> Result<Remembered, StoreError> {
        let mut alike = self.like(&new.text, &new.scope)?;
        alike.retain(|other| Some(other.rule.id) != new.replaces);
        let same = |other: &Resemblance| {
            let holds = other.rule.state == RuleState::Active && other.rule.scope == new.scope;
            other.likeness == Likeness::Duplicate && holds && new.replaces.is_none()
        };
        if let Some(known) = alike.iter().find(|other| same(other)) {
            return Ok(Remembered { rule: known.rule.clone(), new: false, alike });
        }
        let contradicts = alike.iter().any(|other| other.likeness == Likeness::Contradiction);
        let state = if contradicts { RuleState::Draft } else { RuleState::Active };
        Ok(Remembered { rule: self.add(NewRule { state, ..new })?, new: true, alike })
    }

    /// Offers a rule as a draft; none where one says the same already, or was offered before.
    pub fn offer(&self, new: NewRule) -> Result<Option<Rule>, StoreError> {
        let alike = self.like(&new.text, &new.scope)?;
        if alike.iter().any(|other| other.likeness == Likeness::Duplicate) {
            return Ok(None);
        }
        self.add(NewRule { state: RuleState::Draft, ..new }).map(Some)
    }
}
