//! From what was asked for to examples: a set by its name, a folder with a set, or a file.

use super::{DatasetError, Example, Report, Set, Shares, read, split};
use std::path::{Component, Path, PathBuf};

/// What was found.
#[derive(Debug)]
pub enum Chosen {
    /// A set.
    Set(Set),
    /// A file of rows.
    File(PathBuf),
}

/// Examples to learn from and to validate with.
#[derive(Debug)]
pub struct Split {
    /// To learn from.
    pub train: Vec<Example>,
    /// To validate with.
    pub valid: Vec<Example>,
    /// What became of a file's rows; a set's were counted when it was made.
    pub report: Option<Report>,
}

impl Chosen {
    /// Finds a set by its name, a folder with a set, or a file.
    pub fn find(home: &Path, text: &str) -> Result<Chosen, DatasetError> {
        match Chosen::set(home, text) {
            Err(DatasetError::Unknown { .. }) => {}
            found => return found,
        }
        let path = PathBuf::from(text);
        if path.is_dir() {
            return Ok(Chosen::Set(Set::open(&path)?));
        }
        if path.exists() { Ok(Chosen::File(path)) } else { Err(unknown(home, text)) }
    }

    /// Finds a set by its name alone: for those who may not name files of this machine.
    pub fn set(home: &Path, name: &str) -> Result<Chosen, DatasetError> {
        let mut parts = Path::new(name).components();
        let plain =
            matches!((parts.next(), parts.next()), (Some(Component::Normal(one)), None) if one == name);
        let folder = folder(home).join(name);
        if !plain || !folder.is_dir() {
            return Err(unknown(home, name));
        }
        Ok(Chosen::Set(Set::open(&folder)?))
    }

    /// A set's parts, or a file's rows dealt out: nine of ten to learn from, the rest to validate.
    pub fn split(&self, seed: u64) -> Result<Split, DatasetError> {
        match self {
            Chosen::Set(set) => {
                Ok(Split { train: set.read("train")?, valid: set.read("valid")?, report: None })
            }
            Chosen::File(path) => {
                let (examples, report) = read(path)?;
                if examples.is_empty() {
                    return Err(DatasetError::Empty { report: Box::new(report) });
                }
                let parts = split(examples, Shares::default(), seed)?;
                Ok(Split { train: parts.train, valid: parts.valid, report: Some(report) })
            }
        }
    }
}

/// Where the sets are.
pub fn folder(home: &Path) -> PathBuf {
    home.join("datasets")
}

/// The sets of the data folder, by name.
pub fn names(home: &Path) -> Vec<String> {
    let entries = folder(home).read_dir().into_iter().flatten().filter_map(Result::ok);
    let sets = entries.filter(|entry| Set::open(&entry.path()).is_ok());
    let mut names: Vec<String> = sets.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn unknown(home: &Path, text: &str) -> DatasetError {
    let known = names(home).join(", ");
    let known = if known.is_empty() { "there are none yet".to_owned() } else { format!("there are {known}") };
    let text = text.chars().take(200).collect::<String>().escape_debug().to_string();
    DatasetError::Unknown { text, known }
}
