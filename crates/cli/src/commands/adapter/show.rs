//! `hone adapter show`: one adapter in detail.

use super::list;
use crate::flags::AdapterShow;
use crate::output::{self, bytes};
use learn::adapters::{Library, Manifest};
use serde_json::Value;

pub(crate) fn run(library: &Library, flags: &AdapterShow) -> anyhow::Result<()> {
    let adapter = library.find(&flags.adapter)?;
    let (in_use, damage) = (list::is_in_use(library, &adapter)?, library.verify(&adapter).err());
    if flags.json {
        let mut value = list::as_json(&adapter, in_use)?;
        value["path"] = library.path(&adapter).display().to_string().into();
        value["intact"] = damage.is_none().into();
        return output::print_json(&value);
    }
    let state = match damage {
        Some(damage) => damage.to_string(),
        None => "intact".to_owned(),
    };
    let rows = rows(&adapter, &library.path(&adapter).display().to_string(), in_use, state);
    Ok(output::print(&output::harmless(&output::table(&rows)))?)
}

fn rows(adapter: &Manifest, path: &str, in_use: bool, state: String) -> Vec<Vec<String>> {
    let row = |key: &str, value: String| vec![key.to_string(), value];
    let or_dash = |value: &Option<String>| value.clone().unwrap_or("-".into());
    let json = |value: &Value| if value.is_null() { "-".into() } else { value.to_string() };
    vec![
        row("name", adapter.name.clone()),
        row("id", adapter.id.clone()),
        row("in use", if in_use { "yes" } else { "no" }.into()),
        row("model", format!("{} ({})", adapter.base.name, adapter.base.architecture)),
        row("model's sha256", adapter.base.sha256.clone()),
        row("file", path.to_owned()),
        row("size", bytes(adapter.bytes)),
        row("sha256", adapter.sha256.clone()),
        row("state", state),
        row("created", adapter.created.clone()),
        row("examples", or_dash(&adapter.examples)),
        row("examples' sha256", or_dash(&adapter.data)),
        row("parent", or_dash(&adapter.parent)),
        row("recipe", json(&adapter.recipe)),
        row("scores", json(&adapter.scores)),
    ]
}
