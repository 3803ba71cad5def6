//! `read_file`: lines of an indexed file, and of no other. The index confines it, see [`Knowledge::read`].

use super::{Output, Tool, ToolError, View, arguments, schema};
use crate::model::ToolSpec;
use crate::seam::Knowledge;
use crate::source::Found;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::Provenance;

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
        let (root, text) = self.0.read(&path, view.project).map_err(ToolError::of)?;
        let lines: Vec<&str> = text.lines().collect();
        let first = first_line.unwrap_or(1).max(1);
        let last = last_line.unwrap_or(usize::MAX).min(lines.len()).min(first.saturating_add(MOST_LINES - 1));
        if first > last {
            return Err(ToolError(format!("{path} has {} lines", lines.len())));
        }
        let title = format!("{} lines in all", lines.len());
        let text = lines[first - 1..last].join("\n");
        let mut found = Found::new(Provenance::File, format!("{path}:{first}-{last}"), title, text);
        found.source.root = Some(root.to_string_lossy().into_owned());
        Ok(Output::Found(vec![found]))
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
