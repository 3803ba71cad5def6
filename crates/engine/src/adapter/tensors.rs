//! Factors in safetensors files.

use super::parts::decode;
use super::{AdapterFileError, files};
use kernels::{Bytes, Format, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::path::Path;

/// Largest header that is read; real ones have some hundred bytes a tensor.
const HEADER_LIMIT: u64 = 16 << 20;

/// Hands every tensor of a file to `each`, by name, as a matrix.
pub(super) fn read(
    path: &Path,
    mut each: impl FnMut(&str, Tensor) -> Result<(), AdapterFileError>,
) -> Result<(), AdapterFileError> {
    let bytes = Bytes::map(&files::regular(path)?).map_err(AdapterFileError::reading(path))?;
    let bad = |reason: String| AdapterFileError::Safetensors { path: path.into(), reason };
    let header = bytes.first_chunk().map(|length| u64::from_le_bytes(*length));
    match header {
        None => return Err(bad("it is too short".into())),
        Some(length) if length > HEADER_LIMIT => {
            return Err(bad(format!("its header of {length} bytes is larger than {HEADER_LIMIT}")));
        }
        Some(_) => {}
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
    file.iter().try_for_each(|(name, view)| each(name, matrix(name, &view)?))
}

fn matrix(name: &str, view: &TensorView<'_>) -> Result<Tensor, AdapterFileError> {
    let format = match view.dtype() {
        Dtype::F32 => Format::F32,
        Dtype::F16 => Format::F16,
        Dtype::BF16 => Format::Bf16,
        other => {
            let why = format!("is in {other:?}; factors must be F32, F16 or BF16");
            return Err(AdapterFileError::tensor(name, why));
        }
    };
    let &[rows, cols] = view.shape() else {
        let why = format!("has {} dimensions; a factor is a matrix", view.shape().len());
        return Err(AdapterFileError::tensor(name, why));
    };
    decode(name, format, rows, cols, view.data())
}

/// Writes f32 matrices. `format` is what the program that reads the file calls its own: `pt`, `mlx`.
pub(super) fn write(path: &Path, format: &str, tensors: &[(String, Tensor)]) -> Result<(), AdapterFileError> {
    let bad = |e: safetensors::SafeTensorError| AdapterFileError::Safetensors {
        path: path.into(),
        reason: e.to_string(),
    };
    let views = tensors.iter().map(|(name, tensor)| {
        let bytes = bytemuck::cast_slice(tensor.as_slice());
        Ok((name, TensorView::new(Dtype::F32, vec![tensor.rows(), tensor.cols()], bytes).map_err(bad)?))
    });
    let views = views.collect::<Result<Vec<_>, AdapterFileError>>()?;
    let metadata = HashMap::from([("format".to_owned(), format.to_owned())]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(bad)?;
    files::replace(path, |out| {
        std::io::Write::write_all(out, &bytes).map_err(AdapterFileError::writing(path))
    })
}
