//! One metadata value: its type, how it is walked over and how it is decoded.

use super::GgufError;
use super::cursor::Cursor;

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

/// Many values of one type.
#[derive(Clone)]
pub struct Array<'a> {
    kind: Kind,
    len: usize,
    elements: Cursor<'a>,
}

/// The elements of an array of strings.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    elements: Cursor<'a>,
    left: usize,
}

/// Greatest nesting of arrays.
const DEPTH_LIMIT: u64 = 4;

/// Walks over one value, checking everything that [`value`] relies on.
pub(super) fn skip(cursor: &mut Cursor<'_>, kind: Kind, depth: u64) -> Result<(), GgufError> {
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

pub(super) fn value<'a>(cursor: &mut Cursor<'a>, kind: Kind) -> Result<Value<'a>, GgufError> {
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

    /// The elements of an array of strings.
    pub fn strings(&self) -> Option<Strings<'a>> {
        (self.kind == Kind::String).then(|| Strings { elements: self.elements.clone(), left: self.len })
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
