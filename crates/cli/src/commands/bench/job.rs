//! One run: sequences that start together, and when each had its tokens.

use anyhow::{Context, bail};
use engine::{Engine, Event, Model, Request, Sampling};
use std::sync::mpsc;
use std::time::Instant;

/// What one sequence does.
#[derive(Clone, Copy)]
pub(super) struct Job {
    /// Tokens of the prompt.
    pub(super) prompt: usize,
    /// Tokens of the answer.
    pub(super) answer: usize,
}

/// What one run of all sequences took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) prefill_tps: f64,
    /// `None` where every answer has only one token.
    pub(super) decode_tps: Option<f64>,
    pub(super) first_token_ms: f64,
}

impl Job {
    /// Runs `parallel` of it at once. No two prompts are equal, so that none is found in the prefix cache.
    pub(super) fn run(self, engine: &Engine, parallel: usize, seed: u64) -> anyhow::Result<Run> {
        let (send, heard) = mpsc::channel();
        let began = Instant::now();
        let mut tickets = Vec::new();
        for n in 0..parallel {
            let send = send.clone();
            let request = self.request(engine.model(), seed * 1000 + n as u64);
            // A listener that is gone has given up on this run.
            let listen = move |event| drop(send.send((n, Instant::now(), event)));
            tickets.push(engine.submit(request, listen)?);
        }
        drop(send);

        let mut tokens = vec![Vec::new(); parallel];
        for (n, at, event) in heard {
            match event {
                Event::Token { .. } => tokens[n].push((at - began).as_secs_f64()),
                Event::Failed(why) => bail!("the run failed: {why}"),
                Event::Prefill { .. } | Event::Done { .. } => {}
            }
        }
        self.measure(&tokens)
    }

    /// From the times at which each sequence had its tokens.
    fn measure(self, tokens: &[Vec<f64>]) -> anyhow::Result<Run> {
        let first = |t: &Vec<f64>| t.first().copied();
        let last = |t: &Vec<f64>| t.last().copied();
        let firsts: Option<Vec<f64>> = tokens.iter().map(first).collect();
        let lasts: Option<Vec<f64>> = tokens.iter().map(last).collect();
        let (firsts, lasts) = firsts.zip(lasts).context("a sequence gave no token")?;
        let all_started = firsts.iter().copied().fold(0.0, f64::max);
        // Decode is counted while every sequence decodes: none still in its prompt, none done.
        let first_done = lasts.iter().copied().fold(f64::INFINITY, f64::min);
        let during = |t: &&f64| **t > all_started && **t <= first_done;
        let decoded = tokens.iter().flatten().filter(during).count();
        Ok(Run {
            prefill_tps: (self.prompt * tokens.len()) as f64 / all_started,
            decode_tps: (decoded > 0).then(|| decoded as f64 / (first_done - all_started)),
            first_token_ms: median(firsts) * 1e3,
        })
    }

    fn request(self, model: &Model, seed: u64) -> Request {
        Request {
            prompt: random_tokens(model, self.prompt, seed),
            max_tokens: Some(self.answer),
            sampling: Sampling { temperature: 0.0, ..Sampling::default() },
            ignore_eos: true,
            ..Request::default()
        }
    }
}

/// Tokens of the vocabulary that are not control tokens, by a linear congruential generator.
pub(super) fn random_tokens(model: &Model, count: usize, seed: u64) -> Vec<u32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let draws = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % model.info.vocab_size as u64) as u32
    });
    draws.filter(|id| !model.tokenizer.is_control(*id)).take(count).collect()
}

/// The middle, or the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn one_sequence() {
        let run = Job { prompt: 100, answer: 3 }.measure(&[vec![0.5, 0.6, 0.7]]).unwrap();
        assert!((run.prefill_tps - 200.0).abs() < 1e-9);
        assert!((run.decode_tps.unwrap() - 10.0).abs() < 1e-6);
        assert!((run.first_token_ms - 500.0).abs() < 1e-9);
    }

    #[test]
    fn decode_counts_only_while_all_decode() {
        // The second starts at 2.0 and the first ends at 3.0: five tokens in that second.
        let tokens = [vec![1.0, 1.5, 2.0, 2.5, 3.0], vec![2.0, 2.2, 2.6, 3.0, 3.5]];
        let run = Job { prompt: 10, answer: 5 }.measure(&tokens).unwrap();
        assert_eq!(run.decode_tps, Some(5.0));
        assert_eq!(run.prefill_tps, 10.0);
    }

    #[test]
    fn no_overlap_is_no_decode_speed() {
        let job = Job { prompt: 10, answer: 1 };
        assert_eq!(job.measure(&[vec![1.0], vec![2.0]]).unwrap().decode_tps, None);
        assert!(job.measure(&[vec![]]).is_err());
    }
}
