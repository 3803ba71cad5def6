//! The engine's thread: which sequences are computed in the next step, and what becomes of them.
//!
//! A step is one batch: the next token of every sequence that is answering, and a bounded number of prompt
//! tokens of those that are not there yet, so that a long prompt delays nobody by more than its chunk.
//! Requests are admitted first come, first served, when there is a place and room in the cache for their
//! prompt. Where the cache becomes too small for the answers, the youngest sequence gives its blocks back and
//! returns to the head of the line. Requests in the background run only while there are no others: they give all
//! their places back as soon as one comes.

use crate::cache::{Cache, Table};
use crate::model::{Batch, Scratch};
use crate::queue::Queue;
use crate::sequence::Sequence;
use crate::turns::Turns;
use crate::{EngineOptions, FinishReason, Model};
use kernels::{Device, Span, Tensor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a request hears when something of ours panicked.
const INTERNAL: &str = "computing this request failed inside the engine; its standard error says more";

/// How much is done at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Sequences in a batch.
    sequences: usize,
    /// Prompt tokens in a step while somebody is being answered.
    shared_chunk: usize,
    /// Prompt tokens in a step while nobody is: more of them compute faster.
    alone_chunk: usize,
}

impl Limits {
    /// Limits for a model. A step stays within a second or two even where a large model runs on few cores, so
    /// that a new request is not kept waiting; it depends on the model's size and not on measured time, so
    /// that equal requests make equal batches.
    pub(crate) fn new(model: &Model, options: &EngineOptions) -> Self {
        let by_size = 400_000_000_000 / model.info.parameters.max(1);
        let alone = (by_size as usize / 64 * 64).clamp(128, 512).max(options.prefill_chunk);
        Limits { sequences: options.sequences, shared_chunk: options.prefill_chunk, alone_chunk: alone }
    }
}

/// Owns the model's device and cache, and computes until the queue is stopped.
pub(crate) struct Scheduler {
    model: Arc<Model>,
    device: Box<dyn Device>,
    cache: Cache,
    scratch: Scratch,
    limits: Limits,
    queue: Arc<Queue>,
    turns: Arc<Turns>,
    /// In the order of admission.
    running: Vec<Running>,
    /// The last step was given up; the next one is not for one cancelled sequence, so that the others get on.
    gave_up: bool,
}

/// A sequence with a place and blocks.
struct Running {
    sequence: Sequence,
    table: Table,
}

impl Running {
    /// Tokens that are not computed yet.
    fn pending(&self) -> usize {
        self.sequence.tokens().len() - self.table.filled()
    }
}

impl Scheduler {
    pub(crate) fn new(
        model: Arc<Model>,
        device: Box<dyn Device>,
        cache: Cache,
        limits: Limits,
        (queue, turns): (Arc<Queue>, Arc<Turns>),
    ) -> Self {
        let scratch = Scratch::default();
        Scheduler { model, device, cache, scratch, limits, queue, turns, running: Vec::new(), gave_up: false }
    }

    /// Computes until the queue is stopped. Whatever is left then fails.
    pub(crate) fn run(mut self) {
        // Steps catch their own panics. One that comes through is a bug of the scheduler itself: there is
        // nothing left to go on with, but nobody must be left waiting.
        let end = catch_unwind(AssertUnwindSafe(|| self.work()));
        self.queue.stop();
        let running = std::mem::take(&mut self.running).into_iter().map(|running| running.sequence);
        let why = if end.is_ok() { "the engine has stopped" } else { INTERNAL };
        for sequence in running.chain(self.queue.drain()) {
            sequence.fail(why);
        }
    }

    fn work(&mut self) {
        while !self.queue.is_stopped() {
            self.end_cancelled();
            self.admit();
            if self.running.is_empty() {
                self.queue.wait();
            } else {
                let turns = self.turns.clone();
                turns.answer(|| self.step());
            }
        }
    }

    /// Lets cancelled requests go, wherever they are.
    fn end_cancelled(&mut self) {
        let cancelled = |running: &mut Running| running.sequence.is_cancelled();
        let gone: Vec<Running> = self.running.extract_if(.., cancelled).collect();
        for running in gone {
            self.finish(running, FinishReason::Cancelled);
        }
        self.queue.end_cancelled();
    }

    /// Gives places to those who wait, in their order, as far as there is room.
    fn admit(&mut self) {
        if self.queue.is_wanted() {
            let background = |running: &mut Running| running.sequence.is_background();
            let gone: Vec<Running> = self.running.extract_if(.., background).collect();
            gone.into_iter().rev().for_each(|running| self.give_way(running));
        }
        while self.running.len() < self.limits.sequences {
            let Some(mut sequence) = self.queue.pop(self.is_background()) else { return };
            let Some(table) = self.cache.admit(sequence.cache_key(), sequence.tokens()) else {
                self.queue.put_back(sequence);
                return;
            };
            let (prompt, cached) = (sequence.tokens().len() as u64, table.filled() as u64);
            if sequence.admitted(table.filled()) {
                self.queue.record(|stats| {
                    stats.prompt_tokens_total += prompt;
                    stats.cached_tokens_total += cached;
                });
            }
            self.running.push(Running { sequence, table });
        }
    }

    /// Whether nobody is answered but in the background.
    fn is_background(&self) -> bool {
        self.running.iter().all(|running| running.sequence.is_background())
    }

    /// Computes one batch and tells the listeners what came of it.
    fn step(&mut self) {
        self.make_room();
        let pending: Vec<usize> = self.running.iter().map(Running::pending).collect();
        let rows = plan(&pending, self.limits.shared_chunk, self.limits.alone_chunk);
        let mut scratch = std::mem::take(&mut self.scratch);
        let lent = &mut scratch;
        let logits = catch_unwind(AssertUnwindSafe(|| {
            let scratch = lent; // moved, so that the logits may outlive the closure
            self.compute(&rows, scratch)
        }));
        match logits {
            Ok(Some(logits)) => self.take_in(&rows, logits),
            Ok(None) => self.gave_up = true,
            // What the scratch holds now is anyone's guess.
            Err(_) => return self.fail_batch(&rows),
        }
        self.scratch = scratch;
        self.publish();
    }

    /// Makes every sequence's blocks cover its newest token, at the youngest's expense where it must be.
    fn make_room(&mut self) {
        let mut i = 0;
        while i < self.running.len() {
            let Running { sequence, table } = &mut self.running[i];
            if self.cache.reserve(table, sequence.tokens().len()) {
                i += 1;
            } else if let Some(youngest) = self.running.pop() {
                self.give_way(youngest);
            }
        }
    }

    /// Takes place and blocks back until it is its turn again; what it has of its answer it keeps.
    fn give_way(&mut self, Running { sequence, table }: Running) {
        self.cache.release(table, sequence.tokens());
        self.queue.record(|stats| stats.preempted_total += 1);
        self.queue.put_back(sequence);
    }

    /// The forward pass over `rows[i]` further tokens of every running sequence. Returns the logits of those
    /// whose last token was among them, or `None` where the pass was given up.
    fn compute<'s>(&mut self, rows: &[usize], scratch: &'s mut Scratch) -> Option<&'s Tensor> {
        let (mut tokens, mut spans, mut outputs, mut adapters) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (Running { sequence, table }, &rows) in
            self.running.iter().zip(rows).filter(|(_, rows)| **rows > 0)
        {
            let (first, start) = (tokens.len(), table.filled());
            tokens.extend_from_slice(&sequence.tokens()[start..start + rows]);
            spans.push(Span { rows: first..tokens.len(), start, blocks: table.blocks() });
            adapters.push(sequence.adapter());
            if start + rows == sequence.tokens().len() {
                outputs.push(tokens.len() - 1);
            }
        }
        let batch = Batch { tokens: &tokens, spans: &spans, outputs: &outputs, adapters: &adapters };

        let (patient, background) = (std::mem::take(&mut self.gave_up), self.is_background());
        let cancelled = || {
            self.queue.end_cancelled();
            let mut flags = self.running.iter().map(|running| running.sequence.is_cancelled());
            self.queue.is_stopped()
                || (background && self.queue.is_wanted())
                || if patient { flags.all(|set| set) } else { flags.any(|set| set) }
        };
        self.model.forward(&*self.device, &batch, self.cache.store_mut(), scratch, &cancelled)
    }

    /// Hands the logits `[answers, V]` of a computed batch to its sequences, and lets go of the complete ones.
    fn take_in(&mut self, rows: &[usize], logits: &Tensor) {
        let mut answers = 0..;
        let mut ended = Vec::new();
        let mut generated = 0;
        for (i, (Running { sequence, table }, &rows)) in self.running.iter_mut().zip(rows).enumerate() {
            let before = sequence.tokens().len();
            if rows > 0 {
                self.cache.advance(table, sequence.tokens(), rows);
                sequence.progressed(table.filled());
            }
            if rows > 0 && table.filled() == before {
                let row = logits.row(answers.next().expect("it counts without end"));
                match catch_unwind(AssertUnwindSafe(|| sequence.accept(row, &self.model.tokenizer))) {
                    Ok(Ok(None)) => {}
                    Ok(Ok(Some(reason))) => ended.push((i, Ok(reason))),
                    Ok(Err(why)) => ended.push((i, Err(why.to_string()))),
                    Err(_) => ended.push((i, Err(INTERNAL.to_owned()))),
                }
                generated += (sequence.tokens().len() - before) as u64;
            }
        }
        self.queue.record(|stats| {
            stats.steps_total += 1;
            stats.generated_tokens_total += generated;
        });
        for (i, reason) in ended.into_iter().rev() {
            let running = self.running.remove(i);
            match reason {
                Ok(reason) => self.finish(running, reason),
                Err(why) => self.fail(running, &why),
            }
        }
    }

    /// Something in a step panicked: those who took part fail, the engine goes on.
    fn fail_batch(&mut self, rows: &[usize]) {
        for i in (0..rows.len()).rev().filter(|&i| rows[i] > 0) {
            let running = self.running.remove(i);
            self.fail(running, INTERNAL);
        }
    }

    fn finish(&mut self, running: Running, reason: FinishReason) {
        let sequence = self.leave(running);
        self.queue.record(|stats| stats.cancelled_total += u64::from(reason == FinishReason::Cancelled));
        sequence.finish(reason);
    }

    fn fail(&mut self, running: Running, why: &str) {
        let sequence = self.leave(running);
        self.queue.record(|stats| stats.failed_total += 1);
        sequence.fail(why);
    }

    /// Takes place and blocks back. The listener hears of it only afterwards, so that whoever waits for the
    /// last event finds the place free.
    fn leave(&mut self, Running { sequence, table }: Running) -> Sequence {
        self.cache.release(table, sequence.tokens());
        self.queue.record(|stats| stats.running -= 1);
        self.publish();
        sequence
    }

    /// Writes the cache's counts into the statistics.
    fn publish(&self) {
        let usage = self.cache.usage();
        self.queue.record(|stats| (stats.used_blocks, stats.cached_blocks) = (usage.used, usage.kept));
    }
}

/// How many tokens of each sequence the next step computes, given how many each has `pending`. One pending
/// token is an answer in progress; the others share a chunk evenly, and what the short ones leave over goes to
/// the long ones.
fn plan(pending: &[usize], shared_chunk: usize, alone_chunk: usize) -> Vec<usize> {
    let answering = pending.contains(&1);
    let mut budget = if answering { shared_chunk } else { alone_chunk };
    let mut rows: Vec<usize> = pending.iter().map(|&n| n.min(1)).collect();
    let mut prompts: Vec<usize> = (0..pending.len()).filter(|&i| pending[i] > 1).collect();
    prompts.sort_by_key(|&i| pending[i]);
    for (done, &i) in prompts.iter().enumerate() {
        let share = budget.div_ceil(prompts.len() - done);
        rows[i] = pending[i].min(share);
        budget -= rows[i];
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::plan;
    use proptest::prelude::*;

    #[test]
    fn prompts_share_a_chunk_and_leave_nothing_over() {
        assert_eq!(plan(&[1, 1], 64, 512), [1, 1]);
        assert_eq!(plan(&[1, 1000], 64, 512), [1, 64]);
        assert_eq!(plan(&[1000], 64, 512), [512]);
        assert_eq!(plan(&[1000, 10, 600], 64, 512), [251, 10, 251]);
        assert_eq!(plan(&[1000, 1000, 1], 1, 512), [1, 0, 1]);
    }

    proptest! {
        #[test]
        fn a_step_is_bounded_and_gets_on(
            pending in prop::collection::vec(1..2000usize, 1..9), shared in 1..100usize, more in 0..500usize,
        ) {
            let rows = plan(&pending, shared, shared + more);
            let answering = pending.iter().filter(|&&n| n == 1).count();
            let budget = if answering > 0 { shared } else { shared + more };
            let prompts: usize = pending.iter().filter(|&&n| n > 1).sum();
            prop_assert_eq!(rows.iter().sum::<usize>(), answering + prompts.min(budget), "nothing is left unused");
            for (rows, pending) in rows.iter().zip(&pending) {
                prop_assert!(rows <= pending && (*pending > 1 || *rows == 1), "every answer gets its token");
            }
        }
    }
}
