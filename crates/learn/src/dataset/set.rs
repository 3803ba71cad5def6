//! A set on disk: a folder with `train.jsonl`, `valid.jsonl`, perhaps `test.jsonl`, and `manifest.json`.
//!
//! The parts are complete and on the disk before the first is moved to its place, and the manifest is moved
//! last: a folder without one is not a set. So what was cut off is never taken for a set.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::dataset::{DatasetError, Example, Format, Parts, Report, Shares, read};

/// The parts that a set may have.
pub const PART_NAMES: [&str; 3] = ["train", "valid", "test"];

const MANIFEST: &str = "manifest.json";
const MAX_MANIFEST: u64 = 16 << 20;

/// A set that is there.
#[derive(Clone, Debug)]
pub struct Set {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is made of.
    pub manifest: Manifest,
}

/// `manifest.json`: all that is needed to make the set again, and to see that it is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this format: 1.
    pub version: u32,
    /// What people call it.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// Decides who is in which part.
    pub seed: u64,
    /// The shares that were asked for; `None` for a mixture, which keeps the parts of its sets.
    pub shares: Option<Shares>,
    /// Where the rows came from.
    pub sources: Vec<Source>,
    /// What became of them.
    pub report: Report,
    /// Its files.
    pub parts: Vec<PartFile>,
}

/// Where rows came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// As it was named: `hf:owner/repo@COMMIT`, a path, or the name of another set.
    pub source: String,
    /// The commit, where there is one.
    pub revision: Option<String>,
    /// The licence, where it is known.
    pub license: Option<String>,
    /// The shape of the rows.
    pub format: Option<Format>,
    /// The share in a mixture.
    pub weight: Option<f64>,
    /// The files that were read.
    pub files: Vec<SourceFile>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its name at the source.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A file of the set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFile {
    /// `train`, `valid` or `test`; the file is `NAME.jsonl`.
    pub name: String,
    /// Its examples.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// A manifest of a set that is to be written: its parts are still missing.
    pub fn new(
        name: &str,
        seed: u64,
        shares: Option<Shares>,
        sources: Vec<Source>,
        report: Report,
    ) -> Manifest {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Manifest {
            version: 1,
            name: name.to_owned(),
            created,
            seed,
            shares,
            sources,
            report,
            parts: Vec::new(),
        }
    }

    /// A part by its name.
    pub fn part(&self, name: &str) -> Option<&PartFile> {
        self.parts.iter().find(|part| part.name == name)
    }
}

impl Set {
    /// Writes a set into `folder`, in place of one that is there. Other files of the folder stay.
    pub fn write(folder: &Path, parts: &Parts, manifest: Manifest) -> Result<Set, DatasetError> {
        Set::write_rows(folder, &[&parts.train[..], &parts.valid[..], &parts.test[..]], manifest)
    }

    /// The same with rows that hold more than an example does.
    pub(crate) fn write_rows<Row: Serialize>(
        folder: &Path,
        parts: &[impl AsRef<[Row]>; 3],
        mut manifest: Manifest,
    ) -> Result<Set, DatasetError> {
        if parts[0].as_ref().is_empty() {
            return Err(DatasetError::Empty { report: Box::new(manifest.report) });
        }
        fs::create_dir_all(folder).map_err(DatasetError::io("cannot create", folder))?;
        let mut staged = Vec::new();
        for (name, rows) in PART_NAMES.into_iter().zip(parts) {
            if name == "test" && rows.as_ref().is_empty() {
                continue;
            }
            let (file, part) = stage(folder, name, rows.as_ref())?;
            staged.push((file, folder.join(format!("{name}.jsonl"))));
            manifest.parts.push(part);
        }
        let mut text = serde_json::to_vec_pretty(&manifest).expect("a manifest is text and numbers");
        text.push(b'\n');
        let described = stage_bytes(folder, &text)?;

        remove(&folder.join(MANIFEST))?;
        remove(&folder.join("test.jsonl"))?;
        for (file, path) in staged {
            persist(file, &path)?;
        }
        persist(described, &folder.join(MANIFEST))?;
        sync_folder(folder)?;
        Ok(Set { folder: folder.to_path_buf(), manifest })
    }

    /// Opens the set in `folder`.
    pub fn open(folder: &Path) -> Result<Set, DatasetError> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            return Err(DatasetError::NoSet(folder.to_path_buf()));
        }
        let mut text = Vec::new();
        let file = File::open(&path).map_err(DatasetError::io("cannot open", &path))?;
        file.take(MAX_MANIFEST).read_to_end(&mut text).map_err(DatasetError::io("cannot read", &path))?;
        let damaged = |reason: String| DatasetError::Damaged { folder: folder.to_path_buf(), reason };
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| damaged(format!("its manifest: {error}")))?;
        if manifest.version != 1 {
            return Err(damaged(format!("its manifest has version {}", manifest.version)));
        }
        if let Some(part) = manifest.parts.iter().find(|part| !PART_NAMES.contains(&part.name.as_str())) {
            return Err(damaged(format!("its manifest names a part {:?}", part.name)));
        }
        Ok(Set { folder: folder.to_path_buf(), manifest })
    }

    /// Writes the manifest anew, after its files have changed.
    pub(super) fn write_manifest(&self) -> Result<(), DatasetError> {
        let mut text = serde_json::to_vec_pretty(&self.manifest).expect("a manifest is text and numbers");
        text.push(b'\n');
        persist(stage_bytes(&self.folder, &text)?, &self.folder.join(MANIFEST))?;
        sync_folder(&self.folder)
    }

    /// The file of a part, whether it is there or not.
    pub fn path(&self, part: &str) -> PathBuf {
        self.folder.join(format!("{part}.jsonl"))
    }

    /// The examples of a part, after a look at its hash; none where the set has no such part.
    pub fn read(&self, part: &str) -> Result<Vec<Example>, DatasetError> {
        let Some(known) = self.manifest.part(part) else { return Ok(Vec::new()) };
        let path = self.path(part);
        if file_sha256(&path)? != (known.sha256.clone(), known.bytes) {
            let reason = format!("{part}.jsonl is not what its manifest says");
            return Err(DatasetError::Damaged { folder: self.folder.clone(), reason });
        }
        Ok(read(&path)?.0)
    }

    /// The examples of all parts.
    pub fn parts(&self) -> Result<Parts, DatasetError> {
        let [train, valid, test] = PART_NAMES.map(|part| self.read(part));
        Ok(Parts { train: train?, valid: valid?, test: test? })
    }
}

/// The SHA-256 of a file, in hexadecimal, and its size.
pub fn file_sha256(path: &Path) -> Result<(String, u64), DatasetError> {
    let mut file = File::open(path).map_err(DatasetError::io("cannot open", path))?;
    let mut counted = Hashed { hash: Sha256::new(), bytes: 0, inner: std::io::sink() };
    std::io::copy(&mut file, &mut counted).map_err(DatasetError::io("cannot read", path))?;
    Ok(counted.finish())
}

/// Writes examples to a temporary file beside their place.
fn stage(
    folder: &Path,
    name: &str,
    examples: &[impl Serialize],
) -> Result<(NamedTempFile, PartFile), DatasetError> {
    let file = temporary(folder)?;
    let failed = || DatasetError::io("cannot write", &folder.join(format!("{name}.jsonl")));
    let mut out = Hashed { hash: Sha256::new(), bytes: 0, inner: BufWriter::new(file.as_file()) };
    for example in examples {
        let mut line = serde_json::to_vec(example).expect("an example is text");
        line.push(b'\n');
        out.write_all(&line).map_err(failed())?;
    }
    out.flush().map_err(failed())?;
    let (sha256, bytes) = out.finish();
    file.as_file().sync_all().map_err(failed())?;
    Ok((file, PartFile { name: name.to_owned(), rows: examples.len() as u64, bytes, sha256 }))
}

fn stage_bytes(folder: &Path, bytes: &[u8]) -> Result<NamedTempFile, DatasetError> {
    let mut file = temporary(folder)?;
    let mut write = || {
        file.write_all(bytes)?;
        file.as_file().sync_all()
    };
    write().map_err(DatasetError::io("cannot write", &folder.join(MANIFEST)))?;
    Ok(file)
}

fn temporary(folder: &Path) -> Result<NamedTempFile, DatasetError> {
    NamedTempFile::with_prefix_in(".part-", folder).map_err(DatasetError::io("cannot write to", folder))
}

fn persist(file: NamedTempFile, path: &Path) -> Result<(), DatasetError> {
    file.persist(path).map(drop).map_err(|error| DatasetError::io("cannot write", path)(error.error))
}

fn remove(path: &Path) -> Result<(), DatasetError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(DatasetError::io("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Puts the names in `folder` on the disk itself. Windows has no such call.
fn sync_folder(folder: &Path) -> Result<(), DatasetError> {
    let sync = || if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) };
    sync().map_err(DatasetError::io("cannot save", folder))
}

/// Hashes and counts what is written through it.
struct Hashed<W> {
    hash: Sha256,
    bytes: u64,
    inner: W,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<W> Hashed<W> {
    fn finish(self) -> (String, u64) {
        (self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), self.bytes)
    }
}
