//! What can be wrong with a file, said so that the reader knows what to do.

use super::Kind;

/// Why a file is not a usable GGUF file, or why its metadata does not say what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file could not be opened or mapped.
    #[error("cannot read the file: {0}")]
    Io(#[from] std::io::Error),
    /// The first bytes are not `GGUF`.
    #[error("this is not a GGUF file: {0}")]
    NotGguf(&'static str),
    /// Written for a big-endian machine.
    #[error("this GGUF file is big-endian; use the little-endian file of the model")]
    BigEndian,
    /// A version that this reader does not know.
    #[error("GGUF version {0} is not supported (2 and 3 are); convert the model again")]
    Version(u32),
    /// The file ends too early.
    #[error("the file is cut off: {what} at byte {at} does not fit; download it again")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A count or length above this reader's limit.
    #[error("{what} is {count}, the limit is {limit}; the file is damaged or hostile")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// What the file says.
        count: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Text that is not UTF-8.
    #[error("{what} at byte {at} is not UTF-8")]
    Utf8 {
        /// What was being read.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A key without a name, or a tensor without one.
    #[error("{what} at byte {at} has no name")]
    EmptyName {
        /// `key` or `tensor`.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// Two keys, or two tensors, of one name.
    #[error("{what} `{name}` appears twice")]
    Duplicate {
        /// `key` or `tensor`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A metadata value of unknown type.
    #[error("metadata type {id} at byte {at} is unknown")]
    Kind {
        /// Type id in the file.
        id: u32,
        /// Where.
        at: usize,
    },
    /// `general.alignment` makes no sense.
    #[error("general.alignment is {0}; it must be a power of two, 8 or more")]
    Alignment(u64),
    /// A tensor in a format that cannot be computed with.
    #[error(
        "tensor `{tensor}` is in {format}, which is not supported; choose a Q4_K_M, Q8_0, Q4_1 or F16 file"
    )]
    Format {
        /// Tensor name.
        tensor: String,
        /// Format name, or its number.
        format: String,
    },
    /// A tensor whose dimensions make no sense.
    #[error("tensor `{tensor}` has impossible dimensions: {why}")]
    Dimensions {
        /// Tensor name.
        tensor: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A tensor whose bytes are not where they should be.
    #[error("tensor `{tensor}`: its data {why}")]
    Data {
        /// Tensor name.
        tensor: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A key that is needed is not there.
    #[error("metadata has no `{0}`; the file is incomplete or of another kind")]
    MissingKey(String),
    /// A tensor that is needed is not there.
    #[error("the file has no tensor `{0}`")]
    MissingTensor(String),
    /// A key with a value of another type.
    #[error("metadata `{key}` is {found:?}, expected {expected}")]
    Type {
        /// The key.
        key: String,
        /// What was needed.
        expected: &'static str,
        /// What the file has.
        found: Kind,
    },
}
