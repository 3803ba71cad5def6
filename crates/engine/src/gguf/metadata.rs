//! Key-value pairs: checked once when they are read, decoded when they are asked for.

use super::GgufError;
use super::cursor::Cursor;
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

/// Type of a value, with the number that stands for it in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the types")]
pub enum Kind {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

/// One value, borrowed from the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// An integer of any width.
    Int(i128),
    /// `F32` or `F64`.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// UTF-8 text.
    Str(&'a str),
    /// Many values of one type.
    Array(Array<'a>),
}

/// Many values of one type.
#[derive(Clone)]
pub struct Array<'a> {
    kind: Kind,
    len: usize,
    elements: Cursor<'a>,
}

/// Greatest nesting of arrays.
const DEPTH_LIMIT: u64 = 4;
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

/// Walks over one value, checking everything that [`value`] relies on.
fn skip(cursor: &mut Cursor<'_>, kind: Kind, depth: u64) -> Result<(), GgufError> {
    if let Some(width) = kind.width() {
        return cursor.take(width, "a metadata value").map(|_| ());
    }
    if kind == Kind::String {
        return cursor.str("a metadata string").map(|_| ());
    }
    if depth == DEPTH_LIMIT {
        return Err(GgufError::Limit { what: "the nesting of arrays", count: depth + 1, limit: DEPTH_LIMIT });
    }
    let kind = cursor.kind("an array type")?;
    let at = cursor.at();
    let len = cursor.u64("an array length")?;
    let too_long = GgufError::Truncated { what: "an array", at };
    // The shortest string is its length, the shortest array its type and length.
    let shortest = kind.width().unwrap_or(if kind == Kind::String { 8 } else { 12 });
    match len.checked_mul(shortest) {
        Some(bytes) if bytes <= cursor.remaining() as u64 => {}
        _ => return Err(too_long),
    }
    if kind.width().is_some() {
        return cursor.take(len * shortest, "an array").map(|_| ());
    }
    (0..len).try_for_each(|_| skip(cursor, kind, depth + 1))
}

fn value<'a>(cursor: &mut Cursor<'a>, kind: Kind) -> Result<Value<'a>, GgufError> {
    const WHAT: &str = "a metadata value";
    Ok(match kind {
        Kind::U8 => Value::Int(u8::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::I8 => Value::Int(i8::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::U16 => Value::Int(u16::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::I16 => Value::Int(i16::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::U32 => Value::Int(u32::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::I32 => Value::Int(i32::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::U64 => Value::Int(u64::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::I64 => Value::Int(i64::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::F32 => Value::Float(f32::from_le_bytes(cursor.array(WHAT)?).into()),
        Kind::F64 => Value::Float(f64::from_le_bytes(cursor.array(WHAT)?)),
        Kind::Bool => Value::Bool(cursor.array::<1>(WHAT)? != [0]),
        Kind::String => Value::Str(cursor.str(WHAT)?),
        Kind::Array => Value::Array(Array::read(cursor)?),
    })
}

impl Kind {
    /// The type that a file calls `id`.
    pub fn from_id(id: u32) -> Option<Self> {
        use Kind::*;
        const ALL: [Kind; 13] = [U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64];
        ALL.get(usize::try_from(id).ok()?).copied()
    }

    /// Bytes of one value, where that is fixed.
    fn width(self) -> Option<u64> {
        match self {
            Kind::U8 | Kind::I8 | Kind::Bool => Some(1),
            Kind::U16 | Kind::I16 => Some(2),
            Kind::U32 | Kind::I32 | Kind::F32 => Some(4),
            Kind::U64 | Kind::I64 | Kind::F64 => Some(8),
            Kind::String | Kind::Array => None,
        }
    }
}

impl<'a> Array<'a> {
    /// Reads type and length; the elements stay where they are.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, GgufError> {
        let kind = cursor.kind("an array type")?;
        let len = cursor.u64("an array length")?.min(cursor.remaining() as u64) as usize;
        Ok(Array { kind, len, elements: cursor.clone() })
    }

    /// Type of the elements.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (mut cursor, kind) = (self.elements.clone(), self.kind);
        (0..self.len).map_while(move |_| {
            let element = value(&mut cursor.clone(), kind).ok()?;
            skip(&mut cursor, kind, 1).ok()?;
            Some(element)
        })
    }
}

impl PartialEq for Array<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.len == other.len && self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{:?}; {}]", self.kind, self.len)
    }
}

/// The elements of an array of strings.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    elements: Cursor<'a>,
    left: usize,
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        self.elements.str("a string of an array").ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Strings<'_> {}

/// A type that a metadata value can be taken as.
pub trait FromValue<'a>: Sized {
    /// What the value must be, for error messages.
    const EXPECTED: &'static str;

    /// `None` where the value is something else, or does not fit.
    fn from_value(value: Value<'a>) -> Option<Self>;
}

impl<'a> FromValue<'a> for &'a str {
    const EXPECTED: &'static str = "a string";
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Str(text) = value { Some(text) } else { None }
    }
}

impl<'a> FromValue<'a> for bool {
    const EXPECTED: &'static str = "true or false";
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Bool(truth) = value { Some(truth) } else { None }
    }
}

impl<'a> FromValue<'a> for f32 {
    const EXPECTED: &'static str = "a number";
    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Float(number) => Some(number as f32),
            Value::Int(number) => Some(number as f32),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($type:ty: $expected:literal),*) => {$(
        impl<'a> FromValue<'a> for $type {
            const EXPECTED: &'static str = $expected;
            fn from_value(value: Value<'a>) -> Option<Self> {
                if let Value::Int(number) = value { number.try_into().ok() } else { None }
            }
        }
    )*};
}
integers!(u32: "an integer of 32 bits, 0 or more", i32: "an integer of 32 bits", u64: "an integer, 0 or more", usize: "an integer, 0 or more");

impl<'a> FromValue<'a> for Array<'a> {
    const EXPECTED: &'static str = "an array";
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Array(array) = value { Some(array) } else { None }
    }
}

impl<'a> FromValue<'a> for Strings<'a> {
    const EXPECTED: &'static str = "an array of strings";
    fn from_value(value: Value<'a>) -> Option<Self> {
        let array = Array::from_value(value).filter(|array| array.kind == Kind::String)?;
        Some(Strings { elements: array.elements, left: array.len })
    }
}

macro_rules! vectors {
    ($($type:ty),*) => {$(
        impl<'a> FromValue<'a> for Vec<$type> {
            const EXPECTED: &'static str = "an array of numbers";
            fn from_value(value: Value<'a>) -> Option<Self> {
                Array::from_value(value)?.iter().map(<$type>::from_value).collect()
            }
        }
    )*};
}
vectors!(i32, u32, f32);

/// For error messages: arrays only by type and length.
impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(number) => write!(f, "{number}"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Str(text) => write!(f, "`{text}`"),
            Value::Array(array) => write!(f, "{array:?}"),
        }
    }
}
