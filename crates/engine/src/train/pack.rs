//! Token sequences side by side in one batch, none of which sees another.

use kernels::{KV_BLOCK, Span};
use std::ops::Range;

/// One sequence to learn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The whole sequence.
    pub tokens: Vec<u32>,
    /// Which tokens are targets, each predicted from those before it. The first never is.
    pub supervised: Vec<bool>,
}

impl Example {
    /// Every token but the first is a target.
    pub fn all(tokens: Vec<u32>) -> Self {
        let supervised = vec![true; tokens.len()];
        Example { tokens, supervised }
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.supervised.iter().skip(1).filter(|&&s| s).count()
    }

    /// Keeps the first tokens.
    pub fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
        self.supervised.truncate(len);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_predicts_the_next_token_of_its_own_sequence() {
        let masked = Example { tokens: vec![1, 2, 3, 4], supervised: vec![false, false, true, true] };
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
