//! The index as a whole: folders go in, are kept up to date, and go out again.

mod embedding;
mod update;

pub use embedding::embedded_text;
pub use update::{Options, Progress, Report};

use crate::embed::{EmbedError, Embedder};
use crate::passage::Passage;
use crate::vectors::{Local, VectorError, VectorStore};
use crate::walk::{Reason, Root, RootError};
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
            index.use_embedder(&format!("{} in {}", embedder.id(), vectors.place()))?;
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
        let root = self.root_at(folder)?.ok_or_else(|| KnowledgeError::NotIndexed(folder.to_path_buf()))?;
        self.index.remove_root(root.id)?;
        self.clear_gone()
    }

    /// The indexed folders.
    pub fn roots(&self) -> Result<Vec<RootRow>, KnowledgeError> {
        Ok(self.index.roots()?)
    }

    /// The passages of a file of an indexed folder, by line; none where the file is not in the index.
    pub fn passages_of(&self, folder: &Path, file: &str) -> Result<Vec<Passage>, KnowledgeError> {
        let root = self.root_at(folder)?.ok_or_else(|| KnowledgeError::NotIndexed(folder.to_path_buf()))?;
        let rows = self.index.passages_of(root.id, Some(file))?;
        Ok(rows.into_iter().map(Passage::from).collect())
    }

    /// The innermost indexed folder that holds a path.
    pub fn root_of(&self, path: &Path) -> Result<Option<RootRow>, KnowledgeError> {
        let path = resolved(path);
        let holding = self.index.roots()?.into_iter().filter(|root| path.starts_with(&root.path));
        Ok(holding.max_by_key(|root| root.path.len()))
    }

    /// Reads a file of an indexed folder, by its whole path or relative to `project`. What indexing leaves out cannot
    /// be read either: secrets, binaries, huge files, and whatever lies outside.
    pub fn read(&self, path: &Path, project: Option<&Path>) -> Result<String, KnowledgeError> {
        let outside = || KnowledgeError::NotIndexed(path.to_path_buf());
        let whole = project.map_or_else(|| path.to_path_buf(), |project| resolved(project).join(path));
        // The name is judged as it is given, its parts `..` included: the root's handle decides what it leads to.
        let roots = self.index.roots()?.into_iter();
        let root = roots.filter(|root| whole.starts_with(&root.path)).max_by_key(|root| root.path.len());
        let root = Root::open(Path::new(&root.ok_or_else(outside)?.path))?;
        let relative = whole.strip_prefix(root.path()).ok().and_then(Path::to_str).ok_or_else(outside)?;
        let not_read = |reason| KnowledgeError::NotRead(path.to_path_buf(), reason);
        if !root.is_open(relative) {
            return Err(not_read(Reason::Secret));
        }
        root.read(relative).map_err(not_read)
    }

    fn root_at(&self, folder: &Path) -> Result<Option<RootRow>, KnowledgeError> {
        let path = resolved(folder);
        Ok(self.index.roots()?.into_iter().find(|root| Path::new(&root.path) == path))
    }
}

/// The absolute path without links where it is there, else as it is written.
fn resolved(path: &Path) -> PathBuf {
    let there = path.canonicalize().or_else(|_| std::path::absolute(path));
    there.unwrap_or_else(|_| path.to_path_buf())
}
