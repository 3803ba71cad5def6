//! What an adapter is and where it came from: `adapter.json`.

use super::{AdaptersError, disk};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// The model that an adapter was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// What people call it.
    pub name: String,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Model family, as in `general.architecture`.
    pub architecture: String,
}

impl Base {
    /// A model that is known by its file alone. Reads all of it.
    pub fn of_file(name: String, architecture: String, path: &Path) -> Result<Base, AdaptersError> {
        let (sha256, _) = disk::digest(path).map_err(AdaptersError::io("cannot read", path))?;
        Ok(Base { name, sha256, architecture })
    }
}

/// `adapter.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of this file.
    pub version: u32,
    /// Unique, and sorts by the time of making.
    pub id: String,
    /// What people call it; several may have one name, the newest is meant.
    pub name: String,
    /// The model it was trained on.
    pub base: Base,
    /// SHA-256 of `adapter.gguf`, in hexadecimal.
    pub sha256: String,
    /// Size of `adapter.gguf`.
    pub bytes: u64,
    /// Hash of the training data, where it is known.
    pub data: Option<String>,
    /// The set's name, or the path of the file or folder of the training data, where it is known.
    #[serde(default)]
    pub examples: Option<String>,
    /// How it was trained, or where it was imported from.
    pub recipe: Value,
    /// Id of the adapter that the training began with.
    pub parent: Option<String>,
    /// What was measured.
    pub scores: Value,
    /// Id of the run that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
}

impl Manifest {
    /// The version that is written.
    pub(super) const VERSION: u32 = 1;

    /// Fails where the adapter was trained on another model than `base`.
    pub fn check_base(&self, base: &Base) -> Result<(), AdaptersError> {
        if self.base.sha256 == base.sha256 {
            return Ok(());
        }
        Err(AdaptersError::WrongBase {
            adapter: self.label(),
            trained: Box::new(self.base.clone()),
            model: Box::new(base.clone()),
        })
    }

    /// Name and id, for messages.
    pub fn label(&self) -> String {
        format!("{} ({})", self.name, self.id)
    }
}
