//! Settings as the web UI sees and changes them. What the user has written beside them in the file stays.

use crate::config::{App, Config, replace};
use server::{ProgramError, SettingsEdit, SettingsObject};
use std::path::Path;
use toml_edit::{DocumentMut, Item, Table, value};

pub(super) fn show(app: &App, offline: bool) -> SettingsObject {
    let config = &app.config;
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let remote = config.remote.as_ref();
    let names = ["TAVILY_API_KEY", "SEARXNG_URL", "HONE_API_KEY", "HONE_OFFLINE"];
    SettingsObject {
        file: app.home.join("config.toml").display().to_string(),
        offline,
        providers: config.web.order(),
        tavily_key: set("TAVILY_API_KEY") || config.web.tavily_key.is_some(),
        tavily_keyless: config.web.tavily_keyless,
        searxng_url: std::env::var("SEARXNG_URL").ok().or_else(|| config.web.searxng_url.clone()),
        from_environment: names.into_iter().filter(|name| set(name)).map(str::to_owned).collect(),
        remote_url: remote.map(|remote| remote.url.clone()),
        remote_model: remote.map(|remote| remote.model.clone()),
        remote_key: remote.is_some_and(|remote| remote.key.is_some()),
        system: config.system.clone(),
        temperature: config.temperature,
        max_tokens: config.max_tokens,
        context: config.context,
        threads: config.threads,
        learn_schedule: config.learn.schedule.map(|schedule| schedule.name().to_owned()),
        learn_from_hour: config.learn.from_hour,
        learn_to_hour: config.learn.to_hour,
        learn_idle_minutes: config.learn.idle_minutes,
    }
}

/// Changes the file at `path`: all of it, or nothing where a setting has no meaning.
pub(super) fn change(path: &Path, edit: SettingsEdit) -> Result<(), ProgramError> {
    check(&edit)?;
    let read =
        |error: std::io::Error| ProgramError::Failed(format!("cannot read {}: {error}", path.display()));
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.map_err(read)?,
    };
    let broken = |error: String| ProgramError::Failed(format!("{} is not valid: {error}", path.display()));
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| broken(error.to_string()))?;
    apply(&mut document, edit);
    let text = document.to_string();
    let config = toml::from_str::<Config>(&text).map_err(|error| invalid("settings", error.to_string()))?;
    config.learn.check().map_err(|wrong| invalid(&format!("learn_{}", wrong.name), wrong.to_string()))?;
    replace(path, &text)
        .map_err(|error| ProgramError::Failed(format!("cannot write {}: {error}", path.display())))
}

fn check(edit: &SettingsEdit) -> Result<(), ProgramError> {
    for (field, url) in [("searxng_url", &edit.searxng_url), ("remote_url", &edit.remote_url)] {
        let http = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if url.as_ref().is_some_and(|url| !url.is_empty() && !http(url)) {
            return Err(invalid(field, format!("{field} begins with http:// or https://")));
        }
    }
    if let Some(url) = edit.remote_url.as_deref().filter(|url| !url.is_empty()) {
        let key = edit.remote_key.as_deref().filter(|key| !key.is_empty());
        remote::Endpoint::new(url, key).map_err(|error| invalid("remote_url", error.to_string()))?;
    }
    let known = |name: &String| name == "tavily" || name == "searxng";
    match edit {
        SettingsEdit { providers: Some(names), .. } if !names.iter().all(known) => {
            Err(invalid("providers", "there are tavily and searxng"))
        }
        SettingsEdit { temperature: Some(t), .. } if *t > 2.0 || t.is_nan() => {
            Err(invalid("temperature", "temperature is between 0 and 2"))
        }
        SettingsEdit { remote_url: Some(url), remote_model: None, .. } if !url.is_empty() => {
            Err(invalid("remote_model", "say which model answers there"))
        }
        SettingsEdit { learn_schedule: Some(when), .. } if !["", "night", "idle"].contains(&&**when) => {
            Err(invalid("learn_schedule", "hone learns at `night`, when it is `idle`, or not (empty)"))
        }
        SettingsEdit { context: Some(1..256), .. } => {
            Err(invalid("context", "a context has at least 256 tokens"))
        }
        _ => Ok(()),
    }
}

fn apply(document: &mut DocumentMut, edit: SettingsEdit) {
    let root = document.as_table_mut();
    put(root, "system", edit.system.map(|text| some(text, String::is_empty)));
    put(root, "temperature", edit.temperature.map(|t| some(round(t), |t| *t < 0.0)));
    for (name, number) in
        [("max_tokens", edit.max_tokens), ("context", edit.context), ("threads", edit.threads)]
    {
        put(root, name, number.map(|n| some(i64::from(n), |n| *n == 0)));
    }
    let web = table(root, "web");
    if let Some(names) = edit.providers {
        web["providers"] = value(names.into_iter().collect::<toml_edit::Array>());
    }
    put(web, "tavily_key", edit.tavily_key.map(|text| some(text, String::is_empty)));
    put(web, "tavily_keyless", edit.tavily_keyless.map(Some));
    put(web, "searxng_url", edit.searxng_url.map(|text| some(text, String::is_empty)));
    if root["web"].as_table().is_some_and(Table::is_empty) {
        root.remove("web");
    }
    let learn = table(root, "learn");
    put(learn, "schedule", edit.learn_schedule.map(|when| some(when, String::is_empty)));
    for (name, number) in [
        ("from_hour", edit.learn_from_hour),
        ("to_hour", edit.learn_to_hour),
        ("idle_minutes", edit.learn_idle_minutes),
    ] {
        put(learn, name, number.map(|n| Some(i64::from(n))));
    }
    if root["learn"].as_table().is_some_and(Table::is_empty) {
        root.remove("learn");
    }
    match edit.remote_url {
        Some(url) if url.is_empty() => drop(root.remove("remote")),
        Some(url) => {
            let remote = table(root, "remote");
            // A key belongs to one address.
            if remote.get("url").and_then(Item::as_str) != Some(&url) {
                remote.remove("key");
            }
            remote["url"] = value(url);
        }
        None => {}
    }
    if let Some(remote) = root.get_mut("remote").and_then(Item::as_table_mut) {
        put(remote, "model", edit.remote_model.map(|text| some(text, String::is_empty)));
        put(remote, "key", edit.remote_key.map(|text| some(text, String::is_empty)));
    }
}

/// `Some(None)` takes a setting away.
fn put(table: &mut Table, name: &str, new: Option<Option<impl Into<toml_edit::Value>>>) {
    match new {
        Some(Some(new)) => table[name] = value(new),
        Some(None) => drop(table.remove(name)),
        None => {}
    }
}

fn some<T>(new: T, is_none: impl Fn(&T) -> bool) -> Option<T> {
    (!is_none(&new)).then_some(new)
}

/// 0.7, not 0.699999988079071.
fn round(number: f32) -> f64 {
    (f64::from(number) * 1000.0).round() / 1000.0
}

fn table<'t>(root: &'t mut Table, name: &str) -> &'t mut Table {
    if !root.get(name).is_some_and(Item::is_table) {
        root.insert(name, Item::Table(Table::new()));
    }
    root[name].as_table_mut().expect("it was just made one")
}

fn invalid(field: &str, message: impl Into<String>) -> ProgramError {
    ProgramError::Invalid { field: field.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(before: &str, edit: SettingsEdit) -> Result<String, ProgramError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, before).unwrap();
        let done = change(&path, edit);
        let now = std::fs::read_to_string(&path).unwrap();
        match done {
            Ok(()) => Ok(now),
            Err(error) => {
                assert_eq!(now, before, "what fails changes nothing");
                Err(error)
            }
        }
    }

    #[test]
    fn a_change_keeps_the_rest_of_the_file() {
        let edit =
            SettingsEdit { temperature: Some(0.7), tavily_key: Some("k".into()), ..Default::default() };
        let text = after("# mine\nport = 80 # low\n", edit).unwrap();
        assert_eq!(text, "# mine\nport = 80 # low\ntemperature = 0.7\n\n[web]\ntavily_key = \"k\"\n");
        let edit =
            SettingsEdit { temperature: Some(-1.0), tavily_key: Some(String::new()), ..Default::default() };
        assert_eq!(after(&text, edit).unwrap(), "# mine\nport = 80 # low\n");
    }

    #[test]
    fn the_night_is_the_users() {
        let edit = SettingsEdit {
            learn_schedule: Some("night".into()),
            learn_from_hour: Some(22),
            ..Default::default()
        };
        let text = after("", edit).unwrap();
        assert_eq!(text, "[learn]\nschedule = \"night\"\nfrom_hour = 22\n");
        let off = SettingsEdit { learn_schedule: Some(String::new()), ..Default::default() };
        assert_eq!(after(&text, off).unwrap(), "[learn]\nfrom_hour = 22\n");
    }

    #[test]
    fn another_address_takes_the_key_away() {
        let before = "[remote]\nurl = \"http://a/v1\"\nmodel = \"m\"\nkey = \"secret\"\n";
        let edit = |url: &str| SettingsEdit {
            remote_url: Some(url.into()),
            remote_model: Some("m".into()),
            ..Default::default()
        };
        assert!(after(before, edit("http://a/v1")).unwrap().contains("secret"));
        assert!(!after(before, edit("http://b/v1")).unwrap().contains("secret"));
        assert_eq!(after(before, edit("")).unwrap(), "");
    }

    #[test]
    fn what_has_no_meaning_changes_nothing() {
        let wrong = [
            SettingsEdit { providers: Some(vec!["other".into()]), ..Default::default() },
            SettingsEdit { remote_url: Some("file:///etc".into()), ..Default::default() },
            SettingsEdit { remote_url: Some("http://a/v1".into()), ..Default::default() },
            SettingsEdit { temperature: Some(3.0), ..Default::default() },
            SettingsEdit { context: Some(3), ..Default::default() },
            SettingsEdit { learn_from_hour: Some(24), ..Default::default() },
            SettingsEdit { learn_from_hour: Some(6), ..Default::default() }, // the night ends then
            SettingsEdit { learn_idle_minutes: Some(0), ..Default::default() },
        ];
        for edit in wrong {
            let error = after("port = 80\n", edit.clone()).unwrap_err();
            assert!(matches!(error, ProgramError::Invalid { .. }), "{edit:?}: {error}");
        }
    }
}
