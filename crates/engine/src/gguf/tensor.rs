//! One entry of the tensor list.

use super::GgufError;
use super::cursor::Cursor;
use kernels::Format;
use std::ops::Range;

/// One entry of a file's tensor list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    name: Box<str>,
    rank: u8,
    dims: [u64; 4],
    format: Format,
    /// Bytes of the file.
    pub(super) data: Range<usize>,
}

/// Bytes of the shortest entry: name length, one letter, rank, one dimension, format, offset.
pub(super) const SHORTEST_ENTRY: u64 = 8 + 1 + 4 + 8 + 4 + 8;

impl TensorInfo {
    /// Reads one entry. `data` still counts from the start of the data section.
    pub(super) fn read(cursor: &mut Cursor<'_>, alignment: u64) -> Result<Self, GgufError> {
        let at = cursor.at();
        let name = cursor.str("a tensor name")?;
        if name.is_empty() {
            return Err(GgufError::EmptyName { what: "tensor", at });
        }
        let rank = cursor.u32("a tensor's rank")?;
        if !(1..=4).contains(&rank) {
            let why = "it must have 1 to 4 dimensions";
            return Err(GgufError::Dimensions { tensor: name.to_owned(), why });
        }
        let mut dims = [1; 4];
        for dim in &mut dims[..rank as usize] {
            *dim = cursor.u64("a tensor's dimensions")?;
        }
        let id = cursor.u32("a tensor's format")?;
        let format = Format::from_ggml(id)
            .ok_or_else(|| GgufError::Format { tensor: name.to_owned(), format: format_name(id) })?;
        let offset = cursor.u64("a tensor's offset")?;
        let data = data_range(dims, format, offset, alignment, cursor.len() as u64);
        let data = data.map_err(|fault| match fault {
            Fault::Dimensions(why) => GgufError::Dimensions { tensor: name.to_owned(), why },
            Fault::Data(why) => GgufError::Data { tensor: name.to_owned(), why },
        })?;
        Ok(TensorInfo { name: name.into(), rank: rank as u8, dims, format, data })
    }

    /// Name, as in `blk.0.attn_q.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Dimensions, the one that lies closest together in memory first.
    pub fn dims(&self) -> &[u64] {
        &self.dims[..self.rank.into()]
    }

    /// Width of a row: the first dimension.
    pub fn cols(&self) -> usize {
        self.dims[0] as usize
    }

    /// Number of rows: the product of all other dimensions.
    pub fn rows(&self) -> usize {
        self.dims[1..].iter().product::<u64>() as usize
    }

    /// Storage format.
    pub fn format(&self) -> Format {
        self.format
    }
}

enum Fault {
    Dimensions(&'static str),
    Data(&'static str),
}

fn data_range(
    dims: [u64; 4],
    format: Format,
    offset: u64,
    alignment: u64,
    file: u64,
) -> Result<Range<usize>, Fault> {
    if dims.contains(&0) {
        return Err(Fault::Dimensions("one of them is 0"));
    }
    // Every format spends at least a bit on an element, so more elements than this cannot be in the file;
    // and with fewer, nothing below can overflow.
    let elements = dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim));
    let Some(elements) = elements.filter(|&n| n <= file.saturating_mul(8)) else {
        return Err(Fault::Data("would be larger than the file"));
    };
    if !(dims[0] as usize).is_multiple_of(format.block_len()) {
        return Err(Fault::Dimensions("the first is not a multiple of the format's block"));
    }
    if !offset.is_multiple_of(alignment) {
        return Err(Fault::Data("does not start at a multiple of general.alignment"));
    }
    let bytes = (elements / dims[0]) * format.row_bytes(dims[0] as usize) as u64;
    match offset.checked_add(bytes).filter(|&end| end <= file) {
        Some(end) => Ok(offset as usize..end as usize),
        None => Err(Fault::Data("is past the end of the file; the download may be incomplete")),
    }
}

/// What people call a format that is not supported.
fn format_name(id: u32) -> String {
    let known = [
        (10, "Q2_K"),
        (11, "Q3_K"),
        (15, "Q8_K"),
        (16, "IQ2_XXS"),
        (17, "IQ2_XS"),
        (18, "IQ3_XXS"),
        (19, "IQ1_S"),
        (20, "IQ4_NL"),
        (21, "IQ3_S"),
        (22, "IQ2_S"),
        (23, "IQ4_XS"),
        (24, "I8"),
        (25, "I16"),
        (26, "I32"),
        (27, "I64"),
        (28, "F64"),
        (29, "IQ1_M"),
        (34, "TQ1_0"),
        (35, "TQ2_0"),
        (39, "MXFP4"),
    ];
    let name = known.iter().find(|(known, _)| *known == id).map(|(_, name)| format!("format {name}"));
    name.unwrap_or_else(|| format!("unknown format {id}"))
}
