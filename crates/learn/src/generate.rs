//! Answers of a model to many prompts, several at once.

use crate::turn::Turn;
use engine::adapter::Loaded;
use engine::{Engine, Event, FinishReason, Generation, Request, Sampling, SubmitError};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Prompts that are answered at once, where the engine has so many places.
pub const AT_ONCE: usize = 16;

/// How answers are made.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Tokens of a prompt.
    pub prompt: Vec<u32>,
    /// Tokens of its answer at most.
    pub most: usize,
    /// Randomness; `None` takes the most likely token every time.
    pub seed: Option<u64>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was said.
    pub text: String,
    /// Whether the model ended its turn.
    pub ended: bool,
}

/// Why there are no answers.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The user, or the program, said to stop.
    #[error("it was stopped")]
    Stopped,
    /// The engine refused a request.
    #[error(transparent)]
    Refused(#[from] SubmitError),
    /// The engine failed.
    #[error("the model could not answer: {0}")]
    Failed(String),
}

/// Answers each prompt, in the order of the prompts. Greedy answers do not depend on what else is being answered.
/// Requests of others come in between.
pub fn answers(
    engine: &Engine,
    adapter: Option<&Arc<Loaded>>,
    wishes: &[Wish],
    turn: &mut dyn Turn,
) -> Result<Vec<Answer>, GenerateError> {
    turn.leave();
    let mut answers = Vec::with_capacity(wishes.len());
    let mut waiting = wishes.iter();
    // Nothing is answered to a prompt that does not fit.
    let mut running: VecDeque<Option<Generation>> = VecDeque::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(wish) = waiting.next()
        {
            let room = engine.context().saturating_sub(wish.prompt.len());
            let fits = room > 1;
            running.push_back(fits.then(|| engine.generate(request(wish, room, adapter))).transpose()?);
        }
        let Some(generation) = running.pop_front() else { return Ok(answers) };
        if turn.is_stopped() {
            return Err(GenerateError::Stopped);
        }
        answers.push(generation.map(collect).transpose()?.unwrap_or_default());
    }
}

fn request(wish: &Wish, room: usize, adapter: Option<&Arc<Loaded>>) -> Request {
    let sampling = match wish.seed {
        None => Sampling { temperature: 0.0, ..Sampling::default() },
        Some(seed) => Sampling { seed: Some(seed), ..Sampling::default() },
    };
    Request {
        prompt: wish.prompt.clone(),
        max_tokens: Some(wish.most.clamp(1, room)),
        sampling,
        adapter: adapter.cloned(),
        background: true,
        ..Request::default()
    }
}

fn collect(events: Generation) -> Result<Answer, GenerateError> {
    let mut answer = Answer::default();
    for event in events {
        match event {
            Event::Prefill { .. } => {}
            Event::Token { text, .. } => answer.text += &text,
            Event::Done { text, reason, .. } => {
                answer.text += &text;
                answer.ended = reason == FinishReason::Stop;
                return Ok(answer);
            }
            Event::Failed(why) => return Err(GenerateError::Failed(why)),
        }
    }
    Err(GenerateError::Failed("the engine has stopped".to_owned()))
}
