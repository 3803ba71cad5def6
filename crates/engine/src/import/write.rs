//! The result: a header, then one tensor after the other, a few megabytes at a time.

use super::names::{Role, Wanted};
use super::quantize::{Fault, Job, Source};
use super::{Import, ImportError, Note, Report};
use crate::gguf::{TensorHead, write_head, write_padding};
use crate::model::Model;
use kernels::{Bytes, Format};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes that are encoded at once, or one row where that is more.
const BAND: usize = 16 << 20;

impl Import {
    /// Writes the file `out`: beside it first, then opened as a model, and renamed when all is well.
    ///
    /// `progress` hears how many of how many bytes are there.
    pub fn write(self, out: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, ImportError> {
        let mut name = OsString::from(out.file_name().unwrap_or_default());
        name.push(".importing");
        let partial = Partial(out.with_file_name(name));
        let inexact = self.write_to(&partial.0, progress)?;
        Model::open(&partial.0)?;
        fs::rename(&partial.0, out).map_err(ImportError::io("cannot move into place", out))?;
        sync_folder(out)?;
        let mut report = self.report;
        if inexact > 0 {
            report.lossless = false;
            report.notes.push(Note::Inexact(inexact));
        }
        Ok(report)
    }

    /// Returns how many numbers were rounded to half precision.
    fn write_to(&self, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, ImportError> {
        let failed = || ImportError::io("cannot write", path);
        let mut file = File::create(path).map_err(failed())?;
        let dims: Vec<Vec<u64>> = self.tensors.iter().map(|(wanted, _)| gguf_dims(wanted)).collect();
        let heads: Vec<TensorHead<'_>> = (self.tensors.iter().zip(&dims))
            .map(|((wanted, job), dims)| TensorHead { name: &wanted.target, dims, format: job.format })
            .collect();
        write_head(&mut file, &self.metadata, &heads).map_err(failed())?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut done, mut inexact, total) = (0, 0, self.bytes());
        for (wanted, job) in &self.tensors {
            let width = job.format.row_bytes(job.cols);
            let band = (BAND / width).max(1);
            let mut room = vec![0; band.min(job.rows) * width];
            for first in (0..job.rows).step_by(band) {
                let rows = first..job.rows.min(first + band);
                let encoded = &mut room[..rows.len() * width];
                let rounded = job.encode(rows, encoded, threads);
                inexact += rounded.map_err(|fault| fault_of(fault, &wanted.source))?;
                file.write_all(encoded).map_err(failed())?;
                done += encoded.len() as u64;
                progress(done, total);
            }
            write_padding(&mut file, job.bytes()).map_err(failed())?;
        }
        file.sync_all().map_err(failed())?;
        Ok(inexact)
    }
}

/// What divides the rotary frequencies, as a tensor of the file.
pub(super) fn rope_factors(factors: &[f32]) -> (Wanted, Job) {
    let bytes: Vec<u8> = factors.iter().flat_map(|factor| factor.to_le_bytes()).collect();
    let wanted = Wanted {
        source: "rope_scaling".to_owned(),
        target: "rope_freqs.weight".to_owned(),
        dims: vec![factors.len()],
        heads: None,
        required: true,
        role: Role::Plain,
    };
    let source = Source::Floats(Format::F32, Bytes::copy(&bytes));
    (wanted, Job { source, rows: factors.len(), cols: 1, heads: None, format: Format::F32 })
}

/// The same dimensions, the one that lies closest together in memory first.
fn gguf_dims(wanted: &Wanted) -> Vec<u64> {
    wanted.dims.iter().rev().map(|&dim| dim as u64).collect()
}

fn fault_of(fault: Fault, tensor: &str) -> ImportError {
    match fault {
        Fault::NotFinite => ImportError::NotFinite(tensor.to_owned()),
        Fault::Range => ImportError::Range(tensor.to_owned()),
    }
}

/// A file that is removed unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Puts the new name on the disk itself. Windows has no such call.
fn sync_folder(out: &Path) -> Result<(), ImportError> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !cfg!(unix) {
        return Ok(());
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(ImportError::io("cannot save", folder))
}
