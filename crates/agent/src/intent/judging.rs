//! The classifier as a turn uses it: it may come late, and takes corrections while it judges.

use super::{Classifier, Intent, Judgement};
use crate::seam::Judge;
use knowledge::embed::EmbedError;
use std::sync::{PoisonError, RwLock};

/// Judges with a classifier once there is one. Until then every message is a chat that the user's code may bear on.
#[derive(Default)]
pub struct Judging(RwLock<Option<Classifier>>);

impl Judging {
    /// From now on this one judges.
    pub fn judge_with(&self, classifier: Classifier) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(classifier);
    }

    /// Takes the user's corrections, all of them, the oldest first; they count from the next message on.
    pub fn correct(&self, corrections: &[(String, Intent)]) -> Result<(), EmbedError> {
        match &mut *self.0.write().unwrap_or_else(PoisonError::into_inner) {
            Some(classifier) => classifier.correct(corrections),
            None => Ok(()),
        }
    }
}

impl Judge for Judging {
    fn judge(&self, text: &str) -> Judgement {
        let classifier = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let unknown = Judgement { intent: Intent::Chat, confidence: 0.0, needs_code: true };
        classifier.as_ref().map_or(unknown, |classifier| {
            classifier.judge(text).unwrap_or_else(|error| {
                tracing::warn!("a message could not be judged: {error}");
                unknown
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_classifier_a_message_is_a_chat_about_code() {
        let judged = Judging::default().judge("Write a parser.");
        assert_eq!((judged.intent, judged.confidence, judged.needs_code), (Intent::Chat, 0.0, true));
    }
}
