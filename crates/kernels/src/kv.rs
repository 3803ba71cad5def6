//! The KV cache's memory: blocks of [`KV_BLOCK`] positions, each with every layer's keys and values.
//!
//! Which sequence owns which block is the engine's business; here a block is a number.

use crate::{AlignedBuf, quant::Format};

/// Positions in one block.
pub const KV_BLOCK: usize = 64;

/// How keys and values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KvFormat {
    /// Single precision: nothing is rounded, for training and for checks.
    F32,
    /// Half precision.
    F16,
    /// 8 bits in groups of 32 with an f16 scale: a little over half of the memory.
    Q8_0,
}

/// Dimensions of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvShape {
    /// Decoder layers.
    pub layers: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head; a multiple of 32 for `Q8_0`.
    pub head_dim: usize,
    /// Storage format.
    pub format: KvFormat,
}

/// Blocks, allocated when first asked for.
///
/// Inside a block: `[layers][kv_heads][K, V][KV_BLOCK positions][row_bytes]`.
#[derive(Debug)]
pub struct KvStore {
    shape: KvShape,
    blocks: Vec<AlignedBuf<u8>>,
}

impl KvFormat {
    /// The format of one head's key or value at one position.
    pub fn row_format(self) -> Format {
        match self {
            KvFormat::F32 => Format::F32,
            KvFormat::F16 => Format::F16,
            KvFormat::Q8_0 => Format::Q8_0,
        }
    }
}

impl KvShape {
    /// Bytes of one head's key (or value) at one position.
    pub fn row_bytes(&self) -> usize {
        self.format.row_format().row_bytes(self.head_dim)
    }

    /// Bytes of one block.
    pub fn block_bytes(&self) -> usize {
        self.layers * self.kv_heads * 2 * KV_BLOCK * self.row_bytes()
    }

    /// Where the keys (`0`) or values (`1`) of a layer's head start inside a block.
    pub fn offset(&self, layer: usize, kv_head: usize, which: usize) -> usize {
        ((layer * self.kv_heads + kv_head) * 2 + which) * KV_BLOCK * self.row_bytes()
    }
}

impl KvStore {
    /// An empty store.
    pub fn new(shape: KvShape) -> Self {
        KvStore { shape, blocks: Vec::new() }
    }

    /// Dimensions.
    pub fn shape(&self) -> KvShape {
        self.shape
    }

    /// Makes blocks `0..count` exist.
    pub fn grow(&mut self, count: usize) {
        let bytes = self.shape.block_bytes();
        while self.blocks.len() < count {
            self.blocks.push(AlignedBuf::zeroed(bytes));
        }
    }

    /// Blocks that exist.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether no block exists yet.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Keys and values of `block`, laid out as above.
    pub fn block(&self, block: u32) -> &[u8] {
        &self.blocks[block as usize]
    }

    /// Where a block starts, for kernels that write parts of it from several threads.
    pub(crate) fn block_ptr(&self, block: u32) -> *mut u8 {
        self.blocks[block as usize].as_ptr_mut()
    }

    /// The same, writable.
    pub fn block_mut(&mut self, block: u32) -> &mut [u8] {
        &mut self.blocks[block as usize]
    }
}
