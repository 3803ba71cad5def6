//! A whole file: magic, version, metadata, tensor list, and where the data lie.

use super::cursor::Cursor;
use super::tensor::SHORTEST_ENTRY;
use super::{GgufError, Metadata, TensorInfo};
use kernels::Bytes;
use std::fs::File;
use std::path::Path;

/// An open GGUF file. Tensors stay where they are mapped.
#[derive(Clone, Debug)]
pub struct Gguf {
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
    /// Indices of `tensors` in the order of their names.
    by_name: Vec<u32>,
    bytes: Bytes,
}

const TENSOR_LIMIT: u64 = 65_536;

impl Gguf {
    /// Maps and reads a file.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        // Opening a pipe or a device could block or have effects: look before.
        if !std::fs::metadata(path)?.is_file() {
            return Err(GgufError::NotGguf("it is not a regular file"));
        }
        Gguf::read(Bytes::map(&File::open(path)?)?)
    }

    /// Reads a file that is in memory.
    pub fn read(bytes: Bytes) -> Result<Self, GgufError> {
        let mut cursor = Cursor::new(&bytes, 0);
        check_magic(&bytes)?;
        cursor.u32("the magic")?;
        match cursor.u32("the version")? {
            2 | 3 => {}
            version if matches!(version.swap_bytes(), 1..=3) => return Err(GgufError::BigEndian),
            version => return Err(GgufError::Version(version)),
        }
        let tensor_count = cursor.u64("the number of tensors")?;
        let key_count = cursor.u64("the number of keys")?;
        let (metadata, end) = Metadata::read(&bytes, cursor.at(), key_count)?;
        let (tensors, by_name) = read_tensors(&bytes, end, tensor_count, alignment(&metadata)?)?;
        Ok(Gguf { metadata, tensors, by_name, bytes })
    }

    /// Key-value pairs.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All tensors, in file order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor called `name`, if there is one.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let tensor = |i: &u32| &self.tensors[*i as usize];
        let found = self.by_name.binary_search_by(|i| tensor(i).name().cmp(name));
        found.ok().map(|n| tensor(&self.by_name[n]))
    }

    /// The bytes of one of this file's tensors.
    pub fn data(&self, tensor: &TensorInfo) -> Bytes {
        self.bytes.slice(tensor.data.clone()).expect("a tensor's range was checked when the file was read")
    }

    /// Size of the file.
    pub fn file_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Says what a file is instead, where that can be seen.
fn check_magic(bytes: &[u8]) -> Result<(), GgufError> {
    let starts = |prefix: &str| {
        let text = bytes.trim_ascii_start();
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    Err(GgufError::NotGguf(match bytes {
        [b'G', b'G', b'U', b'F', ..] => return Ok(()),
        [] => "it is empty",
        _ if starts("version https://git-lfs") => {
            "it is a Git LFS pointer; fetch the real file with `git lfs pull` or download it"
        }
        _ if starts("<") => "it is a web page; the link is wrong or asks for a login",
        _ if starts("{") => "it is JSON, perhaps an error message of the server it came from",
        [b'P', b'K', ..] => "it is a zip archive; unpack it first",
        [b'F', b'U', b'G', b'G', ..] => "its magic is reversed: it was written for a big-endian machine",
        [b't' | b'f' | b'l', b'j' | b'm', b'g', b'g', ..] => {
            "it is in the older GGML format; use a GGUF file of the model"
        }
        _ if bytes.len() < 4 => "it is too short",
        _ => "it does not start with `GGUF`",
    }))
}

fn alignment(metadata: &Metadata) -> Result<u64, GgufError> {
    let alignment = metadata.find::<u32>("general.alignment")?.unwrap_or(32);
    if alignment < 8 || !alignment.is_power_of_two() {
        return Err(GgufError::Alignment(alignment.into()));
    }
    Ok(alignment.into())
}

/// Reads the tensor list at byte `at` and checks that names differ and data do not overlap.
fn read_tensors(
    bytes: &[u8],
    at: usize,
    count: u64,
    alignment: u64,
) -> Result<(Vec<TensorInfo>, Vec<u32>), GgufError> {
    if count > TENSOR_LIMIT {
        return Err(GgufError::Limit { what: "the number of tensors", count, limit: TENSOR_LIMIT });
    }
    let mut cursor = Cursor::new(bytes, at);
    if count * SHORTEST_ENTRY > cursor.remaining() as u64 {
        return Err(GgufError::Truncated { what: "the list of tensors", at });
    }
    let mut tensors = Vec::with_capacity(count as usize);
    for _ in 0..count {
        tensors.push(TensorInfo::read(&mut cursor, alignment)?);
    }
    let start = cursor.at().next_multiple_of(alignment as usize);
    for tensor in &mut tensors {
        // Both are at most the length of the file, so the sum cannot overflow.
        tensor.data = start + tensor.data.start..start + tensor.data.end;
        if tensor.data.end > bytes.len() {
            let why = "is past the end of the file; the download may be incomplete";
            return Err(GgufError::Data { tensor: tensor.name().to_owned(), why });
        }
    }
    let mut order: Vec<u32> = (0..tensors.len() as u32).collect();
    let tensor = |i: u32| &tensors[i as usize];
    order.sort_unstable_by_key(|&i| tensor(i).data.start);
    if let Some(pair) = order.windows(2).find(|p| tensor(p[0]).data.end > tensor(p[1]).data.start) {
        let why = "overlaps another tensor's";
        return Err(GgufError::Data { tensor: tensor(pair[1]).name().to_owned(), why });
    }
    order.sort_unstable_by_key(|&i| tensor(i).name());
    if let Some(pair) = order.windows(2).find(|p| tensor(p[0]).name() == tensor(p[1]).name()) {
        return Err(GgufError::Duplicate { what: "tensor", name: tensor(pair[0]).name().to_owned() });
    }
    Ok((tensors, order))
}
