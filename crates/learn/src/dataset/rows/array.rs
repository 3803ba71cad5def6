//! One JSON array of rows, read element by element.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::{MAX_ROW, Take};
use crate::dataset::DatasetError;

/// Hands on each element of the array that `reader` begins with, in line `line`.
pub(super) fn each_row(
    reader: impl BufRead,
    line: u64,
    path: &Path,
    name: &str,
    take: Take<'_>,
) -> Result<(), DatasetError> {
    let place = Place { line: Cell::new(line), bytes: Cell::new(0) };
    let counted = Counted { reader, place: &place };
    let mut json = serde_json::Deserializer::from_reader(counted);
    let outcome = json.deserialize_seq(Rows { place: &place, take }).and_then(|()| json.end());
    outcome.map_err(|error| {
        if error.is_io() && place.bytes.get() <= MAX_ROW {
            DatasetError::io("cannot read", path)(error.into())
        } else {
            // The rest of an array cannot be read after a mistake.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or(&reason).to_owned();
            DatasetError::Broken { file: name.to_owned(), line: place.line.get(), reason }
        }
    })
}

/// How far the parser is: it asks for single bytes, so this is exact.
struct Place {
    line: Cell<u64>,
    /// Bytes since the row began.
    bytes: Cell<u64>,
}

struct Counted<'a, R> {
    reader: R,
    place: &'a Place,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let lines = buffer[..count].iter().filter(|byte| **byte == b'\n').count();
        self.place.line.set(self.place.line.get() + lines as u64);
        self.place.bytes.set(self.place.bytes.get() + count as u64);
        if self.place.bytes.get() > MAX_ROW {
            return Err(io::Error::other(format!("a row is longer than {} MiB", MAX_ROW >> 20)));
        }
        Ok(count)
    }
}

struct Rows<'a, 't> {
    place: &'a Place,
    take: Take<'t>,
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some((line, row)) = rows.next_element_seed(Row(self.place))? {
            (self.take)(line, Ok(row));
        }
        Ok(())
    }
}

/// One element, with the line that it begins in.
struct Row<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = (u64, Value);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(u64, Value), D::Error> {
        // The parser has looked at the first byte of the element, and no further.
        let line = self.0.line.get();
        self.0.bytes.set(0);
        Ok((line, serde::Deserialize::deserialize(json)?))
    }
}
