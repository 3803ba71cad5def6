//! A run's folder: `runs/<id>/` with `run.json`, `metrics.jsonl`, `curve.svg`, and checkpoints while it lasts.

use super::checkpoint::{self, Progress};
use super::{Counts, Recipe, TrainError, curve};
use crate::adapters::{Base, next_id};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What a run was begun with: `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Id of the run. Its adapter gets one of its own.
    pub id: String,
    /// What the adapter will be called.
    pub name: String,
    /// The model.
    pub base: Base,
    /// The model's file.
    pub model: PathBuf,
    /// The set's name, or the path of the file or folder of the examples.
    pub data: PathBuf,
    /// SHA-256 over the tokens and targets of all examples.
    pub data_sha256: String,
    /// Settings.
    pub recipe: Recipe,
    /// Adapter that the run begins with, where it is not a new one.
    pub parent: Option<String>,
    /// Whether the run came to its end.
    pub done: bool,
    /// Whether it belongs to `hone learn`, which goes on with it itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub learn: bool,
}

/// An id for a new run: it sorts after those that are there.
pub fn new_id(home: &Path) -> String {
    let entries = fs::read_dir(home.join("runs")).into_iter().flatten().flatten();
    let newest = entries.filter_map(|e| e.file_name().into_string().ok()).max();
    next_id(newest.as_deref())
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder of a new run under `home`.
    pub fn create(home: &Path, info: &RunInfo) -> Result<Folder, TrainError> {
        let folder = Folder { path: home.join("runs").join(&info.id) };
        fs::create_dir_all(&folder.path).map_err(TrainError::io("create", &folder.path))?;
        folder.write_info(info)?;
        Ok(folder)
    }

    /// The folder of a run by its id, or of the newest one that did not come to its end.
    pub fn find(home: &Path, id: Option<&str>) -> Result<(Folder, RunInfo), TrainError> {
        let runs = home.join("runs");
        if let Some(id) = id {
            let plain = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            let folder = Folder { path: runs.join(id) };
            if !plain || !folder.path.is_dir() {
                return Err(TrainError::NothingToResume);
            }
            return match folder.info()? {
                info if info.done => Err(TrainError::Done(info.id)),
                info => Ok((folder, info)),
            };
        }
        let trained = Folder::unfinished(home).into_iter().find(|(_, info)| !info.learn);
        trained.ok_or(TrainError::NothingToResume)
    }

    /// All runs that did not come to their end, the newest first.
    pub fn unfinished(home: &Path) -> Vec<(Folder, RunInfo)> {
        let entries = fs::read_dir(home.join("runs")).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        paths.sort();
        // A folder that was being made when the process ended has no info, and nothing to go on from.
        let with_info = |path| {
            let folder = Folder { path };
            folder.info().ok().map(|info| (folder, info))
        };
        paths.into_iter().rev().filter_map(with_info).filter(|(_, info)| !info.done).collect()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `run.json`.
    pub fn info(&self) -> Result<RunInfo, TrainError> {
        let path = self.path.join("run.json");
        let text = fs::read(&path).map_err(TrainError::io("read", &path))?;
        serde_json::from_slice(&text).map_err(|e| TrainError::io("read", &path)(e.into()))
    }

    /// Keeps other processes from going on with the run while the file is held.
    pub(super) fn lock(&self) -> Result<File, TrainError> {
        let path = self.path.join(".lock");
        let file =
            File::options().create(true).append(true).open(&path).map_err(TrainError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(TrainError::Busy(self.path.file_name().unwrap_or_default().display().to_string()))
            }
            Err(TryLockError::Error(error)) => Err(TrainError::io("lock", &path)(error)),
        }
    }

    /// Marks the run as done, and removes what was kept for resuming.
    pub fn finish(&self, info: &RunInfo) -> Result<(), TrainError> {
        self.write_info(&RunInfo { done: true, ..info.clone() })?;
        checkpoint::remove(&self.path);
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if ["best-", "member-"].iter().any(|kept| name.to_string_lossy().starts_with(kept)) {
                // A leftover and no danger.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    pub(super) fn write_info(&self, info: &RunInfo) -> Result<(), TrainError> {
        let text = serde_json::to_vec_pretty(info).expect("settings are JSON");
        self.replace("run.json", &text)
    }

    /// Writes the history as `metrics.jsonl` and `curve.svg`.
    pub(super) fn write_history(&self, progress: &Progress) -> Result<(), TrainError> {
        let mut lines = Vec::new();
        for metric in &progress.history {
            serde_json::to_writer(&mut lines, metric).expect("numbers are JSON");
            lines.push(b'\n');
        }
        self.replace("metrics.jsonl", &lines)?;
        self.replace("curve.svg", curve::svg(&progress.history).as_bytes())
    }

    /// Appends one line to `metrics.jsonl`, for those who watch.
    pub(super) fn append(&self, metric: &super::Metric) -> Result<(), TrainError> {
        let path = self.path.join("metrics.jsonl");
        let mut file =
            File::options().create(true).append(true).open(&path).map_err(TrainError::io("open", &path))?;
        let mut line = serde_json::to_vec(metric).expect("numbers are JSON");
        line.push(b'\n');
        file.write_all(&line).map_err(TrainError::io("write", &path))
    }

    /// Writes a file whole or not at all.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let (path, part) = (self.path.join(name), self.path.join(format!("{name}.part")));
        let io = |what: &'static str| TrainError::io(what, &path);
        let mut file = BufWriter::new(File::create(&part).map_err(io("create"))?);
        file.write_all(bytes).map_err(io("write"))?;
        file.into_inner().map_err(|e| e.into_error()).and_then(|f| f.sync_all()).map_err(io("write"))?;
        fs::rename(&part, &path).map_err(io("rename"))?;
        checkpoint::sync_folder(&self.path)
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, TrainError> {
        let path = self.path.join(name);
        fs::read(&path).map_err(TrainError::io("read", path))
    }
}

impl RunInfo {
    /// Fails where a run would go on with other data, another model or other settings than it was begun with.
    pub fn check_same(&self, folder: &Folder, now: &RunInfo) -> Result<(), TrainError> {
        let changed =
            |what: &str| Err(TrainError::Changed { folder: folder.path.clone(), what: what.to_owned() });
        if self.base.sha256 != now.base.sha256 {
            return changed(&format!("another model, {}", self.base.name));
        }
        if self.data_sha256 != now.data_sha256 {
            return changed("other data");
        }
        if self.recipe != now.recipe {
            return changed("other settings");
        }
        Ok(())
    }
}

impl Counts {
    /// What a user should know before a run: one line for each thing that is not as it came, none where all is.
    pub fn remarks(&self, what: &str) -> Vec<String> {
        let lines = [
            (self.truncated, "longer than --max-seq were cut off"),
            (self.no_target, "left out: nothing to learn before the cut"),
            (self.unusable, "left out: the model's template cannot write them down"),
        ];
        let said = lines.iter().filter(|(count, _)| *count > 0);
        said.map(|(count, why)| format!("{what}: {count} of {} {why}", self.conversations)).collect()
    }
}
