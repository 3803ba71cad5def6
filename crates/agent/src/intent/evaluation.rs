//! How often is the classifier right?

use super::{Classifier, Example, Intent};
use knowledge::embed::EmbedError;
use serde::Serialize;
use std::time::Instant;

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// Number of messages.
    pub messages: usize,
    /// Share that was judged right.
    pub accuracy: f64,
    /// Rows are what was meant, columns what was judged, in the order of [`Intent::ALL`].
    pub confusion: [[usize; 3]; 3],
    /// Share of which it was rightly said whether the user's own code bears on them.
    pub needs_code_accuracy: f64,
    /// Milliseconds a message, embedding included: median.
    pub ms_p50: f64,
    /// The 99th percentile.
    pub ms_p99: f64,
}

/// Judges every one of `examples`.
pub fn evaluate(classifier: &Classifier, examples: &[Example]) -> Result<Evaluation, EmbedError> {
    let (mut confusion, mut local, mut times) = ([[0; 3]; 3], 0, Vec::new());
    for example in examples {
        let began = Instant::now();
        let found = classifier.judge(&example.text)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        confusion[example.intent as usize][found.intent as usize] += 1;
        local += usize::from(found.needs_code == example.local);
    }
    times.sort_by(f64::total_cmp);
    let right: usize = (0..Intent::ALL.len()).map(|n| confusion[n][n]).sum();
    let (count, at) = (examples.len().max(1), |share: usize| times.get(times.len() * share / 100).copied());
    Ok(Evaluation {
        messages: examples.len(),
        accuracy: right as f64 / count as f64,
        confusion,
        needs_code_accuracy: local as f64 / count as f64,
        ms_p50: at(50).unwrap_or_default(),
        ms_p99: at(99).unwrap_or_default(),
    })
}
