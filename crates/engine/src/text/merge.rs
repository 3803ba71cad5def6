//! The merging that both kinds of BPE share.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A neighbour that does not exist, or a symbol that has no token.
pub(super) const NONE: u32 = u32::MAX;

/// Joins neighbouring symbols until no pair can be joined: the pair with the smallest rank first, among
/// equals the leftmost. O(n log n) for n symbols, whatever they are. Keeps its memory for the next word.
#[derive(Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<Pair>>,
}

/// A piece of the word being merged, linked to its neighbours.
pub(super) struct Symbol {
    /// Token, or `NONE`.
    pub(super) id: u32,
    /// First byte in the word.
    pub(super) start: u32,
    /// Bytes; 0 once it was joined to its left neighbour.
    pub(super) len: u32,
    prev: u32,
    next: u32,
}

/// Two neighbours that can be joined; ordered by rank, then position.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    rank: u32,
    left: u32,
    /// Bytes of both: they differ once one of the two has grown, which makes this entry stale.
    len: u32,
    id: u32,
}

impl Merger {
    /// Starts a new word.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
    }

    /// Adds a symbol at the end of the word.
    pub(super) fn push(&mut self, id: u32, start: usize, len: usize) {
        let at = self.symbols.len() as u32;
        if let Some(last) = self.symbols.last_mut() {
            last.next = at;
        }
        let prev = at.checked_sub(1).unwrap_or(NONE);
        self.symbols.push(Symbol { id, start: start as u32, len: len as u32, prev, next: NONE });
    }

    /// Joins what can be joined. `rule` gives the rank and the token of two neighbours.
    pub(super) fn run(&mut self, rule: impl Fn(&Symbol, &Symbol) -> Option<(u32, u32)>) {
        self.queue.clear();
        for left in 0..self.symbols.len() as u32 {
            self.offer(left, &rule);
        }
        while let Some(Reverse(pair)) = self.queue.pop() {
            let left = &self.symbols[pair.left as usize];
            if left.len == 0 || left.next == NONE {
                continue;
            }
            let (prev, right) = (left.prev, left.next);
            let (right_len, after) = {
                let right = &mut self.symbols[right as usize];
                (right.len, right.next)
            };
            if self.symbols[pair.left as usize].len + right_len != pair.len {
                continue;
            }
            self.symbols[right as usize].len = 0;
            let left = &mut self.symbols[pair.left as usize];
            (left.id, left.len, left.next) = (pair.id, pair.len, after);
            if after != NONE {
                self.symbols[after as usize].prev = pair.left;
                self.offer(pair.left, &rule);
            }
            if prev != NONE {
                self.offer(prev, &rule);
            }
        }
    }

    /// What is left of the word, in order.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }

    fn offer(&mut self, left: u32, rule: &impl Fn(&Symbol, &Symbol) -> Option<(u32, u32)>) {
        let first = &self.symbols[left as usize];
        if first.next == NONE {
            return;
        }
        let second = &self.symbols[first.next as usize];
        if let Some((rank, id)) = rule(first, second) {
            self.queue.push(Reverse(Pair { rank, left, len: first.len + second.len, id }));
        }
    }
}
