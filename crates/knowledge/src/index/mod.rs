//! The index as a whole: folders go in, are kept up to date, and go out again.

mod embedding;
mod update;

pub use embedding::embedded_text;
pub use update::{Options, Progress, Report};

use crate::embed::{EmbedError, Embedder};
use crate::passage::Passage;
use crate::vectors::{Local, VectorError, VectorStore};
use crate::walk::{Reason, Root, RootError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::index::{Index, IndexError, RootRow};

/// Indexed folders, and the means to search them. Can be used by several threads at once.
pub struct Knowledge {
    pub(crate) index: Arc<Index>,
    pub(crate) semantic: Option<Semantic>,
}

/// What it takes to search by meaning.
#[derive(Clone)]
pub(crate) struct Semantic {
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) vectors: Arc<dyn VectorStore>,
}

/// Indexing or searching failed.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// The folder cannot be indexed.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The index cannot be read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// No vectors from the model.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// No vectors from where they are kept.
    #[error(transparent)]
    Vectors(#[from] VectorError),
    /// The path is in no indexed folder.
    #[error("{0} is not in an indexed folder: `hone index add` indexes one, `hone index status` lists them")]
    NotIndexed(PathBuf),
    /// A file of an indexed folder that is not read.
    #[error("{0} is not read: {1}")]
    NotRead(PathBuf, Reason),
}

impl Knowledge {
    /// Opens the index in a file, and makes it where there is none. Without embedder it works with words only.
    pub fn open(file: &Path, embedder: Option<Arc<dyn Embedder>>) -> Result<Knowledge, KnowledgeError> {
        let index = Arc::new(Index::open(file)?);
        let local = Arc::new(Local::new(index.clone()));
        Knowledge::with(index, embedder.map(|embedder| Semantic { embedder, vectors: local }))
    }

    /// The same with vectors that are kept elsewhere.
    pub fn open_with(
        file: &Path,
        embedder: Arc<dyn Embedder>,
        vectors: Arc<dyn VectorStore>,
    ) -> Result<Knowledge, KnowledgeError> {
        Knowledge::with(Arc::new(Index::open(file)?), Some(Semantic { embedder, vectors }))
    }

    fn with(index: Arc<Index>, semantic: Option<Semantic>) -> Result<Knowledge, KnowledgeError> {
        if let Some(Semantic { embedder, vectors }) = &semantic {
            index.use_embedder(embedder.id(), &vectors.place())?;
        }
        Ok(Knowledge { index, semantic })
    }

    /// Where vectors are, about the set that the index has now: another process may have begun a new one.
    pub(crate) fn vectors(&self, semantic: &Semantic) -> Result<Arc<dyn VectorStore>, KnowledgeError> {
        semantic.vectors.begin(&self.index.vector_set()?);
        Ok(semantic.vectors.clone())
    }

    /// Brings a folder into the index, or what is there of it up to date. `progress` is called often, and stops the
    /// work when it returns false: what is done is kept, and the next call goes on from there.
    pub fn add(
        &self,
        folder: &Path,
        options: &Options,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Report, KnowledgeError> {
        let root = Root::open(folder)?;
        let mut report = update::update(&self.index, &root, options, progress)?;
        if !report.stopped {
            self.embed(&mut report, progress)?;
        }
        Ok(report)
    }

    /// Takes a folder out of the index. The folder itself need not be there any more.
    pub fn remove(&self, folder: &Path) -> Result<(), KnowledgeError> {
        let root = self.id_of(folder)?;
        self.index.remove_root(root)?;
        match &self.semantic {
            Some(semantic) if self.index.root_ids()?.is_empty() => {
                semantic.vectors.discard(&self.index.vector_set()?)?;
                Ok(self.index.begin_vectors()?)
            }
            _ => self.clear_gone(),
        }
    }

    /// Places elsewhere that may still keep vectors of this index, because the model or the settings were others.
    pub fn left_at(&self) -> Result<BTreeSet<String>, KnowledgeError> {
        Ok(self.index.left()?.into_iter().map(|(_, place)| place).collect())
    }

    /// Deletes what was left at the place of this store.
    pub fn clear_left(&self, vectors: &dyn VectorStore) -> Result<(), KnowledgeError> {
        let place = vectors.place();
        for (set, _) in self.index.left()?.into_iter().filter(|(_, left_at)| *left_at == place) {
            vectors.discard(&set)?;
            self.index.forget_left(&set)?;
        }
        Ok(())
    }

    /// The indexed folders.
    pub fn roots(&self) -> Result<Vec<RootRow>, KnowledgeError> {
        Ok(self.index.roots()?)
    }

    /// The passages of a file of an indexed folder, by line; none where the file is not in the index.
    pub fn passages_of(&self, folder: &Path, file: &str) -> Result<Vec<Passage>, KnowledgeError> {
        let rows = self.index.passages_of(self.id_of(folder)?, Some(file))?;
        Ok(rows.into_iter().map(Passage::from).collect())
    }

    /// The innermost indexed folder that holds a path, with its counts.
    pub fn root_of(&self, path: &Path) -> Result<Option<RootRow>, KnowledgeError> {
        let Some((id, _)) = self.folder_of(path)? else { return Ok(None) };
        Ok(self.index.roots()?.into_iter().find(|root| root.id == id))
    }

    /// Id and path of the innermost indexed folder that holds a path. Nothing is counted, unlike in [`Knowledge::roots`].
    pub(crate) fn folder_of(&self, path: &Path) -> Result<Option<(i64, String)>, KnowledgeError> {
        self.innermost(&resolved(path))
    }

    fn innermost(&self, path: &Path) -> Result<Option<(i64, String)>, KnowledgeError> {
        let roots = self.index.root_ids()?.into_iter();
        let holding = roots.filter(|(root, _)| path.starts_with(root)).max_by_key(|(root, _)| root.len());
        Ok(holding.map(|(root, id)| (id, root)))
    }

    /// Reads a file of an indexed folder, by its whole path or relative to `project`. What indexing leaves out cannot
    /// be read either: secrets, binaries, huge files, and whatever lies outside.
    pub fn read(&self, path: &Path, project: Option<&Path>) -> Result<String, KnowledgeError> {
        let outside = || KnowledgeError::NotIndexed(path.to_path_buf());
        let whole = project.map_or_else(|| path.to_path_buf(), |project| resolved(project).join(path));
        // The name is judged as it is given, its parts `..` included: the root's handle decides what it leads to.
        let (_, root) = self.innermost(&whole)?.ok_or_else(outside)?;
        let root = Root::open(Path::new(&root))?;
        let relative = whole.strip_prefix(root.path()).ok().and_then(Path::to_str).ok_or_else(outside)?;
        let not_read = |reason| KnowledgeError::NotRead(path.to_path_buf(), reason);
        if !root.is_open(relative) {
            return Err(not_read(Reason::Secret));
        }
        root.read(relative).map_err(not_read)
    }

    fn id_of(&self, folder: &Path) -> Result<i64, KnowledgeError> {
        let id = resolved(folder).to_str().map(|path| self.index.root(path)).transpose()?.flatten();
        id.ok_or_else(|| KnowledgeError::NotIndexed(folder.to_path_buf()))
    }
}

/// The absolute path without links where it is there, else as it is written.
fn resolved(path: &Path) -> PathBuf {
    let there = path.canonicalize().or_else(|_| std::path::absolute(path));
    there.unwrap_or_else(|_| path.to_path_buf())
}
