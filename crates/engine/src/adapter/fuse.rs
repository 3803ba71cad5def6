//! A model and an adapter merged into one GGUF file.
//!
//! Each adapted matrix becomes `W + scale · B·A`, row by row: dequantised, changed, quantised again. Everything else is
//! copied byte for byte. Coarse formats round a part of the update away, so serve base and adapter apart where that
//! is possible; [`Fused::lost`] says how much it is here.

use super::{Adapter, AdapterError, AdapterFileError, Lora, Target, files};
use crate::gguf::{Gguf, MetadataBuilder, TensorHead, TensorInfo, write_head, write_padding};
use crate::model::{Config, ModelError};
use kernels::{Bytes, Format, quant};
use std::io::{self, Write};
use std::path::Path;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fused {
    /// Size of the file.
    pub bytes: u64,
    /// Matrices that were changed.
    pub matrices: usize,
    /// Size of the rounding error over the size of the update (root mean squares over all changed matrices). 0 keeps
    /// the update whole; at 1 the error is as large as the update.
    pub lost: f64,
}

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
pub enum FuseError {
    /// The base is not a model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The adapter is for another model.
    #[error(transparent)]
    Mismatch(#[from] AdapterError),
    /// Rows that are not whole blocks.
    #[error("`{tensor}` has rows of {cols}, and {format} needs a multiple of {block}; choose another format")]
    Ragged {
        /// The matrix.
        tensor: String,
        /// Its width.
        cols: usize,
        /// The format that was chosen.
        format: Format,
        /// The format's block.
        block: usize,
    },
    /// The update makes numbers that no format can hold.
    #[error("`{0}` with the adapter holds values that are not finite numbers; the adapter is unusable")]
    NotFinite(String),
    /// Writing failed.
    #[error(transparent)]
    File(#[from] AdapterFileError),
}

/// Writes `base` with `adapter` merged into it to `path`; the file is there wholly or not at all.
///
/// Adapted matrices are stored in `format`, or where it is `None` in their own. Memory is for some rows only.
/// `progress` is told bytes done and bytes in total.
pub fn fuse(
    base: &Gguf,
    adapter: &Adapter,
    format: Option<Format>,
    path: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Fused, FuseError> {
    let config = Config::from_gguf(base.metadata())?;
    adapter.check(&config)?;
    let plan = plan(base, adapter, format)?;
    let heads: Vec<TensorHead<'_>> = plan.iter().map(Step::head).collect();
    let sizes = heads.iter().map(TensorHead::bytes).collect::<io::Result<Vec<usize>>>();
    let failed = |source| AdapterFileError::Io { doing: "write", path: path.into(), source };
    let sizes = sizes.map_err(failed)?;
    let total = sizes.iter().map(|bytes| *bytes as u64).sum();

    let (mut done, mut error) = (0, Error::default());
    files::replace(path, |out| {
        write_head(out, &metadata(base, &plan), &heads).map_err(failed)?;
        for (step, bytes) in plan.iter().zip(&sizes) {
            let data = base.data(step.tensor);
            match step.lora {
                None => out.write_all(&data).map_err(failed)?,
                Some(lora) => {
                    error.add(step.write(&data, lora, |rows| Ok(out.write_all(rows).map_err(failed)?))?)
                }
            }
            write_padding(out, *bytes).map_err(failed)?;
            done += *bytes as u64;
            progress(done, total);
        }
        Ok::<(), FuseError>(())
    })?;
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    Ok(Fused { bytes, matrices: adapter.iter().count(), lost: error.relative() })
}

/// One tensor of the new file.
struct Step<'a> {
    tensor: &'a TensorInfo,
    /// Format in the new file.
    format: Format,
    lora: Option<&'a Lora>,
}

/// Sums of squares.
#[derive(Clone, Copy, Default)]
struct Error {
    update: f64,
    rounding: f64,
}

impl Error {
    fn add(&mut self, other: Error) {
        self.update += other.update;
        self.rounding += other.rounding;
    }

    fn relative(self) -> f64 {
        if self.update > 0.0 { (self.rounding / self.update).sqrt() } else { 0.0 }
    }
}

/// Pairs the base's tensors with their updates.
fn plan<'a>(
    base: &'a Gguf,
    adapter: &'a Adapter,
    format: Option<Format>,
) -> Result<Vec<Step<'a>>, FuseError> {
    let mut steps: Vec<Step<'_>> =
        base.tensors().iter().map(|tensor| Step { tensor, format: tensor.format(), lora: None }).collect();
    for (layer, target, lora) in adapter.iter() {
        let name = format!("blk.{layer}.{}.weight", target.gguf_name());
        let Some(step) = steps.iter_mut().find(|step| step.tensor.name() == name) else {
            return Err(ModelError::from(crate::gguf::GgufError::MissingTensor(name)).into());
        };
        check_shape(step.tensor, layer, target, lora)?;
        step.lora = Some(lora);
        step.format = format.unwrap_or(step.format);
        let (cols, block) = (step.tensor.cols(), step.format.block_len());
        if !cols.is_multiple_of(block) {
            return Err(FuseError::Ragged { tensor: name, cols, format: step.format, block });
        }
    }
    Ok(steps)
}

/// The adapter fits the model's metadata; its tensors must do so too.
fn check_shape(tensor: &TensorInfo, layer: usize, target: Target, lora: &Lora) -> Result<(), AdapterError> {
    let (expected, found) = ((tensor.cols(), tensor.rows()), (lora.a.cols(), lora.b.cols()));
    if expected == found {
        return Ok(());
    }
    Err(AdapterError::Shape { layer, target: target.gguf_name(), expected, found })
}

/// The base's keys. `general.file_type` is left out where it would not be true any more.
fn metadata(base: &Gguf, plan: &[Step<'_>]) -> MetadataBuilder {
    let changed = plan.iter().any(|step| step.format != step.tensor.format());
    let mut metadata = MetadataBuilder::new();
    metadata.copy(base.metadata(), |key| !(changed && key == "general.file_type"));
    metadata
}

/// Weights that are worked on at once by one thread.
const PIECE: usize = 1 << 18;

impl<'a> Step<'a> {
    fn head(&self) -> TensorHead<'_> {
        TensorHead { name: self.tensor.name(), dims: self.tensor.dims(), format: self.format }
    }

    /// Hands the rows of the changed matrix to `write`, in order. Several threads make them.
    fn write(
        &self,
        data: &Bytes,
        lora: &Lora,
        mut write: impl FnMut(&[u8]) -> Result<(), FuseError>,
    ) -> Result<Error, FuseError> {
        let (rows, cols) = (self.tensor.rows(), self.tensor.cols());
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        let piece = (PIECE / cols).max(1);
        let width = self.format.row_bytes(cols);
        let mut error = Error::default();
        let mut made = vec![0; piece * threads * width];
        for start in (0..rows).step_by(piece * threads) {
            let count = (piece * threads).min(rows - start);
            let made = &mut made[..count * width];
            let pieces = made.chunks_mut(piece * width).enumerate();
            let results: Vec<_> = std::thread::scope(|scope| {
                let work = |(n, out)| scope.spawn(move || self.rows(data, lora, start + n * piece, out));
                let running: Vec<_> = pieces.map(work).collect();
                running.into_iter().map(|thread| thread.join().expect("no row panics")).collect()
            });
            for result in results {
                error.add(result.ok_or_else(|| FuseError::NotFinite(self.tensor.name().to_owned()))?);
            }
            write(made)?;
        }
        Ok(error)
    }

    /// Rows `first..` as many as fit `out`; `None` where one holds something that is not a finite number.
    fn rows(&self, data: &Bytes, lora: &Lora, first: usize, out: &mut [u8]) -> Option<Error> {
        let cols = self.tensor.cols();
        let (old, new) = (self.tensor.format().row_bytes(cols), self.format.row_bytes(cols));
        let (mut row, mut update, mut error) = (vec![0.0; cols], vec![0.0; cols], Error::default());
        for (n, out) in out.chunks_exact_mut(new).enumerate() {
            let r = first + n;
            quant::dequantize_row(self.tensor.format(), &data[r * old..(r + 1) * old], &mut row);
            update_row(lora, r, &mut update);
            row.iter_mut().zip(&update).for_each(|(w, d)| *w += d);
            if row.iter().any(|w| !w.is_finite()) {
                return None;
            }
            quant::quantize_row(self.format, &row, out);
            error.update += squares(update.iter().copied());
            quant::dequantize_row(self.format, out, &mut update);
            error.rounding += squares(row.iter().zip(&update).map(|(w, stored)| w - stored));
        }
        Some(error)
    }
}

/// Row `r` of `scale · B·A`.
fn update_row(lora: &Lora, r: usize, update: &mut [f32]) {
    update.fill(0.0);
    for k in 0..lora.rank() {
        let factor = lora.scale * lora.b.row(k)[r];
        update.iter_mut().zip(lora.a.row(k)).for_each(|(sum, a)| *sum += factor * a);
    }
}

fn squares(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value).powi(2)).sum()
}
