//! A run's progress on disk, complete or not there.
//!
//! `checkpoint.bin` is: the magic, u64 length of a JSON head, the head, the trainer's bytes, and the SHA-256 of all that.
//! It is written beside the old one, brought to the disk, and renamed; the old one is kept as `checkpoint.old.bin`, in
//! case that the disk itself fails.

use super::TrainError;
use super::outcome::Metric;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

const MAGIC: &[u8; 16] = b"hone checkpoint\n";
const NAME: &str = "checkpoint.bin";
const OLD: &str = "checkpoint.old.bin";

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Updates that are done.
    pub(super) step: u64,
    /// The training whose state it is, of those that share the run.
    #[serde(default)]
    pub(super) member: u64,
    /// What was measured at each.
    pub(super) history: Vec<Metric>,
    /// Where its validation loss was lowest.
    pub(super) best: Option<Best>,
}

/// The lowest validation loss so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Best {
    /// Updates done by then.
    pub(super) step: u64,
    /// Nats a token.
    pub(super) loss: f64,
}

/// Writes a checkpoint. Whenever the process ends, the last complete one is found.
pub(super) fn write(folder: &Path, progress: &Progress, trainer: &[u8]) -> Result<(), TrainError> {
    let (path, part) = (folder.join(NAME), folder.join("checkpoint.part"));
    let head = serde_json::to_vec(progress).expect("numbers and names are JSON");
    let mut hash = Sha256::new();
    let io = |what: &'static str| TrainError::io(what, &part);
    let mut file = File::create(&part).map_err(io("create"))?;
    for bytes in [MAGIC, &(head.len() as u64).to_le_bytes()[..], &head, trainer] {
        hash.update(bytes);
        file.write_all(bytes).map_err(io("write"))?;
    }
    file.write_all(&hash.finalize()).map_err(io("write"))?;
    file.sync_all().map_err(io("write"))?;
    drop(file);
    if path.exists() {
        // A hard link first: at no moment is there none.
        let old = folder.join(OLD);
        let _ = fs::remove_file(&old);
        fs::hard_link(&path, &old).or_else(|_| fs::copy(&path, &old).map(|_| ())).map_err(io("keep"))?;
    }
    fs::rename(&part, &path).map_err(io("rename"))?;
    sync_folder(folder)
}

/// The newest complete checkpoint, or `None` where there never was one.
pub(super) fn read(folder: &Path) -> Result<Option<(Progress, Vec<u8>)>, TrainError> {
    let mut broken = None;
    for name in [NAME, OLD] {
        let path = folder.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(TrainError::io("read", &path)(error)),
        };
        match parse(&bytes) {
            Ok(found) => return Ok(Some(found)),
            Err(why) => broken = Some(TrainError::Checkpoint { path, why: why.to_owned() }),
        }
    }
    broken.map_or(Ok(None), Err)
}

/// Removes what was kept for resuming.
pub(super) fn remove(folder: &Path) {
    for name in [NAME, OLD, "checkpoint.part"] {
        // What cannot be removed is a leftover and no danger: a finished run is not resumed.
        let _ = fs::remove_file(folder.join(name));
    }
}

fn parse(bytes: &[u8]) -> Result<(Progress, Vec<u8>), &'static str> {
    let (content, hash) = bytes.split_last_chunk::<32>().ok_or("it is too short")?;
    if Sha256::digest(content)[..] != hash[..] {
        return Err("its hash is wrong");
    }
    let rest = content.strip_prefix(&MAGIC[..]).ok_or("it is of another version")?;
    let (len, rest) = rest.split_first_chunk::<8>().ok_or("it is too short")?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| "its head is too long")?;
    let (head, trainer) = rest.split_at_checked(len).ok_or("its head is too long")?;
    let progress = serde_json::from_slice(head).map_err(|_| "its head cannot be read")?;
    Ok((progress, trainer.to_vec()))
}

/// Makes renames inside a folder last.
pub(super) fn sync_folder(folder: &Path) -> Result<(), TrainError> {
    if cfg!(unix) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(TrainError::io("bring to disk", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(step: u64) -> Progress {
        Progress { step, member: 2, history: Vec::new(), best: Some(Best { step: 1, loss: 0.1 + 0.2 }) }
    }

    #[test]
    fn what_is_written_is_read_bit_by_bit() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        write(folder.path(), &progress(1), &[1, 2, 3]).unwrap();
        write(folder.path(), &progress(2), &[4; 1000]).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Some((progress(2), vec![4; 1000])));
    }

    #[test]
    fn a_damaged_file_falls_back_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &progress(1), &[1; 50]).unwrap();
        write(folder.path(), &progress(2), &[2; 50]).unwrap();
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for broken in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[broken] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(read(folder.path()).unwrap().unwrap().0.step, 1, "byte {broken}");
            fs::write(&path, &whole[..broken]).unwrap();
            assert_eq!(read(folder.path()).unwrap().unwrap().0.step, 1, "cut at {broken}");
        }
        fs::write(folder.path().join(OLD), b"neither").unwrap();
        assert!(matches!(read(folder.path()), Err(TrainError::Checkpoint { .. })));
    }
}
