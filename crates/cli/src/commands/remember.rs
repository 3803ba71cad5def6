//! `hone remember`: teaches a rule, and shows what it repeats or contradicts.

use crate::config::App;
use crate::flags::Remember;
use crate::output::{self, harmless};
use serde_json::json;
use std::process::ExitCode;
use store::{Likeness, NewRule, Remembered, Resemblance, RuleState};

pub(crate) fn run(app: &App, flags: &Remember) -> anyhow::Result<ExitCode> {
    let store = app.store()?;
    let scope = super::rules::scope(&flags.scope)?;
    let text = flags.text.join(" ");
    let replaces = flags.replace.as_deref().map(|id| store.rules().find(id)).transpose()?.map(|rule| rule.id);
    let new = NewRule { scope, replaces, ..NewRule::typed(text) };
    let Remembered { rule, new, alike } = store.rules().remember(new)?;
    if flags.json {
        return output::print_json(&json!({ "rule": rule, "new": new, "alike": alike }))
            .map(|()| ExitCode::SUCCESS);
    }
    if !new {
        let text = harmless(&rule.text);
        output::print(&format!("this is known already as {}: {text}\n", rule.id.short()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let contradicts = rule.state == RuleState::Draft;
    let id = rule.id.short();
    output::print(&format!("{}: {id}\n", if contradicts { "kept as a draft" } else { "remembered" }))?;
    for Resemblance { rule, likeness, why } in &alike {
        let word = match likeness {
            Likeness::Duplicate => "the same as",
            Likeness::Near => "much like",
            Likeness::Contradiction => "it contradicts",
        };
        eprintln!("  {word} {}: {} ({})", rule.id.short(), harmless(&rule.text), harmless(why));
    }
    if let Some(other) = alike.iter().find(|other| other.likeness == Likeness::Contradiction) {
        let old = other.rule.id.short();
        eprintln!("  hone rules accept {id} --replace {old}  lets the new one win");
        eprintln!("  hone rules accept {id}  lets both hold");
    }
    Ok(ExitCode::SUCCESS)
}
