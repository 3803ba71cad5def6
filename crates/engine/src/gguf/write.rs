//! The way back: metadata and tensors into a file.

use super::{GgufError, Kind, Metadata};
use kernels::{Bytes, Format};
use std::io::{self, Write};

/// Alignment of tensor data in files that are written here; the format's default.
const ALIGNMENT: usize = 32;

/// Metadata in the making. Keys keep the order in which they are added.
#[derive(Clone, Debug, Default)]
pub struct MetadataBuilder {
    bytes: Vec<u8>,
    count: u64,
}

/// A tensor to be written.
#[derive(Clone, Debug)]
pub struct TensorData<'a> {
    /// Name, as in `blk.0.attn_q.weight`.
    pub name: &'a str,
    /// Dimensions, the one that lies closest together in memory first.
    pub dims: &'a [u64],
    /// Storage format.
    pub format: Format,
    /// Whole rows in that format.
    pub data: &'a [u8],
}

/// What the list of tensors says of one whose data are written later.
#[derive(Clone, Copy, Debug)]
pub struct TensorHead<'a> {
    /// Name, as in `blk.0.attn_q.weight`.
    pub name: &'a str,
    /// Dimensions, the one that lies closest together in memory first.
    pub dims: &'a [u64],
    /// Storage format.
    pub format: Format,
}

/// Writes a file of version 3.
pub fn write(out: &mut impl Write, metadata: &MetadataBuilder, tensors: &[TensorData<'_>]) -> io::Result<()> {
    tensors.iter().try_for_each(TensorData::check)?;
    let heads: Vec<TensorHead<'_>> = tensors.iter().map(TensorData::head).collect();
    write_head(out, metadata, &heads)?;
    for tensor in tensors {
        out.write_all(tensor.data)?;
        out.write_all(padding(tensor.data.len()))?;
    }
    Ok(())
}

/// Writes all that stands before the data of the first tensor, for files that are too large for the memory.
/// The data must follow in this order, each with its [`padding`].
pub fn write_head(
    out: &mut impl Write,
    metadata: &MetadataBuilder,
    tensors: &[TensorHead<'_>],
) -> io::Result<()> {
    let mut head = Vec::from(*b"GGUF");
    head.extend(3u32.to_le_bytes());
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend(metadata.count.to_le_bytes());
    head.extend(&metadata.bytes);
    let mut offset = 0;
    for tensor in tensors {
        let bytes = tensor.bytes()?;
        push_str(&mut head, tensor.name);
        head.extend((tensor.dims.len() as u32).to_le_bytes());
        tensor.dims.iter().for_each(|dim| head.extend(dim.to_le_bytes()));
        head.extend(tensor.format.ggml_id().to_le_bytes());
        head.extend((offset as u64).to_le_bytes());
        offset += bytes.next_multiple_of(ALIGNMENT);
    }
    head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
    out.write_all(&head)
}

/// The zeros that follow the data of a tensor of `len` bytes.
pub fn padding(len: usize) -> &'static [u8] {
    &[0; ALIGNMENT][..len.next_multiple_of(ALIGNMENT) - len]
}

impl TensorHead<'_> {
    /// Bytes of the data; an error where the dimensions make no whole rows.
    fn bytes(&self) -> io::Result<usize> {
        let (cols, rows) = match self.dims {
            [cols, rows @ ..] if rows.len() < 4 => (*cols as usize, rows.iter().product::<u64>() as usize),
            _ => (0, 0),
        };
        if cols == 0 || !cols.is_multiple_of(self.format.block_len()) {
            let what = format!("tensor `{}`: {:?} are no rows of {}", self.name, self.dims, self.format);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(rows * self.format.row_bytes(cols))
    }
}

impl TensorData<'_> {
    fn head(&self) -> TensorHead<'_> {
        TensorHead { name: self.name, dims: self.dims, format: self.format }
    }

    fn check(&self) -> io::Result<()> {
        if self.data.len() != self.head().bytes()? {
            let what = format!("tensor `{}`: {} bytes are not {:?}", self.name, self.data.len(), self.dims);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(())
    }
}

impl MetadataBuilder {
    /// No keys yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text.
    pub fn str(&mut self, key: &str, value: &str) -> &mut Self {
        push_str(self.begin(key, Kind::String), value);
        self
    }

    /// Adds an integer.
    pub fn u32(&mut self, key: &str, value: u32) -> &mut Self {
        self.begin(key, Kind::U32).extend(value.to_le_bytes());
        self
    }

    /// Adds a number.
    pub fn f32(&mut self, key: &str, value: f32) -> &mut Self {
        self.begin(key, Kind::F32).extend(value.to_le_bytes());
        self
    }

    /// Adds a truth value.
    pub fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.begin(key, Kind::Bool).push(value.into());
        self
    }

    /// Adds an array of strings.
    pub fn strings(&mut self, key: &str, values: &[impl AsRef<str>]) -> &mut Self {
        let bytes = self.begin_array(key, Kind::String, values.len());
        values.iter().for_each(|value| push_str(bytes, value.as_ref()));
        self
    }

    /// Adds an array of integers.
    pub fn i32s(&mut self, key: &str, values: &[i32]) -> &mut Self {
        let bytes = self.begin_array(key, Kind::I32, values.len());
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        self
    }

    /// Adds an array of numbers.
    pub fn f32s(&mut self, key: &str, values: &[f32]) -> &mut Self {
        let bytes = self.begin_array(key, Kind::F32, values.len());
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        self
    }

    /// Adds the keys of `metadata` that `keep` wants, as they are. `general.alignment` is left out: it
    /// describes the file that it came from.
    pub fn copy(&mut self, metadata: &Metadata, keep: impl Fn(&str) -> bool) -> &mut Self {
        for (key, kind, value) in metadata.encoded() {
            if key != "general.alignment" && keep(key) {
                self.begin(key, kind).extend(value);
            }
        }
        self
    }

    /// Reads back what was added. Fails on a key that was added twice.
    pub fn build(&self) -> Result<Metadata, GgufError> {
        Ok(Metadata::read(&Bytes::copy(&self.bytes), 0, self.count)?.0)
    }

    fn begin(&mut self, key: &str, kind: Kind) -> &mut Vec<u8> {
        self.count += 1;
        push_str(&mut self.bytes, key);
        self.bytes.extend((kind as u32).to_le_bytes());
        &mut self.bytes
    }

    fn begin_array(&mut self, key: &str, kind: Kind, len: usize) -> &mut Vec<u8> {
        let bytes = self.begin(key, Kind::Array);
        bytes.extend((kind as u32).to_le_bytes());
        bytes.extend((len as u64).to_le_bytes());
        bytes
    }
}

fn push_str(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}
