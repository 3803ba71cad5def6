//! Bounds-checked reading of little-endian values.

use super::{GgufError, Kind};

/// Longest string that is read: chat templates and tokens are far shorter.
const STRING_LIMIT: u64 = 16 << 20;

/// Reads little-endian values and never goes past the end.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Cursor { bytes, at }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Length of all bytes, read or not.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(super) fn take(&mut self, len: u64, what: &'static str) -> Result<&'a [u8], GgufError> {
        let truncated = GgufError::Truncated { what, at: self.at };
        let Ok(len) = usize::try_from(len) else { return Err(truncated) };
        let Some(end) = self.at.checked_add(len) else { return Err(truncated) };
        let Some(taken) = self.bytes.get(self.at..end) else { return Err(truncated) };
        self.at = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], GgufError> {
        let mut value = [0; N];
        value.copy_from_slice(self.take(N as u64, what)?);
        Ok(value)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    pub(super) fn kind(&mut self, what: &'static str) -> Result<Kind, GgufError> {
        let at = self.at;
        let id = self.u32(what)?;
        Kind::from_id(id).ok_or(GgufError::Kind { id, at })
    }

    pub(super) fn str(&mut self, what: &'static str) -> Result<&'a str, GgufError> {
        let at = self.at;
        let len = self.u64(what)?;
        if len > STRING_LIMIT {
            return Err(GgufError::Limit { what, count: len, limit: STRING_LIMIT });
        }
        std::str::from_utf8(self.take(len, what)?).map_err(|_| GgufError::Utf8 { what, at })
    }
}
