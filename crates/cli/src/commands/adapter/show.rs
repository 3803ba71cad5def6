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
        let report = library.beside(&adapter, "report.json");
        value["report"] = report.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        return output::print_json(&value);
    }
    let state = match damage {
        Some(damage) => damage.to_string(),
        None => "intact".to_owned(),
    };
    let rows = rows(&adapter, &library.path(&adapter).display().to_string(), in_use, state);
    let report = library.beside(&adapter, "report.txt");
    let report = report.map(|text| format!("\n{}", String::from_utf8_lossy(&text))).unwrap_or_default();
    Ok(output::print(&output::harmless(&(output::table(&rows) + &report)))?)
}

fn rows(adapter: &Manifest, path: &str, in_use: bool, state: String) -> Vec<Vec<String>> {
    let row = |key: &str, value: String| vec![key.to_string(), value];
    let or_dash = |value: &Option<String>| value.clone().unwrap_or("-".into());
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
        row("recipe", words(&adapter.recipe)),
        row("scores", words(&adapter.scores)),
    ]
}

/// What is known, as `key value, key value`; `-` where nothing is.
fn words(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::Bool(_) => value.to_string(),
        Value::String(text) => text.clone(),
        // A loss has no more digits than these.
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => ((float * 1e4).round() / 1e4).to_string(),
            _ => number.to_string(),
        },
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            let known = fields.iter().filter(|(_, value)| !value.is_null());
            known.map(|(key, value)| format!("{key} {}", words(value))).collect::<Vec<_>>().join(", ")
        }
    };
    if text.is_empty() { "-".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_words() {
        let recipe = json!({ "rank": 16, "layers": null, "targets": ["attn_q", "ffn_up"], "clip": 0.5 });
        assert_eq!(words(&recipe), "rank 16, targets attn_q ffn_up, clip 0.5");
        assert_eq!(words(&json!({ "valid_loss": 0.75991311 })), "valid_loss 0.7599");
        assert_eq!(words(&json!({ "imported": { "format": "mlx" } })), "imported format mlx");
        assert_eq!((words(&Value::Null), words(&json!({}))), ("-".into(), "-".into()));
    }
}
