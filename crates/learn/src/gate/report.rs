//! What a cycle did, in plain words and as JSON.

use super::{Again, Check, Decision, Evidence, Judgement};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What became of one new example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What was asked.
    pub question: String,
    /// What the user wants.
    pub wanted: String,
    /// What was answered before, and what the candidate answers.
    pub before: String,
    /// What the candidate answers.
    pub after: String,
    /// How much its loss fell, in nats a token.
    pub gain: f64,
    /// How much less of the answer must be edited, as a share of it.
    pub less_to_edit: f64,
}

/// One judgement of a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// How it was trained a second time.
    pub again: Option<Again>,
    /// What the update was multiplied with.
    pub scale: f32,
    /// What was decided.
    pub decision: Decision,
    /// The checks that failed.
    pub failed: Vec<Check>,
}

impl Attempt {
    /// What is kept of a judgement.
    pub fn new(judgement: &Judgement, again: Option<Again>) -> Attempt {
        let failed = judgement.checks.iter().filter(|check| !check.passed).cloned().collect();
        Attempt { again, scale: judgement.scale, decision: judgement.decision, failed }
    }
}

/// The report of a cycle. It lies beside the adapter, or in the folder of the run where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of this layout: 1.
    pub version: u32,
    /// What became of the candidate.
    pub decision: Decision,
    /// Why, in one sentence.
    pub because: String,
    /// The model.
    pub model: String,
    /// What it was compared with: an adapter, or the model alone.
    pub against: String,
    /// What the update was multiplied with.
    pub scale: f32,
    /// How it was trained, where it is the second attempt.
    pub again: Option<Again>,
    /// Examples that were learned, that were held back, and conversations that they come from.
    pub learned: usize,
    /// Held back, of now and of earlier cycles.
    pub held: usize,
    /// Conversations.
    pub chats: Vec<String>,
    /// Questions of the examples that weigh most, shortened.
    pub from: Vec<String>,
    /// SHA-256 over the data, and the seed.
    pub data: String,
    /// Seed of the training.
    pub seed: u64,
    /// Taught rules of which no text can tell whether they are obeyed.
    #[serde(default)]
    pub unprobed: Vec<String>,
    /// The checks of the last judgement.
    pub checks: Vec<Check>,
    /// All that was judged, in its order; the last one decided. Empty in reports of before it was kept.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// Evidence that is carried on.
    pub evidence: Evidence,
    /// What became of the new examples, the best first.
    pub changes: Vec<Change>,
    /// Training losses, step by step.
    pub losses: Vec<f64>,
    /// Seconds of training, and of everything.
    pub seconds: (f64, f64),
}

/// Why it was decided so.
pub fn because(judgement: &Judgement) -> String {
    let failed: Vec<&Check> = judgement.checks.iter().filter(|check| !check.passed).collect();
    let said =
        failed.iter().map(|check| format!("{}: {}", check.name, check.found)).collect::<Vec<_>>().join("; ");
    match judgement.decision {
        Decision::Promote if failed.is_empty() => "it is better at what you want and worse in nothing".into(),
        Decision::Promote => format!("a rule that you taught is obeyed now, and nothing is worse ({said})"),
        Decision::Hold => {
            format!("it cannot be told yet whether it is better ({said}); what was seen counts the next time")
        }
        Decision::Reject => format!("it did not pass ({said})"),
    }
}

impl Report {
    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let decision = match self.decision {
            Decision::Promote => "Promoted",
            Decision::Hold => "Held",
            Decision::Reject => "Rejected",
        };
        let _ = writeln!(out, "{decision}: {}.", self.because);
        let _ = writeln!(
            out,
            "Learned from {} examples of {} conversations on {}; {} were held back to judge with. Compared with {}.",
            self.learned,
            self.chats.len(),
            self.model,
            self.held,
            self.against
        );
        if self.scale < 1.0 {
            let _ = writeln!(out, "All of the change was too much: {} of it is used.", self.scale);
        }
        if let Some(again) = self.again {
            let _ = writeln!(out, "It is the second attempt, {again}.");
        }
        if let Some((_, earlier)) = self.attempts.split_last().filter(|(_, earlier)| !earlier.is_empty()) {
            let _ = writeln!(out, "\nTried before:");
            for Attempt { again, scale, failed, .. } in earlier {
                let how = again.map_or_else(String::new, |again| format!(", trained {again}"));
                let failed: Vec<String> =
                    failed.iter().map(|check| format!("{}: {}", check.name, check.found)).collect();
                let _ = writeln!(out, "  {scale} of the change{how}: {}", failed.join("; "));
            }
        }
        let _ = writeln!(out, "\nLearned, among others:");
        for question in &self.from {
            let _ = writeln!(out, "  {question}");
        }
        let _ = writeln!(out, "\nChecks:");
        for Check { name, passed, found, .. } in &self.checks {
            let _ = writeln!(out, "  {} {name}: {found}", if *passed { "ok  " } else { "FAIL" });
        }
        if !self.unprobed.is_empty() {
            let _ = writeln!(out, "  --   no check can tell whether these rules are obeyed:");
            for rule in &self.unprobed {
                let _ = writeln!(out, "         {}", shortened(rule));
            }
        }
        let _ =
            writeln!(out, "  --   no code was run: whether programs of it pass their tests is not judged");
        let better = self.changes.iter().filter(|change| change.gain > 0.0).count();
        if !self.changes.is_empty() {
            let _ = writeln!(out, "\nBetter on {better} of {} new examples.", self.changes.len());
        }
        if let Some(best) = self.changes.first().filter(|change| change.gain > 0.0) {
            let _ = writeln!(out, "\nBest: {}", shortened(&best.question));
            let _ = writeln!(out, "before:\n{}\nafter:\n{}", indented(&best.before), indented(&best.after));
        }
        if let Some(worst) = self.changes.last().filter(|change| change.gain < 0.0) {
            let _ =
                writeln!(out, "\nWorst: {} ({:+.3} nats a token)", shortened(&worst.question), -worst.gain);
        }
        out
    }
}

/// One line of a text.
pub fn shortened(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn indented(text: &str) -> String {
    text.trim().lines().map(|line| format!("    {line}\n")).collect::<String>().trim_end().to_owned()
}
