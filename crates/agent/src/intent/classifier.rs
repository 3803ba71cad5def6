//! The classifier as it is used: trained on the examples, and set right by the user.

use super::examples::examples;
use super::features::Features;
use super::regression::{Regression, Sample, Scores};
use super::{Example, Intent, Judgement, vectors};
use knowledge::embed::{EmbedError, Embedder};
use std::path::Path;
use std::sync::Arc;

/// Cosine from which on a message is taken for one that was corrected.
const NEAR: f32 = 0.9;

/// How many times as much as an example a correction counts in training.
const CORRECTION: f64 = 5.0;

/// Makes probabilities of scores: what is chosen with 0.9 shall be right nine times in ten.
const SHARPNESS: f64 = 5.0;

/// Judges messages.
pub struct Classifier {
    embedder: Arc<dyn Embedder>,
    examples: Vec<(Example, Features)>,
    corrections: Vec<(Intent, Features)>,
    regression: Regression,
}

impl Classifier {
    /// Trains a classifier on the examples and on `corrections`, the oldest first. The embeddings of the examples are
    /// kept in the file `cache`.
    pub fn open(
        embedder: Arc<dyn Embedder>,
        corrections: &[(String, Intent)],
        cache: Option<&Path>,
    ) -> Result<Classifier, EmbedError> {
        let examples = examples();
        let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
        let vectors = vectors::of(&*embedder, &texts, cache)?;
        let examples: Vec<(Example, Features)> = (examples.into_iter().zip(vectors))
            .map(|(example, vector)| {
                let features = Features::new(&example.text, vector);
                (example, features)
            })
            .collect();
        let regression = Regression::train(&[]);
        let mut classifier = Classifier { embedder, examples, corrections: Vec::new(), regression };
        classifier.correct(corrections)?;
        Ok(classifier)
    }

    /// Takes `corrections` in place of those before, the oldest first. They count from the next message on.
    pub fn correct(&mut self, corrections: &[(String, Intent)]) -> Result<(), EmbedError> {
        let texts: Vec<&str> = corrections.iter().map(|(text, _)| text.as_str()).collect();
        let vectors = self.embedder.embed(&texts)?;
        self.corrections = (corrections.iter().zip(vectors))
            .map(|((text, intent), vector)| (*intent, Features::new(text, vector)))
            .collect();
        let examples = self.examples.iter().map(|(example, features)| {
            let local = if example.local { 0.5 } else { -0.5 };
            Sample { features, targets: targets(example.intent, local), weight: 1.0 }
        });
        // Whether code is needed was not said.
        let corrected = self.corrections.iter().map(|(intent, features)| Sample {
            features,
            targets: targets(*intent, 0.0),
            weight: CORRECTION,
        });
        self.regression = Regression::train(&examples.chain(corrected).collect::<Vec<_>>());
        Ok(())
    }

    /// What `text` asks for.
    pub fn judge(&self, text: &str) -> Result<Judgement, EmbedError> {
        let vector = self.embedder.embed(&[text])?.pop();
        let vector = vector.ok_or_else(|| EmbedError("there is no vector".to_owned()))?;
        let features = Features::new(text, vector);
        let samples = self.examples.iter().map(|(_, features)| features);
        let samples = samples.chain(self.corrections.iter().map(|(_, features)| features));
        let scores = self.regression.scores(samples, &features);
        let (intent, confidence) = self.corrected(&features).unwrap_or_else(|| likeliest(&scores));
        Ok(Judgement { intent, confidence: confidence.clamp(0.0, 1.0), needs_code: scores[3] > 0.0 })
    }

    /// What the user said of the nearest message that was corrected, where one is near; of two that are equally near,
    /// the later counts.
    fn corrected(&self, features: &Features) -> Option<(Intent, f32)> {
        let near = self.corrections.iter().map(|(intent, at)| (*intent, at.cosine(features)));
        near.filter(|(_, similarity)| *similarity >= NEAR).max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

fn targets(intent: Intent, local: f64) -> Scores {
    let mut targets = [-1.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0, local];
    targets[intent as usize] += 1.0;
    targets
}

fn likeliest(scores: &Scores) -> (Intent, f32) {
    let shares = Intent::ALL.map(|intent| (SHARPNESS * scores[intent as usize]).exp());
    let best = Intent::ALL.into_iter().max_by(|&a, &b| shares[a as usize].total_cmp(&shares[b as usize]));
    let best = best.unwrap_or(Intent::Chat);
    (best, (shares[best as usize] / shares.iter().sum::<f64>()) as f32)
}

impl std::fmt::Debug for Classifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Classifier({} examples, {} corrections)", self.examples.len(), self.corrections.len())
    }
}
