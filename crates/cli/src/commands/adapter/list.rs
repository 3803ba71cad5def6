//! `hone adapter list`: the adapters on disk.

use crate::flags::AdapterList;
use crate::output::{self, bytes};
use learn::adapters::{Library, Manifest};

pub(crate) fn run(library: &Library, flags: &AdapterList) -> anyhow::Result<()> {
    let adapters = library.list()?;
    let in_use = adapters.iter().map(|adapter| is_in_use(library, adapter));
    let in_use = in_use.collect::<anyhow::Result<Vec<bool>>>()?;
    if flags.json {
        let values = adapters.iter().zip(&in_use).map(|(adapter, in_use)| as_json(adapter, *in_use));
        return output::print_json(&values.collect::<anyhow::Result<Vec<_>>>()?);
    }
    if adapters.is_empty() {
        eprintln!("There is no adapter yet. Import one with: hone adapter import PATH");
        return Ok(());
    }
    let mut rows = vec![["", "NAME", "ID", "MODEL", "SIZE", "CREATED"].map(String::from).to_vec()];
    for (adapter, in_use) in adapters.iter().zip(&in_use) {
        let mark = if *in_use { "*" } else { "" };
        let (name, id, model) = (adapter.name.clone(), adapter.id.clone(), adapter.base.name.clone());
        rows.push(vec![mark.into(), name, id, model, bytes(adapter.bytes), adapter.created.clone()]);
    }
    Ok(output::print(&output::harmless(&output::table(&rows)))?)
}

/// Whether an adapter is in use for its model.
pub(super) fn is_in_use(library: &Library, adapter: &Manifest) -> anyhow::Result<bool> {
    // A damaged adapter may be in use; that is for `hone doctor` and those who load it, not for a list.
    let active = library.active_id(&adapter.base.sha256)?;
    Ok(active.as_deref() == Some(&adapter.id))
}

/// The manifest, and whether it is in use.
pub(super) fn as_json(adapter: &Manifest, in_use: bool) -> anyhow::Result<serde_json::Value> {
    let mut value = serde_json::to_value(adapter)?;
    value["in_use"] = in_use.into();
    Ok(value)
}
