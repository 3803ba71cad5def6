//! Which of the three file layouts is it?

use super::{Adapter, AdapterFileError, gguf, mlx, peft};
use crate::model::Config;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How an adapter is laid out in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// llama.cpp's file, and hone's own.
    Gguf,
    /// A folder of Hugging Face PEFT.
    Peft,
    /// A folder of mlx-lm.
    Mlx,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Layout; 3] = [Layout::Gguf, Layout::Peft, Layout::Mlx];

    /// `gguf`, `peft` or `mlx`.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Gguf => "gguf",
            Layout::Peft => "peft",
            Layout::Mlx => "mlx",
        }
    }

    /// Looks at a file or a folder. Any file of a folder may be named instead of it.
    pub fn of(path: &Path) -> Result<Layout, AdapterFileError> {
        let folder = folder(path);
        let unrecognised = |why| Err(AdapterFileError::Unrecognised { path: path.into(), why });
        if !path.exists() {
            return unrecognised("there is no such file or folder");
        }
        if path.is_file() && starts_with_gguf(path)? {
            return Ok(Layout::Gguf);
        }
        match (folder.join(peft::TENSORS).is_file(), folder.join(mlx::TENSORS).is_file()) {
            (true, false) => Ok(Layout::Peft),
            (false, true) => Ok(Layout::Mlx),
            (true, true) => unrecognised("it holds files of PEFT and of mlx-lm: say which with a format"),
            _ if folder.join("adapter_model.bin").is_file() => unrecognised(
                "adapter_model.bin is a pickle, which can run code when it is opened; save it as safetensors",
            ),
            _ => unrecognised(
                "there is neither a GGUF file nor adapter_model.safetensors (PEFT) nor adapters.safetensors (mlx-lm)",
            ),
        }
    }

    /// Reads an adapter of the model that `config` describes.
    pub fn read(self, path: &Path, config: &Config) -> Result<Adapter, AdapterFileError> {
        match self {
            Layout::Gguf => gguf::read(path, config),
            Layout::Peft => peft::read(&folder(path), config),
            Layout::Mlx => mlx::read(&folder(path), config),
        }
    }

    /// Writes an adapter to `path`, a file for GGUF and a folder for the others. `base` names the base model.
    pub fn write(
        self,
        path: &Path,
        adapter: &Adapter,
        config: &Config,
        base: Option<&str>,
    ) -> Result<(), AdapterFileError> {
        match self {
            Layout::Gguf => gguf::save(path, adapter, config, None),
            Layout::Peft => peft::write(path, adapter, config, base),
            Layout::Mlx => mlx::write(path, adapter, config, base),
        }
    }
}

impl std::str::FromStr for Layout {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Layout::ALL.into_iter().find(|layout| layout.name() == name);
        found.ok_or_else(|| format!("`{name}` is not gguf, peft or mlx"))
    }
}

/// The folder itself, or the one that a file is in.
fn folder(path: &Path) -> PathBuf {
    let above = path.parent().unwrap_or(Path::new(""));
    if path.is_file() { above.into() } else { path.into() }
}

fn starts_with_gguf(path: &Path) -> Result<bool, AdapterFileError> {
    let mut start = Vec::new();
    let file = super::files::regular(path)?;
    file.take(4).read_to_end(&mut start).map_err(AdapterFileError::reading(path))?;
    Ok(start == b"GGUF")
}
