//! The cache against a plain account of who holds what, over random operations.

use super::*;
use kernels::{KvFormat, KvShape};
use proptest::prelude::*;

const SHAPE: KvShape = KvShape { layers: 1, kv_heads: 1, head_dim: 1, format: KvFormat::F16 };
const CAPACITY: usize = 8;

/// What "computing" writes at a position: it depends on everything before, as keys and values do.
fn mark(key: CacheKey, tokens: &[u32]) -> [u8; 2] {
    let hash = tokens.iter().fold(key.0 as u32 + 7, |h, &t| (h ^ t).wrapping_mul(0x9E37_79B1).rotate_left(5));
    ((hash >> 16) as u16).to_le_bytes()
}

struct Holder {
    key: CacheKey,
    tokens: Vec<u32>,
    table: Table,
}

#[derive(Clone, Debug)]
enum Op {
    /// `branch` tokens in common with all others, then a text of its own kind.
    Admit {
        key: u64,
        length: usize,
        branch: usize,
        kind: u32,
    },
    Compute {
        who: usize,
        count: usize,
    },
    Append {
        who: usize,
        token: u32,
    },
    Release {
        who: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..2u64, 1..250usize, 0..250usize, 1..4u32)
            .prop_map(|(key, length, branch, kind)| Op::Admit { key, length, branch, kind }),
        4 => (any::<usize>(), 1..200usize).prop_map(|(who, count)| Op::Compute { who, count }),
        3 => (any::<usize>(), 0..3u32).prop_map(|(who, token)| Op::Append { who, token }),
        2 => any::<usize>().prop_map(|who| Op::Release { who }),
    ]
}

struct Machine {
    cache: Cache,
    holders: Vec<Holder>,
}

impl Machine {
    fn new() -> Self {
        Machine { cache: Cache::new(KvStore::new(SHAPE), CAPACITY), holders: Vec::new() }
    }

    fn apply(&mut self, op: Op) {
        let pick = |who: usize, holders: &[Holder]| who.checked_rem(holders.len());
        match op {
            Op::Admit { key, length, branch, kind } => {
                let tokens: Vec<u32> = (0..length).map(|i| if i < branch { 0 } else { kind }).collect();
                self.admit(CacheKey(key), tokens);
            }
            Op::Compute { who, count } => {
                if let Some(who) = pick(who, &self.holders) {
                    self.compute(who, count);
                }
            }
            Op::Append { who, token } => {
                if let Some(who) = pick(who, &self.holders) {
                    let holder = &mut self.holders[who];
                    let length = holder.tokens.len() + 1;
                    if self.cache.reserve(&mut holder.table, length) {
                        holder.tokens.push(token);
                    } else {
                        assert_eq!(self.cache.available(), 0, "refused with room left");
                    }
                }
            }
            Op::Release { who } => {
                if let Some(who) = pick(who, &self.holders) {
                    let holder = self.holders.swap_remove(who);
                    self.cache.release(holder.table, &holder.tokens);
                }
            }
        }
    }

    fn admit(&mut self, key: CacheKey, tokens: Vec<u32>) {
        match self.cache.admit(key, &tokens) {
            Some(table) => {
                assert!(table.filled < tokens.len(), "the last token is always computed");
                assert_eq!(table.blocks.len(), tokens.len().div_ceil(KV_BLOCK));
                self.holders.push(Holder { key, tokens, table });
            }
            None => {
                assert!(self.cache.available() < tokens.len().div_ceil(KV_BLOCK), "refused with room left")
            }
        }
    }

    fn compute(&mut self, who: usize, count: usize) {
        let Holder { key, tokens, table } = &mut self.holders[who];
        let count = count.min(tokens.len() - table.filled);
        for position in table.filled..table.filled + count {
            let block = table.blocks[position / KV_BLOCK];
            assert_eq!(self.cache.blocks[block as usize].readers, 1, "only an owner writes");
            assert!(self.cache.blocks[block as usize].node.is_none(), "blocks of the tree are final");
            let at = position % KV_BLOCK * 2;
            self.cache.store.block_mut(block)[at..at + 2].copy_from_slice(&mark(*key, &tokens[..=position]));
        }
        self.cache.advance(table, tokens, count);
    }

    /// Every position that counts as computed holds what its own tokens make of it.
    fn check_contents(&self) {
        for Holder { key, tokens, table } in &self.holders {
            for position in 0..table.filled {
                let block = self.cache.store.block(table.blocks[position / KV_BLOCK]);
                let at = position % KV_BLOCK * 2;
                assert_eq!(block[at..at + 2], mark(*key, &tokens[..=position]), "position {position}");
            }
        }
    }

    /// Every block is in exactly one state, and is held by as many tables as it says.
    fn check_account(&self) {
        let cache = &self.cache;
        assert!(cache.blocks.len() <= CAPACITY);
        for (id, block) in (0..).zip(&cache.blocks) {
            let holders = self.holders.iter().filter(|h| h.table.blocks.contains(&id)).count();
            let free = cache.free.iter().filter(|&&f| f == id).count();
            assert_eq!(block.readers, holders, "block {id}");
            match &block.node {
                None => assert_eq!(free + holders, 1, "block {id} is free or owned by one"),
                Some(node) => {
                    assert_eq!(free, 0, "block {id} is in the tree and free");
                    assert!(cache.children(node.parent).contains(&id));
                    assert!(node.tokens.len() == KV_BLOCK || (holders == 0 && node.children.is_empty()));
                    for &child in &node.children {
                        assert!(cache.blocks[child as usize].readers <= block.readers);
                        assert!(block.readers > 0 || cache.node(child).used < node.used, "a parent outlives");
                    }
                }
            }
        }
        let usage = cache.usage();
        assert_eq!(usage.used + cache.available(), CAPACITY);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn blocks_are_neither_lost_nor_shared_in_writing(ops in prop::collection::vec(op(), 1..120)) {
        let mut machine = Machine::new();
        for op in ops {
            machine.apply(op);
            machine.check_account();
            machine.check_contents();
        }
        while !machine.holders.is_empty() {
            machine.apply(Op::Release { who: 0 });
            machine.check_account();
        }
        prop_assert_eq!(machine.cache.usage().used, 0);
        prop_assert_eq!(machine.cache.available(), CAPACITY);
    }
}

/// Admits, computes everything, releases; returns how many positions came from the cache.
fn run(machine: &mut Machine, key: u64, tokens: &[u32]) -> usize {
    machine.admit(CacheKey(key), tokens.to_vec());
    let cached = machine.holders[0].table.filled;
    machine.compute(0, usize::MAX);
    machine.check_contents();
    machine.apply(Op::Release { who: 0 });
    cached
}

#[test]
fn a_prefix_is_found_to_the_last_token() {
    let mut machine = Machine::new();
    let text: Vec<u32> = (0..150).collect();
    assert_eq!(run(&mut machine, 0, &text), 0);
    assert_eq!(run(&mut machine, 0, &text), 149, "all but the last token");
    assert_eq!(run(&mut machine, 0, &text[..128]), 127);
    let longer: Vec<u32> = (0..170).collect();
    assert_eq!(run(&mut machine, 0, &longer), 150, "the last partial block is continued");
    let other: Vec<u32> = (0..100).chain(500..600).collect();
    assert_eq!(run(&mut machine, 0, &other), 100, "a full block may be copied in part");
}

#[test]
fn other_weights_share_nothing() {
    let mut machine = Machine::new();
    let text: Vec<u32> = (0..150).collect();
    run(&mut machine, 0, &text);
    assert_eq!(run(&mut machine, 1, &text), 0);
}

#[test]
fn the_least_recently_used_text_makes_room() {
    let mut machine = Machine::new();
    let text = |kind: u32| (0..190).map(|i| kind * 1000 + i).collect::<Vec<u32>>();
    run(&mut machine, 0, &text(1));
    run(&mut machine, 0, &text(2));
    run(&mut machine, 0, &text(1));
    run(&mut machine, 0, &text(3)); // 3 + 3 + 3 blocks do not fit into 8
    assert_eq!(run(&mut machine, 0, &text(1)), 189);
    assert_eq!(run(&mut machine, 0, &text(3)), 189);
    assert!(run(&mut machine, 0, &text(2)) <= 128, "at least its last block has gone");
}

#[test]
fn a_block_computed_twice_is_kept_once() {
    let mut machine = Machine::new();
    let text: Vec<u32> = (0..129).collect();
    machine.admit(CacheKey(0), text.clone());
    machine.admit(CacheKey(0), text);
    machine.compute(0, 129);
    machine.compute(1, 129);
    machine.check_account();
    assert_eq!(machine.holders[0].table.blocks[..2], machine.holders[1].table.blocks[..2]);
    assert_eq!(machine.cache.usage(), Usage { used: 4, kept: 0 });
}
