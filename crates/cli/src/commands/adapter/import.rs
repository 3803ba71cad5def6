//! `hone adapter import`: an adapter that another program made.

use super::list;
use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::AdapterImport;
use crate::output;
use engine::adapter::Layout;
use learn::adapters::{Library, NewAdapter};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn run(app: &App, library: &Library, flags: &AdapterImport) -> anyhow::Result<()> {
    let layout = flags.format.map_or_else(|| Layout::of(&flags.path), Ok)?;
    let model = BaseModel::choose(app, flags.base.as_deref())?;
    let adapter = layout.read(&flags.path, &model.config)?;
    let new = NewAdapter {
        name: flags.name.clone().unwrap_or_else(|| name_of(&flags.path)),
        base: model.base,
        data: None,
        examples: None,
        recipe: json!({ "imported": { "format": layout.name(), "path": flags.path.display().to_string() } }),
        parent: None,
        scores: Value::Null,
        run: None,
        files: Vec::new(),
    };
    let added = library.add(new, &adapter, &model.config)?;
    app.note("adapter imported", json!({ "adapter": added.id, "from": flags.path }));
    if flags.json {
        return output::print_json(&list::as_json(&added, false)?);
    }
    let next = format!("Put it in use with: hone adapter use {}", added.id);
    let text = format!("{} is here, an adapter of {}. {next}\n", added.label(), added.base.name);
    Ok(output::print(&output::harmless(&text))?)
}

/// A name for an adapter from the name of its file or folder.
fn name_of(path: &Path) -> String {
    let stem = path.canonicalize().unwrap_or_else(|_| path.into());
    let stem = stem.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mapped: String = stem.chars().map(|c| if allowed(c) { c } else { '-' }).take(64).collect();
    let name = mapped.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() || name == "base" { "imported".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_files() {
        for (path, name) in [
            ("/a/my adapter.gguf", "my-adapter"),
            ("/a/.hidden", "hidden"),
            ("/", "imported"),
            ("/a/base", "imported"),
            ("/a/ü", "imported"),
        ] {
            assert_eq!(name_of(Path::new(path)), name);
        }
    }
}
