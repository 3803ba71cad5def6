//! `hone adapter use`, `rollback` and `rm`: which adapter is in use.

use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::{AdapterRm, AdapterRollback, AdapterUse};
use crate::output::{self, Usage};
use learn::adapters::Library;
use serde_json::{Value, json};

/// `hone adapter use`.
pub(crate) fn use_(app: &App, library: &Library, flags: &AdapterUse) -> anyhow::Result<()> {
    if flags.adapter == "base" {
        let model = BaseModel::choose(app, flags.base.as_deref())?;
        library.use_base(&model.base.sha256)?;
        app.note("adapter in use", json!({ "adapter": Value::Null, "model": model.base.name }));
        return Ok(output::print(&format!("{} is used without an adapter from now on\n", model.base.name))?);
    }
    if flags.base.is_some() {
        let text = "--base goes with `hone adapter use base`; an adapter knows its model";
        return Err(Usage(text.into()).into());
    }
    let adapter = library.find(&flags.adapter)?;
    library.use_(&adapter)?;
    app.note("adapter in use", json!({ "adapter": adapter.id, "model": adapter.base.name }));
    let text = format!("{} is used with {} from now on\n", adapter.label(), adapter.base.name);
    Ok(output::print(&output::harmless(&text))?)
}

/// `hone adapter rollback`.
pub(crate) fn rollback(app: &App, library: &Library, flags: &AdapterRollback) -> anyhow::Result<()> {
    let model = BaseModel::choose(app, flags.base.as_deref())?;
    let back = library.rollback(&model.base)?;
    let to = back.to.as_ref().map(|adapter| &adapter.id);
    app.note("adapter rolled back", json!({ "from": back.from, "to": to }));
    for reason in &back.skipped {
        eprintln!("passed over: {}", output::harmless(reason));
    }
    if flags.json {
        let value = json!({
            "model": model.base.name, "from": back.from, "to": to, "skipped": back.skipped,
        });
        return output::print_json(&value);
    }
    let name = model.base.name;
    let text = match &back.to {
        Some(adapter) => format!("{} is used with {name} again\n", adapter.label()),
        None => format!("{name} is used without an adapter again\n"),
    };
    Ok(output::print(&output::harmless(&text))?)
}

/// `hone adapter rm`.
pub(crate) fn rm(app: &App, library: &Library, flags: &AdapterRm) -> anyhow::Result<()> {
    let id = library.rm(&flags.adapter, flags.force)?;
    app.store()?.adapters().remove(&id)?;
    Ok(output::print(&format!("{id} is gone\n"))?)
}
