//! GGUF files put together from raw parts, so that any of them can lie.

/// Ids of value types.
pub(crate) const U8: u32 = 0;
pub(crate) const U32: u32 = 4;
pub(crate) const F32: u32 = 6;
pub(crate) const BOOL: u32 = 7;
pub(crate) const STRING: u32 = 8;
pub(crate) const ARRAY: u32 = 9;

/// A file before it is bytes. The default is a sound file with one key and one tensor of 32 numbers.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) magic: [u8; 4],
    pub(crate) version: u32,
    /// Declared counts; the true ones where `None`.
    pub(crate) key_count: Option<u64>,
    pub(crate) tensor_count: Option<u64>,
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) tensors: Vec<Vec<u8>>,
    /// Zeros behind the tensor list, counted from the aligned start of the data.
    pub(crate) data: usize,
}

impl Default for Raw {
    fn default() -> Self {
        let keys = vec![key("general.name", STRING, &text("tiny"))];
        let tensors = vec![tensor("a", &[32], 0, 0)];
        Raw { magic: *b"GGUF", version: 3, key_count: None, tensor_count: None, keys, tensors, data: 128 }
    }
}

impl Raw {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = self.magic.to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend(self.tensor_count.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        out.extend(self.key_count.unwrap_or(self.keys.len() as u64).to_le_bytes());
        out.extend(self.keys.concat());
        out.extend(self.tensors.concat());
        if self.data > 0 {
            out.resize(out.len().next_multiple_of(32) + self.data, 0);
        }
        out
    }
}

/// Length and bytes.
pub(crate) fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u64).to_le_bytes(), value.as_bytes()].concat()
}

/// One metadata entry.
pub(crate) fn key(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(name), &kind.to_le_bytes()[..], value].concat()
}

/// The start of an array value.
pub(crate) fn array(kind: u32, len: u64) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &len.to_le_bytes()].concat()
}

/// One entry of the tensor list.
pub(crate) fn tensor(name: &str, dims: &[u64], format: u32, offset: u64) -> Vec<u8> {
    let mut out = text(name);
    out.extend((dims.len() as u32).to_le_bytes());
    dims.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
    out.extend(format.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out
}
