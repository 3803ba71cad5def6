//! `hone list`: the models on disk.

use crate::config::App;
use crate::flags::List;
use crate::output::{self, bytes};
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &List) -> anyhow::Result<ExitCode> {
    let models = app.library()?.list()?;
    let chosen = |name: &str| app.config.model.as_deref() == Some(name);
    if flags.json {
        let with_choice = |m: &hub::Installed| {
            let mut value = serde_json::to_value(m)?;
            value["chosen"] = chosen(&m.name).into();
            Ok(value)
        };
        output::print_json(&models.iter().map(with_choice).collect::<anyhow::Result<Vec<_>>>()?)?;
    } else if models.is_empty() {
        eprintln!("There is no model yet. Run: hone pull {}", hub::catalog::STARTER);
    } else {
        let mut rows = vec![["", "NAME", "KIND", "SIZE", "LICENCE", "FROM"].map(String::from).to_vec()];
        for m in &models {
            let mark = if chosen(&m.name) { "*" } else { "" };
            let license = m.license.clone().unwrap_or_else(|| "?".into());
            rows.push(vec![
                mark.into(),
                m.name.clone(),
                m.kind.name().into(),
                bytes(m.bytes),
                license,
                m.source.clone(),
            ]);
        }
        output::print(&output::table(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}
