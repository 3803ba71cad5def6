//! From conversations to examples: every answer of the store becomes one, kept or dropped, with a reason either way.
//!
//! The steps, in their order, a file each: `segment` (a tree of messages into context, question and answer, with what was
//! written by others), `outcome` (what the user made of it), the crate's `secrets`, `filters`, `complaint` (what the next
//! turn says), `code`, `alike` (over `duplicates`), `losses`, `weigh`; `judge` calls them. `split` and `write` make a set.

mod alike;
mod code;
mod complaint;
mod credit;
mod duplicates;
mod filters;
mod judge;
mod losses;
mod outcome;
mod outdated;
mod reason;
mod report;
mod segment;
mod split;
mod weigh;
mod write;

use crate::dataset::Message;
pub use credit::credit;
use engine::Model;
use engine::text::TextError;
pub use judge::examine;
pub use report::{Counts, Line};
pub use segment::Conversation;
use serde::Serialize;
use std::sync::Arc;
use store::{ChatFilter, Store, Time};

/// What to take, and who judges it.
#[derive(Clone)]
pub struct Options {
    /// Answers since then only.
    pub since: Option<Time>,
    /// Conversations about this project only (its folder, absolute).
    pub project: Option<String>,
    /// Whether conversations are taken where the user has said neither yes nor no.
    pub unasked: bool,
    /// What weighs less is dropped.
    pub min_weight: f32,
    /// At most so many examples in all, and of one conversation.
    pub most: (usize, usize),
    /// The longest example, in tokens; older context is left out first.
    pub longest: usize,
    /// Whether the code of a fenced block parses, by the word behind the fence; `None` for unknown languages.
    pub parses: Option<Parses>,
    /// The losses of examples under the current model.
    pub losses: Option<Losses>,
}

/// `(language, code)`: whether it parses.
pub type Parses = Arc<dyn Fn(&str, &str) -> Option<bool> + Send + Sync>;
/// For each example, where it can be told.
pub type Losses = Arc<dyn Fn(&[&Example]) -> Vec<Option<Loss>> + Send + Sync>;

/// How likely the current model finds an answer, in nats a token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Loss {
    /// After the question.
    pub with: f64,
    /// Without it, where that was measured.
    pub without: Option<f64>,
}

/// Everything that was looked at, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Export {
    /// The kept and the dropped.
    pub examples: Vec<Example>,
}

/// A question with what stands before it, and an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Id of the conversation; empty for an accepted completion.
    pub chat: String,
    /// Id of the answer.
    pub message: String,
    /// What was said; the last is the answer, and it alone is the target: answers before it are context.
    pub messages: Vec<Message>,
    /// How much it counts; 0 where it was dropped before it was weighed.
    pub weight: f32,
    /// What the user made of it.
    pub signal: Signal,
    /// Examples of one topic belong on one side of every split.
    pub topic: u64,
    /// When the answer (or its edit) was made.
    pub time: Time,
    /// The text that the user's edit has replaced.
    pub rejected_answer: Option<String>,
    /// Whether it is learned from.
    pub verdict: Verdict,
}

/// What the user made of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Rewrote it.
    Edited,
    /// Liked or used it, and a taught rule was at work.
    Rule,
    /// Thumb up.
    Up,
    /// Copied or applied it.
    Kept,
    /// Took a completion in the editor.
    Accepted,
    /// Nothing.
    Silence,
    /// Thumb down.
    Down,
    /// Asked for another answer.
    Regenerated,
    /// Corrected it in the next turn.
    Correction,
}

/// Whether an example is learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It is.
    Kept,
    /// It is not, and why.
    Dropped(Reason),
}

/// Why an example is not learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// The user has taken the conversation out.
    ChatOut,
    /// The user has taken the answer out.
    Out,
    /// Another answer stands in its place.
    Replaced,
    /// Judged bad by the user.
    Disliked,
    /// The next turn complains, or asks the same again.
    Complaint,
    /// Text of another origin is in the answer.
    Foreign(store::Provenance),
    /// It rests on what a tool gave.
    Tools,
    /// A secret of this kind is in it.
    Secret(&'static str),
    /// Nothing is said, or nothing was asked.
    Empty,
    /// Under 3 tokens.
    Short,
    /// Over 2,048 tokens.
    Long,
    /// Stopped, failed, cut off, or a fence was never closed.
    Truncated,
    /// The same lines or words again and again.
    Repetition,
    /// The model refused.
    Refusal,
    /// Nothing but an error's trace.
    ErrorDump,
    /// Control tokens of a chat template as text.
    TemplateLeak,
    /// A fenced block does not parse.
    BrokenCode,
    /// The same question has a newer or better answer.
    Superseded,
    /// The newest answers to questions like it have another form.
    Outdated,
    /// Three of its like are there already.
    Duplicate,
    /// The model knows it already: its loss, in nats a token.
    Known(f32),
    /// No model would say this: its loss.
    Garbage(f32),
    /// The question does not make the answer likelier.
    Unrelated,
    /// It weighs too little.
    Light,
    /// There are enough heavier or newer ones.
    Surplus,
}

/// Why nothing was collected or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The set could not be written.
    #[error(transparent)]
    Dataset(#[from] crate::dataset::DatasetError),
    /// Nothing was kept.
    #[error(
        "none of {looked_at} answers is there to learn from: edit answers, or give thumbs up; the report says why"
    )]
    Nothing {
        /// How many answers there are.
        looked_at: usize,
    },
}

/// Looks at every answer of the store.
pub fn collect(store: &Store, options: &Options) -> Result<Export, ExportError> {
    let filter = ChatFilter { project: options.project.clone(), ..ChatFilter::default() };
    let mut conversations = Vec::new();
    for mut chat in store.chats().list(&filter)? {
        chat.learn = chat.learn.or(Some(options.unasked));
        let (messages, feedback) = (store.messages().tree(chat.id)?, store.feedback().of_chat(chat.id)?);
        conversations.push(Conversation { chat, messages, feedback });
    }
    // A completion belongs to no project that hone knows of.
    let completions = match options.project {
        None => store.feedback().since(options.since.unwrap_or(Time(0)))?,
        Some(_) => Vec::new(),
    };
    Ok(examine(conversations, &completions, options))
}

impl Export {
    /// What is learned from.
    pub fn kept(&self) -> impl Iterator<Item = &Example> {
        self.examples.iter().filter(|example| example.verdict == Verdict::Kept)
    }
}

impl Example {
    /// As the trainer takes it: the last answer alone is the target.
    pub fn tokens(&self, model: &Model) -> Result<engine::train::Example, TextError> {
        let mut example = model.chat_example(&self.messages)?;
        crate::given::unmark(&mut example.supervised, &self.messages, self.messages.len() - 1);
        Ok(example)
    }
}

/// A place in code that is to be filled in, as a question.
pub fn fill_in(language: &str, before: &str, after: &str) -> String {
    format!(
        "Fill in the code at <HOLE>. Answer with that code only.\n```{language}\n{before}<HOLE>{after}\n```"
    )
}

impl Default for Options {
    fn default() -> Options {
        Options {
            since: None,
            project: None,
            unasked: true,
            min_weight: 0.0,
            most: (5000, 50),
            longest: 2048,
            parses: None,
            losses: None,
        }
    }
}
