//! What the base says to general prompts: the anchor of training, and a part of the gate.
//!
//! The base answers each prompt itself, and its most likely tokens at each step are kept with their probabilities. That
//! takes a minute, so the answers lie in `replay/<sha of the base>/` of the data folder (`file`).

mod file;

use crate::generate::{AT_ONCE, GenerateError, Wish, answers};
use crate::turn::Turn;
use engine::text::Message;
use engine::train::{Device, Example, Pack, Scorer};
use engine::{Engine, Model};
use std::path::Path;
use std::sync::Arc;

/// Tokens that are kept for each target.
const TOP: usize = 50;

/// Prompts to learn with, and others to judge with.
const PROMPTS: &str = include_str!("prompts.txt");
const GENERAL: &str = include_str!("general.txt");
/// Questions with the word that a right answer has; none that is judged with is learned.
const FACTS: &str = include_str!("facts.txt");
/// A fact is pinned where the base is right by its most likely answer and by so many that are drawn: what it says by
/// chance today cannot be held against an adapter tomorrow.
pub(crate) const DRAWN: u64 = 4;

/// Prompts between two words of progress: so many that few of them wait for the last one.
const LOT: usize = 2 * AT_ONCE;

/// How much of it: sequences to learn with, sequences to judge with, tokens of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Sequences that steps are held to.
    pub replay: usize,
    /// Sequences that the gate judges with.
    pub general: usize,
    /// Tokens of an answer at most.
    pub tokens: usize,
}

impl Size {
    /// What `hone learn` uses.
    pub const FULL: Size = Size { replay: 128, general: 128, tokens: 64 };
    /// For tests and the demonstration.
    pub const SMALL: Size = Size { replay: 32, general: 32, tokens: 48 };
}

/// What the base says, ready to learn and to judge with.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// To learn with: each has a teacher.
    pub replay: Vec<Example>,
    /// To judge with: each has a teacher.
    pub general: Vec<Example>,
    /// Facts that the base gets right.
    pub facts: Vec<Fact>,
}

/// A question with a sure answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The question.
    pub question: String,
    /// A word of the right answer, in small letters.
    pub expected: String,
}

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The base did not answer.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The prompts cannot be written down for this model.
    #[error("the model's template cannot write a conversation down: {0}")]
    Text(#[from] engine::text::TextError),
    /// Not for this model.
    #[error(transparent)]
    Adapter(#[from] engine::adapter::AdapterError),
    /// It could not be kept.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Pool {
    /// The pool of the engine's model, from the data folder or made now; `made` hears how many answers there are, of
    /// how many. It gives way as `turn` says.
    pub fn open(
        home: &Path,
        base_sha256: &str,
        (engine, device): (&Engine, &Arc<dyn Device>),
        size: Size,
        turn: &mut dyn Turn,
        made: &mut dyn FnMut(usize, usize),
    ) -> Result<Pool, ReplayError> {
        let model = engine.model();
        let key = key(model, size);
        let path = file::path(home, base_sha256, size);
        match file::read(&path, &key, model.info.vocab_size) {
            Ok(Some(pool)) => return Ok(pool),
            Ok(None) => {}
            Err(why) => tracing::warn!("{} is made anew: {why}", path.display()),
        }
        let pool = Pool::make(engine, device, size, turn, made)?;
        file::write(&path, &key, &pool)?;
        Ok(pool)
    }

    fn make(
        engine: &Engine,
        device: &Arc<dyn Device>,
        size: Size,
        turn: &mut dyn Turn,
        made: &mut dyn FnMut(usize, usize),
    ) -> Result<Pool, ReplayError> {
        let model = engine.model();
        let (replay, general) = (lines(PROMPTS, size.replay), lines(GENERAL, size.general));
        let facts = facts();
        let all = replay.len() + general.len() + facts.len();
        let mut scorer = Scorer::new(model.clone(), device.clone(), None)?;
        let mut done = 0;
        let mut part = |prompts: &[&str], first_seed: u64| -> Result<Vec<Example>, ReplayError> {
            let mut examples = Vec::new();
            // A few at a time, so that stopping and progress are prompt.
            for (seeds, prompts) in (first_seed..).step_by(LOT).zip(prompts.chunks(LOT)) {
                let wishes = (seeds..).map(Some).zip(prompts).map(|(seed, prompt)| {
                    Ok(Wish { prompt: model.chat_prompt(&[ask(prompt)])?, most: size.tokens, seed })
                });
                let wishes = wishes.collect::<Result<Vec<_>, ReplayError>>()?;
                let said = answers(engine, None, &wishes, turn)?;
                for (prompt, answer) in prompts.iter().zip(said) {
                    examples.extend(taught(model, &mut scorer, prompt, &answer, turn)?);
                }
                done += prompts.len();
                made(done, all);
            }
            Ok(examples)
        };
        let (replay, general) = (part(&replay, 1)?, part(&general, 1_000_001)?);
        let facts = sure(engine, facts, turn)?;
        made(all, all);
        Ok(Pool { replay, general, facts })
    }
}

impl Fact {
    /// Whether an answer is right.
    pub fn is_in(&self, answer: &str) -> bool {
        answer.to_lowercase().contains(&self.expected)
    }
}

/// The facts that the base is sure of.
fn sure(engine: &Engine, mut facts: Vec<Fact>, turn: &mut dyn Turn) -> Result<Vec<Fact>, ReplayError> {
    for seed in std::iter::once(None).chain((0..DRAWN).map(Some)) {
        let wishes = fact_wishes(engine.model(), &facts)?.into_iter().map(|wish| Wish { seed, ..wish });
        let said = answers(engine, None, &wishes.collect::<Vec<_>>(), turn)?;
        let right = facts.into_iter().zip(said).filter(|(fact, answer)| fact.is_in(&answer.text));
        facts = right.map(|(fact, _)| fact).collect();
    }
    Ok(facts)
}

/// How facts are asked for.
pub fn fact_wishes(model: &Model, facts: &[Fact]) -> Result<Vec<Wish>, engine::text::TextError> {
    let wish =
        |fact: &Fact| Ok(Wish { prompt: model.chat_prompt(&[ask(&fact.question)])?, most: 24, seed: None });
    facts.iter().map(wish).collect()
}

/// The base's answer with its distributions, where it said anything.
fn taught(
    model: &Model,
    scorer: &mut Scorer,
    prompt: &str,
    answer: &crate::generate::Answer,
    turn: &mut dyn Turn,
) -> Result<Option<Example>, ReplayError> {
    if answer.text.trim().is_empty() {
        return Ok(None);
    }
    let said = Message { role: "assistant".into(), content: answer.text.clone() };
    let mut example = model.chat_example(&[ask(prompt), said])?;
    if !answer.ended {
        // Cut off: the end of the turn was not said.
        let last = example.supervised.iter().rposition(|s| *s).unwrap_or(0);
        example.truncate(last);
    }
    if example.targets() == 0 {
        return Ok(None);
    }
    let pack = Pack::new([&example]);
    let teacher =
        scorer.teach(&pack, TOP, &mut || turn.next()).map_err(|_| GenerateError::Stopped)?.remove(0);
    Ok(Some(Example { teacher: Some(Arc::new(teacher)), ..example }))
}

fn ask(prompt: &str) -> Message {
    Message { role: "user".into(), content: prompt.to_owned() }
}

fn lines(text: &'static str, count: usize) -> Vec<&'static str> {
    text.lines().filter(|line| !line.is_empty()).take(count).collect()
}

fn facts() -> Vec<Fact> {
    let fact = |line: &str| {
        let (question, expected) = line.split_once('|')?;
        Some(Fact { question: question.trim().to_owned(), expected: expected.trim().to_lowercase() })
    };
    FACTS.lines().filter_map(fact).collect()
}

/// Whatever changes what the base would say.
fn key(model: &Model, size: Size) -> String {
    use sha2::{Digest, Sha256};
    let template = model.template.as_ref().map_or("", |template| template.source());
    let mut hash = Sha256::new();
    for part in [PROMPTS, GENERAL, FACTS, template, &format!("{size:?} {TOP} {DRAWN}")] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn there_are_enough_prompts_and_none_is_learned_and_judged_with() {
        let (replay, general) = (lines(PROMPTS, usize::MAX), lines(GENERAL, usize::MAX));
        assert!(replay.len() >= 128 && general.len() >= 128, "{} and {}", replay.len(), general.len());
        let all: HashSet<&str> = replay.iter().chain(&general).copied().collect();
        assert_eq!(all.len(), replay.len() + general.len());
        assert!(facts().len() >= 24);
        assert_eq!(FACTS.lines().count(), facts().len(), "every line is a fact");
    }
}
