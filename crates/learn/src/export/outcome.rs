//! What the user made of an answer.

use super::Signal;
use store::{FeedbackKind, FeedbackRow};

/// Everything that was done to an answer.
pub(super) struct Reactions<'a> {
    pub(super) rows: &'a [&'a FeedbackRow],
    /// It is the user's own version of another one.
    pub(super) edited: bool,
    pub(super) answered_again: bool,
    /// Taught rules stood in its prompt.
    pub(super) rules: bool,
}

/// The strongest reaction. What the user has said of an answer goes before what hone has seen.
pub(super) fn signal(reactions: &Reactions<'_>) -> Signal {
    let has = |kind| reactions.rows.iter().any(|row| row.kind == kind);
    let liked = |signal| if reactions.rules { Signal::Rule } else { signal };
    match () {
        () if has(FeedbackKind::Down) => Signal::Down,
        () if reactions.edited => Signal::Edited,
        () if has(FeedbackKind::Correction) => Signal::Correction,
        () if has(FeedbackKind::Up) => liked(Signal::Up),
        () if has(FeedbackKind::Regenerated) || reactions.answered_again => Signal::Regenerated,
        () if has(FeedbackKind::Kept) => liked(Signal::Kept),
        () => Signal::Silence,
    }
}
