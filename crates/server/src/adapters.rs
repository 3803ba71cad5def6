//! Which adapter answers a request? Looked up when the request comes, so that what another process puts in use counts
//! from the next request on. The base stays as it is, and answers in progress keep what they began with.

use crate::options::Home;
use engine::Model;
use engine::adapter::Loaded;
use learn::adapters::{AdaptersError, Base, Library, Manifest};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Adapters are kept in memory up to this many bytes of files, and the last one in any case.
const KEPT_BYTES: u64 = 1 << 30;

/// The name that stands for no adapter.
const BASE: &str = "base";

/// What a model's id says about the adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// `name`: the adapter in use.
    InUse,
    /// `name@base`: none.
    Base,
    /// `name@adapter`, by name or id.
    Named(String),
}

impl Choice {
    /// What stands behind the `@` of a model's id.
    pub(crate) fn after_at(text: &str) -> Choice {
        if text == BASE { Choice::Base } else { Choice::Named(text.to_owned()) }
    }
}

/// The adapters of the model that is served.
pub(crate) struct Adapters {
    pub(crate) home: Home,
    /// The model's public name.
    pub(crate) name: String,
    base: Mutex<Option<Base>>,
    kept: Mutex<Vec<Kept>>,
    /// One is read at a time, so that two requests do not read the same.
    reading: Mutex<()>,
}

/// An adapter in memory.
struct Kept {
    loaded: Arc<Loaded>,
    bytes: u64,
}

impl Adapters {
    pub(crate) fn new(name: &str, home: Home) -> Adapters {
        Adapters {
            home,
            name: name.to_owned(),
            base: Mutex::default(),
            kept: Mutex::default(),
            reading: Mutex::default(),
        }
    }

    /// The adapter that was chosen, in memory; `None` is the base alone. Reads files.
    pub(crate) fn choose(
        &self,
        model: &Model,
        choice: &Choice,
    ) -> Result<Option<Arc<Loaded>>, AdaptersError> {
        let wanted = match choice {
            Choice::Base => return Ok(None),
            Choice::Named(text) => Some(text.as_str()),
            Choice::InUse => self.home.adapter.as_deref(),
        };
        let manifest = match wanted {
            Some(BASE) => return Ok(None),
            Some(text) => self.find(model, text)?,
            None => match self.in_use(model)? {
                Some(manifest) => manifest,
                None => return Ok(None),
            },
        };
        self.load(model, &manifest).map(Some)
    }

    /// The adapter with this name or id, one of this model before all others.
    pub(crate) fn find(&self, model: &Model, text: &str) -> Result<Manifest, AdaptersError> {
        match self.library()? {
            Some(library) => library.find_for(text, &self.base(model)?.sha256),
            None => Err(AdaptersError::NotFound(text.chars().take(80).collect())),
        }
    }

    /// The adapter that is put in use for this model.
    pub(crate) fn in_use(&self, model: &Model) -> Result<Option<Manifest>, AdaptersError> {
        // Before anything was put in use there is no need to know the hash of a large file.
        match self.library()?.filter(Library::has_pointer) {
            Some(library) => library.active(&self.base(model)?.sha256),
            None => Ok(None),
        }
    }

    /// All adapters of this model, oldest first.
    pub(crate) fn list(&self, model: &Model) -> Result<Vec<Manifest>, AdaptersError> {
        let Some(library) = self.library()? else { return Ok(Vec::new()) };
        let mut all = library.list()?;
        if !all.is_empty() {
            let base = self.base(model)?;
            all.retain(|manifest| manifest.base.sha256 == base.sha256);
        }
        Ok(all)
    }

    /// What adapters know this model by. The hash of a model that was not pulled takes some seconds, once.
    pub(crate) fn base(&self, model: &Model) -> Result<Base, AdaptersError> {
        let mut known = lock(&self.base);
        if let Some(base) = &*known {
            return Ok(base.clone());
        }
        let (name, architecture) = (self.name.clone(), model.config().architecture.name().to_owned());
        let base = match &self.home.sha256 {
            Some(sha256) => Base { name, sha256: sha256.clone(), architecture },
            None => Base::of_file(name, architecture, &self.home.model)?,
        };
        Ok(known.insert(base).clone())
    }

    fn library(&self) -> Result<Option<Library>, AdaptersError> {
        let there = self.home.folder.join("adapters").is_dir();
        there.then(|| Library::open(&self.home.folder)).transpose()
    }

    fn load(&self, model: &Model, manifest: &Manifest) -> Result<Arc<Loaded>, AdaptersError> {
        if let Some(found) = self.recall(&manifest.id) {
            return Ok(found);
        }
        let _reading = lock(&self.reading);
        if let Some(found) = self.recall(&manifest.id) {
            return Ok(found);
        }
        let library = Library::open(&self.home.folder)?;
        let adapter = library.load(manifest, &self.base(model)?, model.config())?;
        let loaded = Loaded::new(manifest.id.clone(), adapter);
        let mut kept = lock(&self.kept);
        kept.push(Kept { loaded: Arc::clone(&loaded), bytes: manifest.bytes });
        let mut bytes: u64 = kept.iter().map(|kept| kept.bytes).sum();
        while bytes > KEPT_BYTES && kept.len() > 1 {
            bytes -= kept.remove(0).bytes; // answers in progress hold it on their own
        }
        Ok(loaded)
    }

    /// From memory; it is the last one to go from here on.
    fn recall(&self, id: &str) -> Option<Arc<Loaded>> {
        let mut kept = lock(&self.kept);
        let at = kept.iter().position(|kept| kept.loaded.id() == id)?;
        let found = kept.remove(at);
        let loaded = Arc::clone(&found.loaded);
        kept.push(found);
        Some(loaded)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
