//! `read_file`: lines of an indexed file, and of no other.
//!
//! Two things confine it: the file must be in the index, which leaves out secrets and what the user ignores, and it is
//! opened relative to its root in a way that no link and no `..` leads out of, whatever changes meanwhile.

use super::{Output, Tool, ToolError, View, arguments, schema};
use crate::model::ToolSpec;
use crate::seam::Knowledge;
use crate::source::Found;
use crate::span::Origin;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest file that is read.
const MOST_BYTES: u64 = 1 << 20;
/// Lines in one result.
const MOST_LINES: usize = 400;

/// Reads indexed files.
pub struct ReadFile(pub Arc<dyn Knowledge>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    first_line: Option<usize>,
    last_line: Option<usize>,
}

impl Tool for ReadFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "read_file".to_owned(),
            description: "Read lines of a file of the user's code.".to_owned(),
            parameters: schema(
                json!({
                    "path": {"type": "string", "description": "Path as search_code shows it, without lines"},
                    "first_line": {"type": "integer", "minimum": 1},
                    "last_line": {"type": "integer", "minimum": 1},
                }),
                &["path"],
            ),
        }
    }

    fn run(&self, value: &Value, view: &View<'_>) -> Result<Output, ToolError> {
        let Arguments { path, first_line, last_line } = arguments(value)?;
        let path = plain(&path)?;
        let root = self.root(&path, view.project)?;
        let text = read(&root, &path)?;
        let lines: Vec<&str> = text.lines().collect();
        let first = first_line.unwrap_or(1).max(1);
        let last = last_line.unwrap_or(usize::MAX).min(lines.len()).min(first.saturating_add(MOST_LINES - 1));
        if first > last {
            return Err(ToolError(format!("{path} has {} lines", lines.len())));
        }
        let mut found = Found::new(
            Origin::File,
            format!("{path}:{first}-{last}"),
            format!("{} lines in all", lines.len()),
            lines[first - 1..last].join("\n"),
        );
        found.source.root = Some(root.to_string_lossy().into_owned());
        Ok(Output::Found(vec![found]))
    }
}

impl ReadFile {
    /// The root that holds `path`: the project's before others.
    fn root(&self, path: &str, project: Option<&Path>) -> Result<PathBuf, ToolError> {
        let mut roots = self.0.roots().map_err(ToolError::of)?;
        roots.sort_by_key(|root| project.is_none_or(|project| root != project));
        for root in roots {
            if self.0.holds(&root, path).map_err(ToolError::of)? {
                return Ok(root);
            }
        }
        Err(ToolError(format!("{path} is not an indexed file; search_code finds those that are")))
    }
}

/// A path below a root in its only spelling.
fn plain(path: &str) -> Result<String, ToolError> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let strange = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.split('/').any(strange) || path.contains(['\\', '\0', ':']) {
        return Err(ToolError(format!("{path:?} is not a path below an indexed folder")));
    }
    Ok(path.to_owned())
}

fn read(root: &Path, path: &str) -> Result<String, ToolError> {
    let failed = |error: std::io::Error| ToolError(format!("cannot read {path}: {error}"));
    let root = Dir::open_ambient_dir(root, ambient_authority()).map_err(failed)?;
    let file = open(&root, path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(ToolError(format!("{path} is not a file")));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ToolError(format!("{path} has more than {MOST_BYTES} bytes")));
    }
    if bytes.contains(&0) {
        return Err(ToolError(format!("{path} is not text")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Opens without waiting: a pipe that took the file's place has nobody who writes.
fn open(root: &Dir, path: &str) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    root.open_with(path, &options)
}
