//! Token sequences side by side in one batch, none of which sees another.

use super::soft::Teacher;
use kernels::{KV_BLOCK, Span};
use std::ops::Range;
use std::sync::Arc;

/// One sequence to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The whole sequence.
    pub tokens: Vec<u32>,
    /// Which tokens are targets, each predicted from those before it. The first never is.
    pub supervised: Vec<bool>,
    /// What its losses are multiplied with.
    pub weight: f32,
    /// What to stay close to at each target, instead of predicting it.
    pub teacher: Option<Arc<Teacher>>,
}

impl Example {
    /// With weight 1.
    pub fn new(tokens: Vec<u32>, supervised: Vec<bool>) -> Self {
        Example { tokens, supervised, weight: 1.0, teacher: None }
    }

    /// Every token but the first is a target.
    pub fn all(tokens: Vec<u32>) -> Self {
        let supervised = vec![true; tokens.len()];
        Example::new(tokens, supervised)
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.supervised.iter().skip(1).filter(|&&s| s).count()
    }

    /// Keeps the first tokens.
    pub fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
        self.supervised.truncate(len);
        let targets = self.targets();
        if let Some(teacher) = &mut self.teacher {
            Arc::make_mut(teacher).truncate(targets);
        }
    }
}

/// Sequences in the rows of one batch. Attention is causal inside each, positions begin at 0 in each, and there is no
/// padding.
#[derive(Clone, Debug)]
pub struct Pack {
    pub(super) tokens: Vec<u32>,
    /// Rows of each sequence.
    pub(super) sequences: Vec<Range<usize>>,
    /// Rows whose output predicts a target, ascending.
    pub(super) rows: Vec<usize>,
    /// The tokens that they predict.
    pub(super) targets: Vec<u32>,
    /// What the loss of each is multiplied with.
    pub(super) weights: Vec<f32>,
    /// Where a teacher takes the target's place, and its row of him.
    pub(super) soft: Vec<Option<(Arc<Teacher>, usize)>>,
    /// Number of targets of each sequence.
    pub(super) counts: Vec<usize>,
    /// Cache blocks of all sequences, one after another.
    blocks: Vec<u32>,
}

impl Pack {
    /// Places `examples` one after another.
    pub fn new<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Self {
        let mut pack = Pack {
            tokens: Vec::new(),
            sequences: Vec::new(),
            rows: Vec::new(),
            targets: Vec::new(),
            weights: Vec::new(),
            soft: Vec::new(),
            counts: Vec::new(),
            blocks: Vec::new(),
        };
        for example in examples {
            let first = pack.tokens.len();
            // Nothing is predicted from the last token: it needs no row.
            let len = example.tokens.len().saturating_sub(1);
            let before = pack.targets.len();
            for i in (0..len).filter(|&i| example.supervised[i + 1]) {
                pack.rows.push(first + i);
                pack.targets.push(example.tokens[i + 1]);
                pack.weights.push(example.weight);
                let row = pack.targets.len() - 1 - before;
                let of = example.teacher.as_ref().filter(|teacher| row < teacher.targets());
                pack.soft.push(of.map(|teacher| (teacher.clone(), row)));
            }
            pack.tokens.extend_from_slice(&example.tokens[..len]);
            pack.sequences.push(first..first + len);
            pack.counts.push(pack.targets.len() - before);
        }
        let blocks: usize = pack.sequences.iter().map(|rows| rows.len().div_ceil(KV_BLOCK)).sum();
        pack.blocks = (0..blocks as u32).collect();
        pack
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.tokens.len()
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.targets.len()
    }

    /// Number of targets of each sequence: losses come in this order.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// Weights of all targets that are predicted: what a step's gradient is divided by.
    pub fn mass(&self) -> f64 {
        let hard = self.weights.iter().zip(&self.soft).filter(|(_, soft)| soft.is_none());
        hard.map(|(&weight, _)| f64::from(weight)).sum()
    }

    /// Weights of all targets with a teacher.
    pub fn anchor_mass(&self) -> f64 {
        let soft = self.weights.iter().zip(&self.soft).filter(|(_, soft)| soft.is_some());
        soft.map(|(&weight, _)| f64::from(weight)).sum()
    }

    /// Adds up the losses of its targets, apart by kind.
    pub fn totals(&self, losses: &[f32]) -> Totals {
        let mut totals = Totals { mass: self.mass(), ..Totals::default() };
        for ((&loss, &weight), soft) in losses.iter().zip(&self.weights).zip(&self.soft) {
            match soft {
                None => totals.loss += f64::from(loss) * f64::from(weight),
                Some(_) => {
                    totals.divergence += f64::from(loss);
                    totals.anchored += 1;
                }
            }
        }
        totals
    }

    /// Blocks that the cache must have.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn spans(&self) -> Vec<Span<'_>> {
        let mut blocks = &self.blocks[..];
        let span = |rows: &Range<usize>| {
            let (own, others) = blocks.split_at(rows.len().div_ceil(KV_BLOCK));
            blocks = others;
            Span { rows: rows.clone(), start: 0, blocks: own }
        };
        self.sequences.iter().map(span).collect()
    }
}

/// Losses of a pack, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Of predicted targets, by their weights.
    pub loss: f64,
    /// The weights of those.
    pub mass: f64,
    /// Divergences from teachers, unweighted.
    pub divergence: f64,
    /// Number of targets with a teacher.
    pub anchored: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_predicts_the_next_token_of_its_own_sequence() {
        let masked = Example::new(vec![1, 2, 3, 4], vec![false, false, true, true]);
        let pack = Pack::new([&masked, &Example::all(vec![5, 6])]);
        assert_eq!(pack.tokens, [1, 2, 3, 5]);
        assert_eq!((&pack.rows[..], &pack.targets[..]), (&[1, 2, 3][..], &[3, 4, 6][..]));
        assert_eq!(pack.counts(), [2, 1]);
        assert_eq!(pack.sequences, [0..3, 3..4]);
    }

    #[test]
    fn a_first_token_is_no_target_and_an_only_one_needs_no_row() {
        let pack = Pack::new([&Example::all(vec![7]), &Example::all(vec![])]);
        assert_eq!((pack.rows(), pack.targets()), (0, 0));
        assert_eq!(Example::all(vec![7]).targets(), 0);
    }

    #[test]
    fn sequences_own_their_blocks() {
        let pack = Pack::new([&Example::all(vec![1; 66]), &Example::all(vec![2; 10])]);
        let spans = pack.spans();
        assert_eq!((spans[0].blocks, spans[1].blocks), (&[0, 1][..], &[2][..]));
        assert_eq!(pack.blocks(), 3);
    }
}
