//! Logits become a token.

use crate::{Sampling, SubmitError, TokenInfo, TopLogprob};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Chooses the tokens of one answer. Equal seeds, logits and settings give equal tokens.
///
/// The order is: penalties, temperature, top-k, top-p, min-p.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    seed: u64,
    /// Tokens chosen so far. Seed and step make the random number, whatever came before.
    step: u64,
    /// How often each token was generated; 0 for tokens that only the prompt has.
    seen: HashMap<u32, u32>,
    /// Logits after penalties.
    penalised: Vec<f32>,
}

/// No token can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// A logit that is NaN or infinity.
    #[error("the model computed {value} for token {id}; its file is damaged, or this is a bug")]
    NotFinite {
        /// The token.
        id: u32,
        /// NaN or infinity.
        value: f32,
    },
    /// No token is possible.
    #[error("the model gave no possible token; its file is damaged, or this is a bug")]
    Nothing,
}

/// A token that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    id: u32,
    logit: f32,
}

impl Sampler {
    /// Checks the settings. `seed` is used as it is: where `sampling.seed` is `None`, draw one.
    pub fn new(sampling: &Sampling, seed: u64) -> Result<Sampler, SubmitError> {
        check(sampling)?;
        let sampling = sampling.clone();
        Ok(Sampler { sampling, seed, step: 0, seen: HashMap::new(), penalised: Vec::new() })
    }

    /// Tells which tokens come before the generated ones: the repetition penalty counts them too.
    pub fn see_prompt(&mut self, tokens: &[u32]) {
        if self.sampling.repetition_penalty != 1.0 {
            for &id in tokens {
                self.seen.entry(id).or_insert(0);
            }
        }
    }

    /// Chooses the next token from `logits [V]`.
    ///
    /// With `logprobs` the result has the token's log-probability and that many of the most likely tokens, all
    /// under the model as it is: before penalties and temperature.
    pub fn sample(&mut self, logits: &[f32], logprobs: Option<usize>) -> Result<TokenInfo, SampleError> {
        let draw = uniform(self.seed, self.step);
        let id = pick(&self.distribution(logits)?, draw).ok_or(SampleError::Nothing)?;
        self.step += 1;
        *self.seen.entry(id).or_insert(0) += 1;
        Ok(match logprobs {
            None => TokenInfo { id, logprob: None, top: Vec::new() },
            Some(count) => with_logprobs(id, logits, count),
        })
    }

    /// The tokens that [`sample`](Self::sample) may choose now, with weights in proportion to their
    /// probabilities; the greatest weight is 1. With temperature 0 it is the one best token, of equals the one
    /// with the lowest id.
    pub fn distribution(&mut self, logits: &[f32]) -> Result<Vec<(u32, f32)>, SampleError> {
        if let Some(id) = logits.iter().position(|logit| logit.is_nan() || *logit == f32::INFINITY) {
            return Err(SampleError::NotFinite { id: id as u32, value: logits[id] });
        }
        self.penalise(logits);
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.sampling;
        let logits = if self.penalised.is_empty() { logits } else { &self.penalised };
        let best = best(logits).ok_or(SampleError::Nothing)?;
        if temperature == 0.0 {
            return Ok(vec![(best.id, 1.0)]);
        }
        let weight = |logit: f32| ((logit - best.logit) / temperature).exp();
        let keep = if top_k == 0 { logits.len() } else { top_k.min(logits.len()) };
        let kept = nucleus(logits, keep, top_p, weight);
        Ok(kept.iter().map(|c| (c.id, weight(c.logit))).filter(|&(_, w)| w > 0.0 && w >= min_p).collect())
    }

    /// Fills `penalised`, or leaves it empty where no penalty is on.
    fn penalise(&mut self, logits: &[f32]) {
        let Sampling { repetition_penalty, presence_penalty, frequency_penalty, .. } = self.sampling;
        self.penalised.clear();
        if repetition_penalty == 1.0 && presence_penalty == 0.0 && frequency_penalty == 0.0 {
            return;
        }
        self.penalised.extend_from_slice(logits);
        for (&id, &count) in &self.seen {
            let Some(logit) = self.penalised.get_mut(id as usize) else { continue };
            // Keskar et al. 2019, section 4.1, with the sign respected.
            *logit = if *logit > 0.0 { *logit / repetition_penalty } else { *logit * repetition_penalty };
            if count > 0 {
                *logit -= presence_penalty + frequency_penalty * count as f32;
            }
            *logit = logit.min(f32::MAX);
        }
    }
}

/// Refuses settings out of range.
fn check(sampling: &Sampling) -> Result<(), SubmitError> {
    let fields = [
        ("temperature", sampling.temperature, 0.0..=f32::MAX, "0 or more"),
        ("top_p", sampling.top_p, 0.0..=1.0, "between 0 and 1"),
        ("min_p", sampling.min_p, 0.0..=1.0, "between 0 and 1"),
        ("repetition_penalty", sampling.repetition_penalty, f32::MIN_POSITIVE..=f32::MAX, "more than 0"),
        ("presence_penalty", sampling.presence_penalty, -100.0..=100.0, "between -100 and 100"),
        ("frequency_penalty", sampling.frequency_penalty, -100.0..=100.0, "between -100 and 100"),
    ];
    match fields.into_iter().find(|(_, value, range, _)| !range.contains(value)) {
        Some((field, value, _, expected)) => Err(SubmitError::Sampling { field, expected, value }),
        None => Ok(()),
    }
}

/// Best first; of equal logits the lower id.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

/// Every token that is possible at all.
fn possible(logits: &[f32]) -> impl Iterator<Item = Candidate> {
    let all = logits.iter().enumerate().map(|(id, &logit)| Candidate { id: id as u32, logit });
    all.filter(|candidate| candidate.logit > f32::NEG_INFINITY)
}

fn best(logits: &[f32]) -> Option<Candidate> {
    possible(logits).reduce(|best, next| if next.logit > best.logit { next } else { best })
}

/// The `count` best, best first, in O(V + count log count): what does not beat the worst of a full buffer is
/// never looked at again.
fn top(logits: &[f32], count: usize) -> Vec<Candidate> {
    let mut buffer: Vec<Candidate> = Vec::new();
    if count == 0 {
        return buffer;
    }
    let full = count.saturating_mul(3).saturating_add(64);
    let mut bar = f32::NEG_INFINITY;
    for candidate in possible(logits) {
        if candidate.logit < bar {
            continue;
        }
        buffer.push(candidate);
        if buffer.len() == full {
            let (_, worst, _) = buffer.select_nth_unstable_by(count - 1, order);
            bar = worst.logit;
            buffer.truncate(count);
        }
    }
    buffer.sort_unstable_by(order);
    buffer.truncate(count);
    buffer
}

/// Of the `keep` best the smallest set with at least `top_p` of their probability.
fn nucleus(logits: &[f32], keep: usize, top_p: f32, weight: impl Fn(f32) -> f32) -> Vec<Candidate> {
    let whole = keep == logits.len();
    if top_p == 1.0 {
        return if whole { possible(logits).collect() } else { top(logits, keep) };
    }
    let total = |logits: &mut dyn Iterator<Item = f32>| logits.map(|logit| weight(logit) as f64).sum::<f64>();
    let of_all = if whole { total(&mut logits.iter().copied()) } else { 0.0 };
    // The set is small as a rule: look among few first, then among more.
    let mut count = if whole { keep.min(256) } else { keep };
    loop {
        let mut best = top(logits, count);
        let all = if whole { of_all } else { total(&mut best.iter().map(|c| c.logit)) };
        let mut mass = 0.0;
        let last = best.iter().position(|candidate| {
            mass += weight(candidate.logit) as f64;
            mass >= top_p as f64 * all
        });
        match last {
            Some(last) => best.truncate(last + 1),
            None if count < keep => {
                count = count.saturating_mul(8).min(keep);
                continue;
            }
            None => {}
        }
        return best;
    }
}

/// The token at share `draw` of the whole weight.
fn pick(weights: &[(u32, f32)], draw: f64) -> Option<u32> {
    let total: f64 = weights.iter().map(|&(_, weight)| weight as f64).sum();
    let mut left = draw * total;
    let found = weights.iter().find(|&&(_, weight)| {
        left -= weight as f64;
        left < 0.0
    });
    // Rounding may leave a rest.
    found.or(weights.last()).map(|&(id, _)| id)
}

/// A number in [0, 1) for every (seed, step): two rounds of SplitMix64's mixing function, so that
/// neighbouring seeds and steps have nothing in common.
fn uniform(seed: u64, step: u64) -> f64 {
    let bits = mix(mix(seed).wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The token with its log-probability and the `count` most likely ones: logit - log(sum of exp(logits)).
fn with_logprobs(id: u32, logits: &[f32], count: usize) -> TokenInfo {
    let greatest = best(logits).map_or(0.0, |best| best.logit);
    let sum: f64 = logits.iter().map(|logit| (logit - greatest).exp() as f64).sum();
    let normaliser = greatest as f64 + sum.ln();
    let logprob = |logit: f32| (logit as f64 - normaliser) as f32;
    let top = top(logits, count.min(logits.len()));
    TokenInfo {
        id,
        logprob: logits.get(id as usize).map(|&logit| logprob(logit)),
        top: top.iter().map(|c| TopLogprob { id: c.id, logprob: logprob(c.logit) }).collect(),
    }
}
