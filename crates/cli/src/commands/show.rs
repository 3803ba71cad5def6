//! `hone show`: one model in detail.

use crate::config::App;
use crate::flags::Show;
use crate::output::{self, bytes};
use crate::{loading, output::table};
use anyhow::anyhow;
use engine::ModelInfo;
use hub::{Installed, catalog::Kind};
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &Show) -> anyhow::Result<ExitCode> {
    let name = flags.name.as_deref().or(app.config.model.as_deref());
    let name =
        name.ok_or_else(|| anyhow!("no model is chosen: run `hone pull {}`", hub::catalog::STARTER))?;
    let file = app.library()?.get(name)?;
    if file.kind == Kind::Embedding {
        return show_embedding(&file, flags.json);
    }
    let model = loading::open(&file.path)?;
    if flags.json {
        output::print_json(&as_json(&file, &model.info)?)?;
    } else {
        output::print(&as_table(&file, &model.info))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(file: &Installed, info: &ModelInfo) -> anyhow::Result<serde_json::Value> {
    let mut value = serde_json::to_value(file)?;
    value["architecture"] = info.architecture.clone().into();
    value["parameters"] = info.parameters.into();
    value["quantisation"] = info.quantisation.clone().into();
    value["context_length"] = info.context_length.into();
    value["layers"] = info.layers.into();
    value["embedding_length"] = info.embedding_length.into();
    value["vocab_size"] = info.vocab_size.into();
    Ok(value)
}

fn show_embedding(file: &Installed, json: bool) -> anyhow::Result<ExitCode> {
    let encoder = loading::open_encoder(file, Default::default())?;
    let (dims, window) = (encoder.dims(), encoder.window());
    if json {
        let mut value = serde_json::to_value(file)?;
        value["embedding_length"] = dims.into();
        value["context_length"] = window.into();
        output::print_json(&value)?;
    } else {
        let mut rows = about(file);
        rows.push(vec!["vectors".into(), format!("of {dims} numbers, of texts of up to {window} tokens")]);
        output::print(&table(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_table(file: &Installed, info: &ModelInfo) -> String {
    let mut rows = about(file);
    rows.extend([
        row("architecture", info.architecture.clone()),
        row("parameters", format!("{:.0} million", info.parameters as f64 / 1e6)),
        row("quantisation", info.quantisation.clone()),
        row("context", format!("{} tokens", info.context_length)),
        row("layers", format!("{} of width {}", info.layers, info.embedding_length)),
        row("vocabulary", format!("{} tokens", info.vocab_size)),
    ]);
    table(&rows)
}

/// What is known of a model without opening it.
fn about(file: &Installed) -> Vec<Vec<String>> {
    vec![
        row("name", file.name.clone()),
        row("kind", file.kind.name().to_owned()),
        row("file", file.path.display().to_string()),
        row("size", bytes(file.bytes)),
        row("from", file.source.clone()),
        row("sha256", file.sha256.clone()),
        row("licence", file.license.clone().unwrap_or_else(|| "not stated".into())),
    ]
}

fn row(key: &str, value: String) -> Vec<String> {
    vec![key.to_owned(), value]
}
