//! A checkpoint of many files on its way to a model: brought here, then made one file of by somebody who knows
//! what the bytes mean.
//!
//! ```text
//! models/.pulls/NAME/checkpoint/   the files that are complete
//! models/.pulls/NAME/part/         the one that is on its way
//! models/.pulls/NAME/model.gguf    where the result belongs
//! ```
//!
//! Whatever fails leaves the files for the next try; they go when the model is installed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::{self, Kind};
use crate::http::Http;
use crate::ids::ModelName;
use crate::library::{Manifest, Pulling};
use crate::parts::Part;
use crate::pull::same_origin;
use crate::remote::{self, Remote};
use crate::repository::{self, Listed, Listing};
use crate::resolve::{self, RepositorySource, Revision, Source};
use crate::{HubError, Installed, Library, Progress, PullOptions, disk, download, verify};

/// What a checkpoint turned out to be.
pub enum Opened<'a> {
    /// The library has it already.
    Installed(Box<Installed>),
    /// It is to be imported.
    Checkpoint(Box<Checkpoint<'a>>),
}

/// A checkpoint that nobody else pulls at the same time.
pub struct Checkpoint<'a> {
    library: &'a Library,
    name: ModelName,
    pulling: Pulling,
    /// As the manifest will name it.
    source: String,
    format: Option<String>,
    license: Option<String>,
    origin: Origin,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
}

enum Origin {
    /// The user's own folder: nothing in it is changed.
    Folder(PathBuf),
    Hub {
        http: Box<Http>,
        source: RepositorySource,
        weights: Vec<Listed>,
    },
}

/// Opens the checkpoint that `spec` names: `hf:owner/repo[@revision]`, or the path of a folder.
///
/// `format` tells apart what may be made of one checkpoint. Of a repository all files but the weights are here
/// after this; [`Checkpoint::fetch_weights`] brings those. This blocks, and must not be called from
/// asynchronous code.
pub fn open<'a>(
    library: &'a Library,
    spec: &str,
    format: Option<&str>,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
) -> Result<Opened<'a>, HubError> {
    let source = resolve::resolve(spec)?;
    let name = source.model_name()?;
    let waiting = || progress.message("another pull of this model is going on: waiting for it");
    let pulling = library.lock(&name, waiting)?;
    let format = format.map(str::to_owned);
    match source {
        Source::Folder(path) => {
            let folder = path.canonicalize().map_err(HubError::io("cannot open", &path))?;
            let source = folder.display().to_string();
            let (license, origin) = (None, Origin::Folder(folder));
            let opened =
                Checkpoint { library, name, pulling, source, format, license, origin, options, progress };
            opened.check_name()?;
            Ok(Opened::Checkpoint(Box::new(opened)))
        }
        Source::Repository(repository) => {
            if options.offline {
                return offline(library, &name, &repository, format.as_deref());
            }
            let http = Box::new(Http::new(options)?);
            let listing = repository::ask(&http, Kind::Model, &repository.repo, &repository.revision)?;
            let source = format!("hf:{}@{}", repository.repo, listing.commit);
            let Choice { small, weights } = choose(&listing)
                .map_err(|reason| HubError::NoCheckpoint { source_text: source.clone(), reason })?;
            let license = listing.license;
            let pinned = RepositorySource { revision: Revision::Commit(listing.commit), ..repository };
            let origin = Origin::Hub { http, source: pinned, weights };
            let opened =
                Checkpoint { library, name, pulling, source, format, license, origin, options, progress };
            if let Some(model) = opened.already()? {
                return Ok(Opened::Installed(Box::new(model)));
            }
            opened.fetch_small(small)?;
            Ok(Opened::Checkpoint(Box::new(opened)))
        }
        _ => {
            let reason = "it is a single file".to_owned();
            Err(HubError::NoCheckpoint { source_text: spec.to_owned(), reason })
        }
    }
}

/// Without the network there is the library.
fn offline<'a>(
    library: &Library,
    name: &ModelName,
    source: &RepositorySource,
    format: Option<&str>,
) -> Result<Opened<'a>, HubError> {
    let text = format!("hf:{}@{}", source.repo, source.revision.as_str());
    let named = |model: &Installed| match source.revision {
        Revision::Commit(_) => model.source == text,
        Revision::Name(_) => same_origin(&model.source, &text),
    };
    match library.get(name.as_str()) {
        Ok(model) if named(&model) && model.format.as_deref() == format => {
            Ok(Opened::Installed(Box::new(model)))
        }
        _ => Err(HubError::Offline { what: text }),
    }
}

impl Checkpoint<'_> {
    /// Where its files are. They must not be changed.
    pub fn folder(&self) -> PathBuf {
        match &self.origin {
            Origin::Folder(folder) => folder.clone(),
            Origin::Hub { .. } => self.pulling.folder.join("checkpoint"),
        }
    }

    /// The name that the model will have.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Brings the weights, as far as they are not here. What breaks off goes on at the next try.
    pub fn fetch_weights(&self) -> Result<(), HubError> {
        let Origin::Hub { http, source, weights } = &self.origin else { return Ok(()) };
        self.check_room_for(weights)?;
        for (n, file) in weights.iter().enumerate() {
            if weights.len() > 1 {
                self.progress.message(&format!("file {} of {}: {}", n + 1, weights.len(), file.path));
            }
            self.bring(http, source, file)?;
        }
        Ok(())
    }

    /// Where the result belongs: a file to be written there, complete and saved, for
    /// [`install`](Self::install). Fails where the disk has no room for its `bytes`.
    pub fn result_path(&self, bytes: u64) -> Result<PathBuf, HubError> {
        disk::private_folder(&self.pulling.folder)?;
        let path = self.pulling.folder.join("model.gguf");
        // What an import that was killed has left is in the way.
        for entry in self.pulling.folder.read_dir().map_err(HubError::io("cannot read", &path))? {
            let entry = entry.map_err(HubError::io("cannot read", &path))?;
            if entry.file_name().to_string_lossy().starts_with("model.gguf") {
                disk::remove_file(&entry.path())?;
            }
        }
        disk::check_room(&self.pulling.folder, bytes, self.options)?;
        Ok(path)
    }

    /// Makes the result the model, and forgets the checkpoint.
    pub fn install(self, result: &Path) -> Result<Installed, HubError> {
        verify::check_gguf(result)?;
        let (digest, bytes) = self.hash(result)?;
        let mut manifest = Manifest::new(self.source, bytes, digest, self.license);
        manifest.format = self.format;
        self.library.install(&self.name, self.pulling, result, &manifest)
    }

    /// Forgets all that was brought: nothing can be made of it.
    pub fn discard(self) -> Result<(), HubError> {
        disk::remove_folder(&self.pulling.folder)
    }

    /// A model from elsewhere is not overwritten.
    fn check_name(&self) -> Result<Option<Installed>, HubError> {
        match self.library.get(self.name.as_str()) {
            Ok(model) if !same_origin(&model.source, &self.source) => {
                Err(HubError::NameTaken { name: model.name, source_text: model.source })
            }
            Ok(model) => Ok(Some(model)),
            Err(_) => Ok(None),
        }
    }

    /// The model of the library, if it was made of this very commit in this format and is undamaged.
    fn already(&self) -> Result<Option<Installed>, HubError> {
        let same = |model: &Installed| model.source == self.source && model.format == self.format;
        let Some(model) = self.check_name()?.filter(same) else { return Ok(None) };
        let (digest, _) = self.hash(&model.path)?;
        Ok((digest.to_string() == model.sha256).then_some(model))
    }

    fn fetch_small(&self, small: Vec<Listed>) -> Result<(), HubError> {
        let Origin::Hub { http, source, weights } = &self.origin else { return Ok(()) };
        self.check_room_for(small.iter().chain(weights))?;
        small.iter().try_for_each(|file| self.bring(http, source, file))
    }

    /// Whether the disk has room for what is still to be brought.
    fn check_room_for<'f>(&self, files: impl IntoIterator<Item = &'f Listed>) -> Result<(), HubError> {
        let there = |file: &Listed| self.place(file).metadata().is_ok_and(|found| found.len() == file.bytes);
        let missing: u64 = files.into_iter().filter(|file| !there(file)).map(|file| file.bytes).sum();
        let begun = disk::allocated(&Part::data_path(&self.part_folder()));
        disk::check_room(&self.pulling.folder, missing.saturating_sub(begun), self.options)
    }

    fn part_folder(&self) -> PathBuf {
        self.pulling.folder.join("part")
    }

    /// Files of the top folder only are chosen, so this is one name.
    fn place(&self, file: &Listed) -> PathBuf {
        self.folder().join(file.path.file_name())
    }

    /// Puts one file into its place, from wherever it can be had.
    fn bring(&self, http: &Http, source: &RepositorySource, file: &Listed) -> Result<(), HubError> {
        let place = self.place(file);
        if is_good(&place, file)? {
            return Ok(());
        }
        let fresh = match self.cached(source, file)? {
            Some(copy) => copy,
            None => {
                let commit = source.revision.as_str();
                let url = remote::file_url(http, source.repo.as_str().split('/'), &file.path, commit);
                let remote = Remote { url, checksum: file.checksum.clone(), bytes: file.bytes };
                let part = self.part_folder();
                disk::private_folder(&part)?;
                download::download(http, &remote, &part, self.options, self.progress)?
            }
        };
        disk::private_folder(&self.folder())?;
        disk::rename(&fresh, &place)?;
        disk::sync_folder(&self.folder())
    }

    /// Takes the file out of the cache of `huggingface_hub` if it is what it should be.
    fn cached(&self, source: &RepositorySource, file: &Listed) -> Result<Option<PathBuf>, HubError> {
        let found = self.options.hf_home.as_deref();
        let found =
            found.and_then(|home| cache::find(home, Kind::Model, &source.repo, &file.path, &source.revision));
        let Some(found) = found else { return Ok(None) };
        let copy = self.pulling.folder.join("copy");
        if disk::link_or_copy(&found.path, &copy, self.options).is_ok() && is_good(&copy, file)? {
            self.progress.message(&format!("{} is in the cache of huggingface_hub", file.path));
            return Ok(Some(copy));
        }
        disk::remove_file(&copy)?;
        Ok(None)
    }

    fn hash(&self, path: &Path) -> Result<(crate::ids::Digest, u64), HubError> {
        self.progress.start("checking", path.metadata().ok().map(|found| found.len()));
        let outcome = verify::file_digest(path, |done| self.progress.advance(done));
        self.progress.finish();
        outcome
    }
}

/// Whether the bytes at `path` are those of `file`.
fn is_good(path: &Path, file: &Listed) -> Result<bool, HubError> {
    let same_size = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == file.bytes);
    Ok(same_size && file.checksum.fits(path)?)
}

/// The files of a repository that are needed.
#[derive(Debug)]
struct Choice {
    small: Vec<Listed>,
    weights: Vec<Listed>,
}

const NEEDED: [&str; 2] = ["config.json", "tokenizer.json"];
const USEFUL: [&str; 5] = [
    "tokenizer_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "model.safetensors.index.json",
];
/// Larger ones are no configuration.
const SMALL: u64 = 64 << 20;

/// Weights are safetensors only: other formats can run code when they are read.
fn choose(listing: &Listing) -> Result<Choice, String> {
    let named = |name: &str| listing.files.iter().find(|file| file.path.as_str() == name).cloned();
    let ending = |end: &str| {
        let names = listing.files.iter().map(|file| file.path.as_str()).filter(|name| name.ends_with(end));
        names.take(3).collect::<Vec<_>>().join(", ")
    };
    let mut weights: Vec<Listed> =
        listing.files.iter().filter(|file| is_piece(file.path.as_str())).cloned().collect();
    if weights.is_empty() {
        weights.extend(named("model.safetensors"));
    }
    if weights.is_empty() {
        let (gguf, pickles) = (ending(".gguf"), ending(".bin"));
        return Err(match (gguf.as_str(), pickles.as_str()) {
            ("", "") => "it has no model.safetensors".to_owned(),
            ("", _) => "its weights are pickles, which can run code when they are read; look for a repository with safetensors".to_owned(),
            _ => format!("it has no safetensors, but GGUF files: name one of them behind the repository ({gguf})"),
        });
    }
    if let Some(missing) = NEEDED.into_iter().find(|name| named(name).is_none()) {
        return Err(format!("it has no {missing}"));
    }
    let small: Vec<Listed> = NEEDED.into_iter().chain(USEFUL).filter_map(named).collect();
    if let Some(large) = small.iter().find(|file| file.bytes > SMALL) {
        return Err(format!("its {} has {} bytes", large.path, large.bytes));
    }
    weights.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Choice { small, weights })
}

/// Whether the name is `model-00001-of-00003.safetensors`.
fn is_piece(name: &str) -> bool {
    let number = |text: &str| text.len() >= 5 && text.bytes().all(|b| b.is_ascii_digit());
    let numbers = name.strip_prefix("model-").and_then(|rest| rest.strip_suffix(".safetensors"));
    numbers.and_then(|numbers| numbers.split_once("-of-")).is_some_and(|(n, of)| number(n) && number(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Listing {
        let file = |name: &&str| {
            let checksum = verify::Checksum::Sha256(verify::digest_of(name.as_bytes()));
            Listed { path: name.parse().unwrap(), bytes: 5, checksum }
        };
        let files = names.iter().map(file).collect();
        Listing { version: 1, commit: "0".repeat(40).parse().unwrap(), license: None, files }
    }

    fn chosen(names: &[&str]) -> Result<Vec<String>, String> {
        let choice = choose(&listing(names))?;
        Ok(choice.small.iter().chain(&choice.weights).map(|file| file.path.to_string()).collect())
    }

    #[test]
    fn only_what_is_needed_is_chosen() {
        let llama = [
            ".gitattributes",
            "README.md",
            "config.json",
            "generation_config.json",
            "model-00002-of-00002.safetensors",
            "model-00001-of-00002.safetensors",
            "model.safetensors.index.json",
            "original/consolidated.00.pth",
            "original/tokenizer.json",
            "pytorch_model.bin",
            "tokenizer.json",
            "tokenizer_config.json",
            "modeling_llama.py",
        ];
        let expected = [
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "generation_config.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ];
        assert_eq!(chosen(&llama).unwrap(), expected);
        let mlx = ["config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json"];
        assert_eq!(chosen(&mlx).unwrap()[2..], ["model.safetensors.index.json", "model.safetensors"]);
    }

    #[test]
    fn a_repository_without_a_checkpoint_says_what_it_has() {
        for (names, said) in [
            (&["config.json", "tokenizer.json"][..], "no model.safetensors"),
            (&["config.json", "tokenizer.json", "pytorch_model.bin"], "pickles"),
            (&["README.md", "a-q4_k_m.gguf"], "a-q4_k_m.gguf"),
            (&["config.json", "model.safetensors"], "tokenizer.json"),
            (&["tokenizer.json", "model.safetensors"], "config.json"),
            (&["config.json", "tokenizer.json", "sub/model.safetensors"], "no model.safetensors"),
        ] {
            let error = chosen(names).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
