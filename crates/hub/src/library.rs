//! The models that are on this machine.
//!
//! ```text
//! models/NAME/model.gguf       the bytes; model.safetensors, with small files beside, where it embeds
//! models/NAME/manifest.json    where they came from, and their SHA-256
//! models/.pulls/NAME/          what a pull has so far; not a model yet
//! models/.pulls/NAME.lock      held by the process that pulls NAME
//! ```
//!
//! A model appears by the rename of its complete folder, after its bytes are on the disk.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::catalog::{Beside, Kind};
use crate::ids::{Digest, ModelName};
use crate::{HubError, disk, verify};

const MANIFEST: &str = "manifest.json";
const MAX_MANIFEST: u64 = 64 << 10;

/// A folder of models.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
}

/// A model of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// The model file.
    pub path: PathBuf,
    /// Where it came from, as `hone pull` takes it; for a package, `pip:NAME==VERSION`.
    pub source: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The licence, where it is known.
    pub license: Option<String>,
    /// When it was pulled, in seconds since 1970.
    pub pulled_at: u64,
    /// The format that was asked for, where it was imported from a checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// `manifest.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    #[serde(default, skip_serializing_if = "is_chat")]
    pub(crate) kind: Kind,
    pub(crate) source: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: Digest,
    pub(crate) license: Option<String>,
    pub(crate) pulled_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    /// Files in the same folder that belong to the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) beside: Vec<Beside>,
}

fn is_chat(kind: &Kind) -> bool {
    *kind == Kind::Chat
}

/// Name of the model file.
fn model_file(kind: Kind) -> &'static str {
    match kind {
        Kind::Chat => "model.gguf",
        Kind::Embedding => "model.safetensors",
    }
}

impl Manifest {
    pub(crate) fn new(source: String, bytes: u64, sha256: Digest, license: Option<String>) -> Manifest {
        let pulled_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Manifest {
            version: 1,
            kind: Kind::Chat,
            source,
            bytes,
            sha256,
            license,
            pulled_at,
            format: None,
            beside: Vec::new(),
        }
    }
}

/// The right to pull a model. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub(crate) struct Pulling {
    /// Where the pull keeps what it has.
    pub(crate) folder: PathBuf,
    _lock: File,
}

impl Drop for Pulling {
    /// An empty folder tells nothing; one with the beginnings of a download stays.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

impl Library {
    /// Opens the library in `dir`, which is created if need be.
    pub fn open(dir: &Path) -> Result<Library, HubError> {
        disk::private_folder(dir)?;
        // Imported files may be read from another working folder later.
        let folder = dir.canonicalize().map_err(HubError::io("cannot open", dir))?;
        Ok(Library { folder })
    }

    /// The models, sorted by name. Half-finished pulls and damaged models are left out.
    pub fn list(&self) -> Result<Vec<Installed>, HubError> {
        let failed = || HubError::io("cannot read", &self.folder);
        let mut models = Vec::new();
        for entry in self.folder.read_dir().map_err(failed())? {
            let file_name = entry.map_err(failed())?.file_name();
            let Some(name) = file_name.to_str().filter(|name| name.parse::<ModelName>().is_ok()) else {
                continue;
            };
            match self.get(name) {
                Ok(model) => models.push(model),
                Err(error) => tracing::warn!(%error, "left out of the list"),
            }
        }
        models.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(models)
    }

    /// The model called `name`.
    pub fn get(&self, name: &str) -> Result<Installed, HubError> {
        let name: ModelName = name.parse()?;
        let folder = self.model_folder(&name);
        if !folder.is_dir() {
            return Err(HubError::NotInstalled(name.to_string()));
        }
        let damaged = |reason: String| HubError::Damaged { name: name.to_string(), reason };
        let manifest = read_manifest(&folder).map_err(damaged)?;
        let path = folder.join(model_file(manifest.kind));
        let small = manifest.beside.iter().map(|file| (folder.join(file.name.file_name()), file.bytes));
        for (file, expected) in small.chain([(path.clone(), manifest.bytes)]) {
            let shown = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let found =
                file.metadata().map_err(|error| damaged(format!("its {shown} cannot be read: {error}")))?;
            let bytes = found.len();
            if bytes != expected {
                return Err(damaged(format!("its {shown} has {bytes} bytes instead of {expected}")));
            }
        }
        Ok(Installed {
            name: name.to_string(),
            kind: manifest.kind,
            path,
            source: manifest.source,
            bytes: manifest.bytes,
            sha256: manifest.sha256.to_string(),
            license: manifest.license,
            pulled_at: manifest.pulled_at,
            format: manifest.format,
        })
    }

    /// Whether the small files beside a model are what they were.
    pub(crate) fn beside_is_whole(&self, model: &Installed) -> Result<bool, HubError> {
        let folder = self.folder.join(&model.name);
        let Ok(manifest) = read_manifest(&folder) else { return Ok(false) };
        for file in &manifest.beside {
            if verify::file_digest(&folder.join(file.name.file_name()), |_| ())?.0 != file.sha256 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes a model and says what it was. A damaged one can be removed too, by its name.
    pub fn remove(&self, name: &str) -> Result<Installed, HubError> {
        let parsed: ModelName = name.parse()?;
        let model = self.get(name);
        match model {
            Ok(_) | Err(HubError::Damaged { .. }) => self.discard(&parsed)?,
            Err(error) => return Err(error),
        }
        // The beginnings of a pull go too, unless one is going on.
        if let Ok(pulling) = self.try_lock(&parsed) {
            disk::remove_folder(&pulling.folder)?;
        }
        model.or_else(|_| Ok(self.ghost(&parsed)))
    }

    /// Waits for the right to pull `name`; `waiting` is called once if another process has it.
    pub(crate) fn lock(&self, name: &ModelName, waiting: impl FnOnce()) -> Result<Pulling, HubError> {
        let (file, path, folder) = self.lock_file(name)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            waiting();
        }
        file.lock().map_err(HubError::io("cannot lock", &path))?;
        disk::private_folder(&folder)?;
        Ok(Pulling { folder, _lock: file })
    }

    /// Makes the file at `from`, which is complete and on the disk with those beside it, the model `name`.
    pub(crate) fn install(
        &self,
        name: &ModelName,
        pulling: Pulling,
        from: &Path,
        manifest: &Manifest,
    ) -> Result<Installed, HubError> {
        let ready = pulling.folder.join("ready");
        disk::fresh_folder(&ready)?;
        let mut text = serde_json::to_vec_pretty(manifest).expect("a manifest is text and numbers");
        text.push(b'\n');
        let path = ready.join(MANIFEST);
        disk::private_file(&path)?;
        fs::write(&path, text).map_err(HubError::io("cannot write", &path))?;
        disk::sync_file(&path)?;
        for file in &manifest.beside {
            disk::rename(&from.with_file_name(file.name.file_name()), &ready.join(file.name.file_name()))?;
        }
        disk::rename(from, &ready.join(model_file(manifest.kind)))?;
        disk::sync_folder(&ready)?;
        self.discard(name)?;
        disk::rename(&ready, &self.model_folder(name))?;
        disk::sync_folder(&self.folder)?;
        disk::remove_folder(&pulling.folder)?;
        self.get(name.as_str())
    }

    fn discard(&self, name: &ModelName) -> Result<(), HubError> {
        disk::remove_folder(&self.model_folder(name))?;
        disk::sync_folder(&self.folder)
    }

    fn try_lock(&self, name: &ModelName) -> Result<Pulling, HubError> {
        let (file, path, folder) = self.lock_file(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Pulling { folder, _lock: file }),
            Err(error) => Err(HubError::io("cannot lock", &path)(error.into())),
        }
    }

    fn lock_file(&self, name: &ModelName) -> Result<(File, PathBuf, PathBuf), HubError> {
        let pulls = self.folder.join(".pulls");
        disk::private_folder(&pulls)?;
        let path = pulls.join(format!("{name}.lock"));
        let file = disk::private_file(&path)?;
        Ok((file, path, pulls.join(name.as_str())))
    }

    fn model_folder(&self, name: &ModelName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// What can be said of a damaged model after it was removed.
    fn ghost(&self, name: &ModelName) -> Installed {
        Installed {
            name: name.to_string(),
            kind: Kind::Chat,
            path: self.model_folder(name).join(model_file(Kind::Chat)),
            source: "unknown".to_owned(),
            bytes: 0,
            sha256: String::new(),
            license: None,
            pulled_at: 0,
            format: None,
        }
    }
}

fn read_manifest(folder: &Path) -> Result<Manifest, String> {
    let bytes = disk::read_small(&folder.join(MANIFEST), MAX_MANIFEST)
        .map_err(|error| format!("its manifest cannot be read: {error}"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("its manifest is malformed: {error}"))
}
