//! What belongs to a cycle, what happens in it, and what comes of it.

use super::Example;
use crate::adapters::{Base, Manifest};
use crate::dataset::Message;
use crate::gate::{Again, Decision, Judgement, Margins, Report};
use crate::replay::Size;
use crate::train::{self, Recipe};
use engine::Engine;
use engine::train::Device;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;

/// How to write down what is deployed: what stands before an example's answer, with the rules and the memory of its prompt.
pub type Deployed<'a> = &'a dyn Fn(&Example) -> Vec<Message>;

/// What belongs to a cycle.
pub struct Cycle<'a> {
    /// The data folder.
    pub home: &'a Path,
    /// The model that answers, and is trained.
    pub engine: &'a Engine,
    /// What computes.
    pub device: Arc<dyn Device>,
    /// Name and hash of the model.
    pub base: Base,
    /// Its file.
    pub model: PathBuf,
    /// Where adapters note the conversations that they have learned, if anywhere.
    pub store: Option<&'a Store>,
    /// How the prompt of a deployed answer is made; as it is, where it is left out.
    pub deployed: Option<Deployed<'a>>,
    /// Taught rules, the most important first. Those whose text has a form that can be checked are probed.
    pub rules: Vec<String>,
    /// More examples that are judged with like older ones, and are never learned: of files that are held out.
    pub held_out: Vec<Example>,
    /// Settings.
    pub options: Options,
}

/// Settings of a cycle.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the adapter will be called.
    pub name: String,
    /// Of the training.
    pub seed: u64,
    /// How much replay.
    pub size: Size,
    /// Instead of the recipe that follows from the number of examples.
    pub recipe: Option<Recipe>,
    /// What the gate allows and asks for; by the size of the model, where it is left out.
    pub margins: Option<Margins>,
    /// Whether the gate decides. Without it every candidate is put in use as it was trained; the report says what the gate
    /// would have decided.
    pub gate: bool,
    /// Whether the candidate is compared with the model alone, and takes the place of what is in use only then: after a
    /// conversation was forgotten.
    pub anew: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (recipe, margins) = (None, None);
        Options {
            name: "learned".into(),
            seed: 0,
            size: Size::FULL,
            recipe,
            margins,
            gate: true,
            anew: false,
        }
    }
}

/// What happens while a cycle lasts.
pub enum Event<'a> {
    /// The base has answered so many of so many general prompts.
    Replay(usize, usize),
    /// Something to know.
    Remark(&'a str),
    /// A run begins, or goes on after so many steps.
    Begun(&'a train::RunInfo, &'a train::Plan, u64),
    /// The run goes on.
    Train(&'a train::Event<'a>),
    /// The candidate is being judged.
    Judging,
    /// It was judged at one scale.
    Judged(&'a Judgement),
    /// It did not pass; the second attempt begins.
    Retry(Again),
}

/// What came of a cycle.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// The adapter that was promoted.
    pub adapter: Option<Manifest>,
    /// The report.
    pub report: Report,
    /// Its file.
    pub path: PathBuf,
}
