//! The adapters on this machine: add, find, put in use, roll back, remove.

use super::active::Active;
use super::{AdaptersError, Base, Manifest, disk, id, name};
use crate::adapters::time::Moment;
use engine::adapter::{Adapter, gguf};
use engine::model::Config;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

const FILE: &str = "adapter.gguf";
const MANIFEST: &str = "adapter.json";
const MANIFEST_LIMIT: u64 = 16 << 20;

/// A folder of adapters.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
}

/// What is said of an adapter when it is added.
#[derive(Clone, Debug)]
pub struct NewAdapter {
    /// What people will call it.
    pub name: String,
    /// The model it was trained on.
    pub base: Base,
    /// Hash of the training data.
    pub data: Option<String>,
    /// The set's name, or the path of the file or folder of the training data.
    pub examples: Option<String>,
    /// How it was trained, or where it was imported from.
    pub recipe: Value,
    /// Id of the adapter that the training began with.
    pub parent: Option<String>,
    /// What was measured.
    pub scores: Value,
    /// Id of the run that made it. The library takes one adapter of a run.
    pub run: Option<String>,
    /// Files that lie beside it, by their names.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

/// What a step back led to.
#[derive(Clone, Debug, PartialEq)]
pub struct RolledBack {
    /// The adapter that was in use.
    pub from: Option<String>,
    /// The adapter that is in use now; `None` is the base alone.
    pub to: Option<Manifest>,
    /// Adapters on the way that could not be used any more, with the reason.
    pub skipped: Vec<String>,
}

/// The right to change something. It ends when this is dropped, or with the process.
struct Lock(#[allow(dead_code, reason = "it is held, not read")] File);

impl Library {
    /// Opens `adapters` in the data folder, which is created if need be.
    pub fn open(home: &Path) -> Result<Library, AdaptersError> {
        let folder = home.join("adapters");
        if !folder.is_dir() {
            disk::private_folder(&folder)?;
            disk::sync_folder(home)?;
        }
        Ok(Library { folder })
    }

    /// Adds an adapter. It is there wholly, with its manifest, or not at all. It is not put in use. The adapter of a run
    /// that is there already is given back as it is.
    pub fn add(
        &self,
        new: NewAdapter,
        adapter: &Adapter,
        config: &Config,
    ) -> Result<Manifest, AdaptersError> {
        name::check(&new.name)?;
        let _lock = self.lock()?;
        if let Some(run) = &new.run
            && let Some(there) = self.list()?.into_iter().find(|there| there.run.as_ref() == Some(run))
        {
            return Ok(there);
        }
        let id = id::next(self.ids()?.last().map(String::as_str));
        let making = self.folder.join(format!(".new-{id}"));
        disk::private_folder(&making)?;
        let made = self.fill(&making, &id, new, adapter, config);
        let moved = made.and_then(|manifest| {
            disk::rename(&making, &self.folder.join(&id))?;
            Ok(manifest)
        });
        if moved.is_err() {
            let _ = disk::remove_folder(&making); // the first error is the one to tell
        }
        moved
    }

    /// Fails where an adapter cannot have this name.
    pub fn check_name(&self, name: &str) -> Result<(), AdaptersError> {
        super::name::check(name)
    }

    /// All adapters, oldest first. Damaged ones are left out, with a warning.
    pub fn list(&self) -> Result<Vec<Manifest>, AdaptersError> {
        let mut found = Vec::new();
        for id in self.ids()? {
            match self.get(&id) {
                Ok(manifest) => found.push(manifest),
                Err(error) => tracing::warn!(%error, "left out of the list"),
            }
        }
        Ok(found)
    }

    /// The adapter with this id, the newest with this name, or the only one whose id begins so.
    pub fn find(&self, text: &str) -> Result<Manifest, AdaptersError> {
        if id::is_id(text) { self.get(text) } else { pick(self.list()?, text) }
    }

    /// The same, where those of the base with this SHA-256 go before all others.
    pub fn find_for(&self, text: &str, base_sha256: &str) -> Result<Manifest, AdaptersError> {
        let own = |manifest: &Manifest| manifest.base.sha256 == base_sha256;
        match pick(self.list()?.into_iter().filter(own).collect(), text) {
            Err(AdaptersError::NotFound(_)) => self.find(text),
            found => found,
        }
    }

    /// Whether any adapter was ever put in use.
    pub fn has_pointer(&self) -> bool {
        self.pointer().is_file()
    }

    /// A file that lies beside an adapter, where there is one.
    pub fn beside(&self, manifest: &Manifest, name: &str) -> Option<Vec<u8>> {
        disk::read_small(&self.folder.join(&manifest.id).join(name), MANIFEST_LIMIT).ok()
    }

    /// The file of an adapter.
    pub fn path(&self, manifest: &Manifest) -> PathBuf {
        self.folder.join(&manifest.id).join(FILE)
    }

    /// Checks that an adapter's file is the one that was added.
    pub fn verify(&self, manifest: &Manifest) -> Result<(), AdaptersError> {
        let path = self.path(manifest);
        let damaged = |reason| AdaptersError::Damaged { id: manifest.id.clone(), reason };
        let (sha256, bytes) =
            disk::digest(&path).map_err(|e| damaged(format!("its file cannot be read: {e}")))?;
        if (sha256.as_str(), bytes) != (manifest.sha256.as_str(), manifest.bytes) {
            return Err(damaged(format!("its file has the SHA-256 {sha256} instead of {}", manifest.sha256)));
        }
        Ok(())
    }

    /// Reads an adapter for `base`, which `config` describes. Refused are another base and a changed file.
    pub fn load(&self, manifest: &Manifest, base: &Base, config: &Config) -> Result<Adapter, AdaptersError> {
        manifest.check_base(base)?;
        self.verify(manifest)?;
        Ok(gguf::read(&self.path(manifest), config)?)
    }

    /// Copies an adapter's file to `to`, where nothing may be yet. The copy is there wholly or not at all.
    pub fn copy(&self, manifest: &Manifest, to: &Path) -> Result<(), AdaptersError> {
        self.verify(manifest)?;
        disk::copy(&self.path(manifest), to)
    }

    /// The id of the adapter in use for a base, by the SHA-256 of its file.
    pub fn active_id(&self, base_sha256: &str) -> Result<Option<String>, AdaptersError> {
        Ok(Active::read(&self.pointer())?.get(base_sha256).map(str::to_owned))
    }

    /// The adapter in use for a base, by the SHA-256 of its file. An error where it is damaged.
    pub fn active(&self, base_sha256: &str) -> Result<Option<Manifest>, AdaptersError> {
        Active::read(&self.pointer())?.get(base_sha256).map(|id| self.get(id)).transpose()
    }

    /// Puts an adapter in use for the base that it was trained on, from the next request on.
    pub fn use_(&self, manifest: &Manifest) -> Result<(), AdaptersError> {
        let _lock = self.lock()?;
        // It may have been removed while this waited.
        let manifest = self.get(&manifest.id)?;
        self.verify(&manifest)?;
        self.point(|active| active.set(&manifest.base.sha256, Some(&manifest.id)))
    }

    /// Puts the base alone in use.
    pub fn use_base(&self, base_sha256: &str) -> Result<(), AdaptersError> {
        let _lock = self.lock()?;
        self.point(|active| active.set(base_sha256, None))
    }

    /// Takes the last change of what is in use back. Adapters that were removed or damaged since are passed over;
    /// before the first one comes the base alone.
    pub fn rollback(&self, base: &Base) -> Result<RolledBack, AdaptersError> {
        let _lock = self.lock()?;
        let mut active = Active::read(&self.pointer())?;
        let from = active.get(&base.sha256).map(str::to_owned);
        let mut skipped = Vec::new();
        let to = loop {
            match active.back(&base.sha256) {
                None => return Err(AdaptersError::NothingBefore(base.name.clone())),
                Some(None) => break None,
                Some(Some(id)) => match self.get(&id).and_then(|m| self.verify(&m).map(|()| m)) {
                    Ok(manifest) => break Some(manifest),
                    Err(error) => skipped.push(error.to_string()),
                },
            }
        };
        disk::replace_json(&self.pointer(), &active)?;
        Ok(RolledBack { from, to, skipped })
    }

    /// Removes an adapter. One that is in use is removed only with `force`; what was before it is in use then.
    pub fn rm(&self, text: &str, force: bool) -> Result<String, AdaptersError> {
        // A damaged adapter has only its id left.
        let id = if id::is_id(text) { text.to_owned() } else { self.find(text)?.id };
        let _lock = self.lock()?;
        let folder = self.folder.join(&id);
        if !folder.is_dir() {
            return Err(AdaptersError::NotFound(id));
        }
        if !force && Active::read(&self.pointer())?.holds(&id) {
            return Err(AdaptersError::InUse(id));
        }
        // First nothing points to it, then its name goes, then its files.
        self.point(|active| active.forget(&id))?;
        let gone = self.folder.join(format!(".gone-{id}"));
        disk::rename(&folder, &gone)?;
        disk::remove_folder(&gone)?;
        Ok(id)
    }

    /// Sets what was measured of an adapter.
    pub fn set_scores(&self, id: &str, scores: Value) -> Result<Manifest, AdaptersError> {
        let _lock = self.lock()?;
        let manifest = Manifest { scores, ..self.get(id)? };
        disk::replace_json(&self.folder.join(&manifest.id).join(MANIFEST), &manifest)?;
        Ok(manifest)
    }

    /// The adapter with this id.
    fn get(&self, id: &str) -> Result<Manifest, AdaptersError> {
        let folder = self.folder.join(id);
        if !id::is_id(id) || !folder.is_dir() {
            return Err(AdaptersError::NotFound(id.to_owned()));
        }
        let damaged = |reason: String| AdaptersError::Damaged { id: id.to_owned(), reason };
        let text = disk::read_small(&folder.join(MANIFEST), MANIFEST_LIMIT);
        let text = text.map_err(|e| damaged(format!("its manifest cannot be read: {e}")))?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|e| damaged(format!("its manifest is malformed: {e}")))?;
        if manifest.version != Manifest::VERSION {
            return Err(damaged(format!("its manifest is of version {}", manifest.version)));
        }
        if manifest.id != id || name::check(&manifest.name).is_err() {
            return Err(damaged("its manifest is another adapter's".into()));
        }
        let bytes = fs::metadata(folder.join(FILE)).map(|meta| meta.len());
        match bytes {
            Ok(bytes) if bytes == manifest.bytes => Ok(manifest),
            Ok(bytes) => Err(damaged(format!("its file has {bytes} bytes instead of {}", manifest.bytes))),
            Err(error) => Err(damaged(format!("its file cannot be read: {error}"))),
        }
    }

    /// Ids of all folders, oldest first.
    fn ids(&self) -> Result<Vec<String>, AdaptersError> {
        let failed = || AdaptersError::io("cannot read", &self.folder);
        let mut ids = Vec::new();
        for entry in self.folder.read_dir().map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            ids.extend(name.to_str().filter(|name| id::is_id(name)).map(str::to_owned));
        }
        ids.sort();
        Ok(ids)
    }

    /// Makes the complete contents of an adapter's folder, on the disk.
    fn fill(
        &self,
        folder: &Path,
        id: &str,
        new: NewAdapter,
        adapter: &Adapter,
        config: &Config,
    ) -> Result<Manifest, AdaptersError> {
        let path = folder.join(FILE);
        let failed = || AdaptersError::io("cannot write", &path);
        let file = disk::private_file(&path, true)?;
        let mut out = disk::Hashing::new(BufWriter::with_capacity(1 << 20, &file));
        gguf::write(&mut out, adapter, config, Some(&new.name))?;
        out.flush().map_err(failed())?;
        let (sha256, bytes) = out.finish();
        file.sync_all().map_err(failed())?;
        let manifest = Manifest {
            version: Manifest::VERSION,
            id: id.to_owned(),
            name: new.name,
            base: new.base,
            sha256,
            bytes,
            data: new.data,
            examples: new.examples,
            recipe: new.recipe,
            parent: new.parent,
            scores: new.scores,
            run: new.run,
            created: Moment::now().rfc3339(),
        };
        for (name, bytes) in &new.files {
            let path = folder.join(name);
            let written = disk::private_file(&path, true).and_then(|mut file| {
                let all = file.write_all(bytes).and_then(|()| file.sync_all());
                all.map_err(AdaptersError::io("cannot write", &path))
            });
            written?;
        }
        disk::write_json(&folder.join(MANIFEST), &manifest)?;
        disk::sync_folder(folder)?;
        Ok(manifest)
    }

    /// Changes what is in use.
    fn point(&self, change: impl FnOnce(&mut Active)) -> Result<(), AdaptersError> {
        let before = Active::read(&self.pointer())?;
        let mut active = before.clone();
        change(&mut active);
        if active == before { Ok(()) } else { disk::replace_json(&self.pointer(), &active) }
    }

    fn pointer(&self) -> PathBuf {
        self.folder.join("active.json")
    }

    /// Waits until no other process changes something, and clears away what a killed one left.
    fn lock(&self) -> Result<Lock, AdaptersError> {
        let path = self.folder.join(".lock");
        let file = disk::private_file(&path, false)?;
        file.lock().map_err(AdaptersError::io("cannot lock", &path))?;
        for entry in self.folder.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let left = |name: &str| name.starts_with(".new-") || name.starts_with(".gone-");
            if name.to_str().is_some_and(left) {
                disk::remove_folder(&entry.path())?;
            }
        }
        Ok(Lock(file))
    }
}

/// The newest with this name, or the only one whose id begins so.
fn pick(mut all: Vec<Manifest>, text: &str) -> Result<Manifest, AdaptersError> {
    if let Some(at) = all.iter().rposition(|manifest| manifest.name == text) {
        return Ok(all.swap_remove(at));
    }
    let mut begin = all.into_iter().filter(|manifest| !text.is_empty() && manifest.id.starts_with(text));
    match (begin.next(), begin.next()) {
        (Some(only), None) => Ok(only),
        (Some(a), Some(b)) => Err(AdaptersError::Ambiguous { text: text.into(), ids: [a.id, b.id] }),
        (None, _) => {
            Err(AdaptersError::NotFound(text.chars().take(80).collect::<String>().escape_debug().to_string()))
        }
    }
}
