//! The repository's text files, read once.

use anyhow::Context;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const SKIP: [&str; 5] = ["target", ".git", ".cache", "node_modules", "__pycache__"];

/// Every text file, with its path from the root.
pub(crate) struct Tree {
    /// In no particular order.
    pub(crate) files: Vec<File>,
}

/// One text file.
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// Contents.
    pub(crate) text: String,
}

impl Tree {
    /// Reads everything below `root`; files that are not UTF-8 are left out.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Tree> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
            for entry in entries {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() && !SKIP.iter().any(|skip| entry.file_name() == *skip) {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.extend(read_text(root, entry.path())?);
                }
            }
        }
        Ok(Tree { files })
    }

    /// Files whose name ends with `suffix`.
    pub(crate) fn ending(&self, suffix: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |f| f.path.ends_with(suffix))
    }
}

fn read_text(root: &Path, path: PathBuf) -> anyhow::Result<Option<File>> {
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let path = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
    Ok(String::from_utf8(bytes).ok().map(|text| File { path, text }))
}

#[cfg(test)]
impl Tree {
    /// A repository made up of these files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let file = |&(path, text): &(&str, &str)| File { path: path.into(), text: text.into() };
        Tree { files: files.iter().map(file).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_text_and_skips_what_is_built() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/target")).unwrap();
        std::fs::write(root.path().join("a/x.rs"), "hello").unwrap();
        std::fs::write(root.path().join("a/model.gguf"), [0xff, 0xfe]).unwrap();
        std::fs::write(root.path().join("a/target/y.rs"), "built").unwrap();
        let tree = Tree::read(root.path()).unwrap();
        assert_eq!(tree.files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["a/x.rs"]);
    }
}
