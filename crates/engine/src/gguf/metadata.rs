//! Key-value pairs: checked once when they are read, decoded when they are asked for.

use super::cursor::Cursor;
use super::value::{skip, value};
use super::{FromValue, GgufError, Kind, Value};
use kernels::Bytes;
use std::ops::Range;

/// Key-value pairs of a file, in file order.
///
/// Values stay in the file's bytes: a vocabulary of 150,000 tokens costs nothing until it is read.
///
/// ```
/// # fn read(meta: &engine::gguf::Metadata) -> Result<(), engine::gguf::GgufError> {
/// let architecture: &str = meta.require("general.architecture")?;
/// let theta: Option<f32> = meta.find("llama.rope.freq_base")?;
/// let tokens: engine::gguf::Strings<'_> = meta.require("tokenizer.ggml.tokens")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Metadata {
    bytes: Bytes,
    entries: Vec<Entry>,
    /// Indices of `entries` in the order of their keys.
    by_key: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: Range<usize>,
    kind: Kind,
    /// Where the value starts.
    value: usize,
}

/// Greatest number of keys.
const KEY_LIMIT: u64 = 65_536;
/// Bytes of the shortest entry: key length, one letter, type, one byte.
const SHORTEST_ENTRY: u64 = 8 + 1 + 4 + 1;

impl Metadata {
    /// Reads `count` entries at byte `at`; returns them and where they end.
    pub(super) fn read(bytes: &Bytes, at: usize, count: u64) -> Result<(Self, usize), GgufError> {
        if count > KEY_LIMIT {
            return Err(GgufError::Limit { what: "the number of metadata keys", count, limit: KEY_LIMIT });
        }
        let mut cursor = Cursor::new(bytes, at);
        if count * SHORTEST_ENTRY > cursor.remaining() as u64 {
            return Err(GgufError::Truncated { what: "the list of metadata keys", at });
        }
        let mut entries = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let start = cursor.at();
            let key = cursor.str("a metadata key")?;
            if key.is_empty() {
                return Err(GgufError::EmptyName { what: "key", at: start });
            }
            let key = cursor.at() - key.len()..cursor.at();
            let kind = cursor.kind("a metadata type")?;
            entries.push(Entry { key, kind, value: cursor.at() });
            skip(&mut cursor, kind, 0)?;
        }
        let end = cursor.at();
        let mut metadata = Metadata { bytes: bytes.clone(), entries, by_key: (0..count as u32).collect() };
        metadata.sort()?;
        Ok((metadata, end))
    }

    fn sort(&mut self) -> Result<(), GgufError> {
        let key = |i: &u32| &self.bytes[self.entries[*i as usize].key.clone()];
        self.by_key.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        match self.by_key.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
            Some(pair) => {
                let name = String::from_utf8_lossy(key(&pair[0])).into_owned();
                Err(GgufError::Duplicate { what: "key", name })
            }
            None => Ok(()),
        }
    }

    /// The value of `key`, or `None` where the file has no such key.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.value(self.entry(key)?)
    }

    /// The value of `key` as a `T`; `None` where the file has no such key, an error where it is not a `T`.
    pub fn find<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>, GgufError> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        let wrong_type = || GgufError::Type { key: key.to_owned(), expected: T::EXPECTED, found: entry.kind };
        self.value(entry).and_then(T::from_value).ok_or_else(wrong_type).map(Some)
    }

    /// The value of `key` as a `T`; an error where it is missing.
    pub fn require<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T, GgufError> {
        self.find(key)?.ok_or_else(|| GgufError::MissingKey(key.to_owned()))
    }

    /// All keys and values, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.entries.iter().filter_map(|entry| Some((self.key(entry)?, self.value(entry)?)))
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The encoded entries, with their types and values as in the file.
    pub(super) fn encoded(&self) -> impl Iterator<Item = (&str, Kind, &[u8])> {
        self.entries.iter().filter_map(|entry| {
            let mut cursor = Cursor::new(&self.bytes, entry.value);
            skip(&mut cursor, entry.kind, 0).ok()?;
            Some((self.key(entry)?, entry.kind, &self.bytes[entry.value..cursor.at()]))
        })
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        let at = |i: &u32| &self.entries[*i as usize];
        let found = self.by_key.binary_search_by(|i| self.bytes[at(i).key.clone()].cmp(key.as_bytes()));
        found.ok().map(|n| at(&self.by_key[n]))
    }

    fn key(&self, entry: &Entry) -> Option<&str> {
        std::str::from_utf8(&self.bytes[entry.key.clone()]).ok()
    }

    fn value(&self, entry: &Entry) -> Option<Value<'_>> {
        value(&mut Cursor::new(&self.bytes, entry.value), entry.kind).ok()
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.encoded().eq(other.encoded())
    }
}
