//! Which sequence reads and writes which block of the KV cache, and what is kept for the next one.
//!
//! Finished blocks form a tree: a block hangs under the block of the tokens before it, and the first blocks
//! hang under a [`CacheKey`]. So a path from a key is a text, and finding a prompt's prefix is walking down
//! while the tokens are equal. Blocks in the tree are never written again; a sequence writes only into blocks
//! that are not in the tree yet, and those it owns alone.
//!
//! A block is in one of four states:
//!
//! | state  | readers | in the tree | |
//! |--------|---------|-------------|-|
//! | free   | 0       | no          | |
//! | owned  | 1       | no          | the sequence writes into it |
//! | shared | 1 or more | yes       | |
//! | kept   | 0       | yes         | evicted when room is needed, least recently used first |

use kernels::{KV_BLOCK, KvStore};
use std::collections::HashMap;

/// What decides keys and values besides the tokens: which weights computed them. Sequences share blocks only
/// under equal keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey(pub(crate) u64);

/// Blocks and the tree over them.
#[derive(Debug)]
pub(crate) struct Cache {
    store: KvStore,
    /// Blocks that may exist; they are allocated as they are needed.
    capacity: usize,
    blocks: Vec<Block>,
    free: Vec<u32>,
    roots: HashMap<CacheKey, Vec<u32>>,
    /// Counts releases: the time of "least recently used".
    clock: u64,
}

#[derive(Debug, Default)]
struct Block {
    /// Tables that hold it.
    readers: usize,
    node: Option<Node>,
}

/// A block's place in the tree.
#[derive(Debug)]
struct Node {
    parent: Parent,
    /// What it holds; fewer than [`KV_BLOCK`] only in a leaf, which is copied and never shared.
    tokens: Vec<u32>,
    children: Vec<u32>,
    /// Clock of the last release. A parent is released after its children, so its clock is later, and the
    /// least recently used block is always a leaf.
    used: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Parent {
    Root(CacheKey),
    Block(u32),
}

/// The blocks of one sequence, in order. It goes back by [`Cache::release`].
#[derive(Debug)]
#[must_use = "its blocks are lost unless it is released"]
pub(crate) struct Table {
    key: CacheKey,
    blocks: Vec<u32>,
    /// The first so many blocks are in the tree.
    shared: usize,
    /// Positions whose keys and values are computed.
    filled: usize,
}

/// Blocks by state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Held by sequences.
    pub(crate) used: usize,
    /// Kept for later sequences.
    pub(crate) kept: usize,
}

/// A copied block spares computing as many tokens as it matches; for fewer than these the copy costs more.
const WORTH_COPYING: usize = 8;

impl Table {
    /// Blocks in order.
    pub(crate) fn blocks(&self) -> &[u32] {
        &self.blocks
    }

    /// Positions whose keys and values are computed.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }
}

impl Cache {
    /// An empty cache of at most `capacity` blocks.
    pub(crate) fn new(store: KvStore, capacity: usize) -> Self {
        Cache { store, capacity, blocks: Vec::new(), free: Vec::new(), roots: HashMap::new(), clock: 0 }
    }

    /// The memory behind the blocks.
    pub(crate) fn store_mut(&mut self) -> &mut KvStore {
        &mut self.store
    }

    /// Blocks for a sequence that starts with `tokens`, of which as many as possible are filled already; never
    /// the last one, since its logits are what comes next. `None` while there is no room.
    pub(crate) fn admit(&mut self, key: CacheKey, tokens: &[u32]) -> Option<Table> {
        let reusable = &tokens[..tokens.len().saturating_sub(1)];
        let (path, partial) = self.find(key, reusable);
        let missing = tokens.len().div_ceil(KV_BLOCK) - path.len();
        for &block in &path {
            self.blocks[block as usize].readers += 1;
        }
        let room = self.available();
        let shared = path.len();
        let mut table = Table { key, blocks: path, shared, filled: shared * KV_BLOCK };
        if room < missing {
            self.release(table, tokens);
            return None;
        }
        // Held while blocks are allocated: eviction must not take it. So it needs one block of room itself.
        let source = partial.filter(|&(_, matched)| matched >= WORTH_COPYING && room > missing);
        if let Some((from, _)) = source {
            self.blocks[from as usize].readers += 1;
        }
        for _ in 0..missing {
            let block = self.allocate().expect("room was counted above");
            table.blocks.push(block);
        }
        if let Some((from, matched)) = source {
            self.blocks[from as usize].readers -= 1;
            self.copy(from, table.blocks[shared]);
            table.filled += matched;
        }
        Some(table)
    }

    /// Makes the table cover `positions`. `false` while there is no room; the table is then as it was or
    /// longer, and the call may be repeated.
    pub(crate) fn reserve(&mut self, table: &mut Table, positions: usize) -> bool {
        while table.blocks.len() * KV_BLOCK < positions {
            match self.allocate() {
                Some(block) => table.blocks.push(block),
                None => return false,
            }
        }
        true
    }

    /// `count` more positions of `tokens` are computed. Blocks that became full are shared from now on.
    pub(crate) fn advance(&mut self, table: &mut Table, tokens: &[u32], count: usize) {
        table.filled += count;
        while (table.shared + 1) * KV_BLOCK <= table.filled {
            let range = table.shared * KV_BLOCK..(table.shared + 1) * KV_BLOCK;
            let own = table.blocks[table.shared];
            let parent = table.parent();
            // Two sequences may compute the same block at once: the second takes the first one's.
            let twin = |&child: &u32| self.node(child).tokens == tokens[range.clone()];
            match self.children(parent).iter().copied().find(twin) {
                Some(twin) => {
                    self.blocks[twin as usize].readers += 1;
                    table.blocks[table.shared] = twin;
                    self.give_back(own);
                }
                None => self.insert(parent, own, &tokens[range]),
            }
            table.shared += 1;
        }
    }

    /// Takes a sequence's blocks back. What it computed of `tokens` is kept as long as there is room.
    pub(crate) fn release(&mut self, mut table: Table, tokens: &[u32]) {
        let rest = &tokens[table.shared * KV_BLOCK..table.filled];
        let parent = table.parent();
        let known =
            self.children(parent).iter().copied().find(|&child| self.node(child).tokens.starts_with(rest));
        match known {
            _ if rest.is_empty() => {}
            Some(block) => self.touch(block),
            None => {
                self.insert(parent, table.blocks[table.shared], rest);
                table.shared += 1;
            }
        }
        for own in table.blocks.drain(table.shared..) {
            self.give_back(own);
        }
        for &block in table.blocks.iter().rev() {
            self.blocks[block as usize].readers -= 1;
            self.touch(block);
        }
    }

    /// Blocks by state, for statistics.
    pub(crate) fn usage(&self) -> Usage {
        let kept = self.kept().count();
        Usage { used: self.blocks.len() - self.free.len() - kept, kept }
    }

    /// Blocks that a sequence could get now.
    fn available(&self) -> usize {
        self.capacity - self.blocks.len() + self.free.len() + self.kept().count()
    }

    fn kept(&self) -> impl Iterator<Item = u32> {
        let kept = |(_, block): &(u32, &Block)| block.readers == 0 && block.node.is_some();
        (0..).zip(&self.blocks).filter(kept).map(|(id, _)| id)
    }

    /// The longest known prefix: full blocks, then the block that matches most of what follows and how much.
    fn find(&self, key: CacheKey, tokens: &[u32]) -> (Vec<u32>, Option<(u32, usize)>) {
        let mut path = Vec::new();
        let mut parent = Parent::Root(key);
        loop {
            let rest = &tokens[path.len() * KV_BLOCK..];
            let candidates =
                self.children(parent).iter().map(|&b| (b, common_prefix(&self.node(b).tokens, rest)));
            match candidates.max_by_key(|&(_, matched)| matched) {
                Some((block, KV_BLOCK)) => {
                    path.push(block);
                    parent = Parent::Block(block);
                }
                partial => return (path, partial),
            }
        }
    }

    /// A block that its caller owns.
    fn allocate(&mut self) -> Option<u32> {
        let block = if let Some(block) = self.free.pop() {
            block
        } else if self.blocks.len() < self.capacity {
            self.blocks.push(Block::default());
            self.store.grow(self.blocks.len());
            self.blocks.len() as u32 - 1
        } else {
            let oldest = self.kept().min_by_key(|&block| self.node(block).used)?;
            self.remove(oldest);
            oldest
        };
        self.blocks[block as usize].readers = 1;
        Some(block)
    }

    /// Frees an owned block.
    fn give_back(&mut self, block: u32) {
        self.blocks[block as usize].readers -= 1;
        self.free.push(block);
    }

    /// Makes an owned block part of the tree.
    fn insert(&mut self, parent: Parent, block: u32, tokens: &[u32]) {
        // A kept beginning of these tokens is of no more use.
        let outdone = |&&child: &&u32| {
            let known = &self.node(child).tokens;
            known.len() < tokens.len() && tokens.starts_with(known)
        };
        let outdone: Vec<u32> = self.children(parent).iter().filter(outdone).copied().collect();
        for child in outdone {
            self.remove(child);
            self.free.push(child);
        }
        let node = Node { parent, tokens: tokens.to_vec(), children: Vec::new(), used: 0 };
        self.blocks[block as usize].node = Some(node);
        self.children_mut(parent).push(block);
    }

    /// Takes a leaf that nobody reads out of the tree.
    fn remove(&mut self, block: u32) {
        let node = self.blocks[block as usize].node.take().expect("a block of the tree has a node");
        debug_assert!(node.children.is_empty() && self.blocks[block as usize].readers == 0);
        self.children_mut(node.parent).retain(|&child| child != block);
    }

    fn touch(&mut self, block: u32) {
        self.clock += 1;
        self.node_mut(block).used = self.clock;
    }

    fn copy(&mut self, from: u32, to: u32) {
        let contents = self.store.block(from).to_vec();
        self.store.block_mut(to).copy_from_slice(&contents);
    }

    fn node(&self, block: u32) -> &Node {
        self.blocks[block as usize].node.as_ref().expect("a block of the tree has a node")
    }

    fn node_mut(&mut self, block: u32) -> &mut Node {
        self.blocks[block as usize].node.as_mut().expect("a block of the tree has a node")
    }

    fn children(&self, parent: Parent) -> &[u32] {
        match parent {
            Parent::Root(key) => self.roots.get(&key).map_or(&[], Vec::as_slice),
            Parent::Block(block) => &self.node(block).children,
        }
    }

    fn children_mut(&mut self, parent: Parent) -> &mut Vec<u32> {
        match parent {
            Parent::Root(key) => self.roots.entry(key).or_default(),
            Parent::Block(block) => &mut self.node_mut(block).children,
        }
    }
}

impl Table {
    /// What the first block that is not shared hangs under.
    fn parent(&self) -> Parent {
        match self.shared {
            0 => Parent::Root(self.key),
            n => Parent::Block(self.blocks[n - 1]),
        }
    }
}

fn common_prefix(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
