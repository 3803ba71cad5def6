//! `hone remember`: teaches a rule, and shows what it repeats or contradicts.

use crate::config::App;
use crate::flags::Remember;
use crate::output::{self, harmless};
use serde_json::json;
use std::process::ExitCode;
use store::{Likeness, NewRule, Resemblance, RuleState};

pub(crate) fn run(app: &App, flags: &Remember) -> anyhow::Result<ExitCode> {
    let store = app.store()?;
    let scope = super::rules::scope(&flags.scope)?;
    let text = flags.text.join(" ");
    let replaces = flags.replace.as_deref().map(|id| store.rules().find(id)).transpose()?.map(|rule| rule.id);
    let mut alike = store.rules().like(&text, &scope)?;
    alike.retain(|other| Some(other.rule.id) != replaces);
    let same = |other: &&Resemblance| {
        let active = other.rule.state == RuleState::Active;
        other.likeness == Likeness::Duplicate && other.rule.scope == scope && active && replaces.is_none()
    };
    if let Some(known) = alike.iter().find(same) {
        if flags.json {
            output::print_json(&json!({ "rule": known.rule, "new": false, "alike": alike }))?;
        } else {
            let (id, text) = (known.rule.id.short(), harmless(&known.rule.text));
            output::print(&format!("this is known already as {id}: {text}\n"))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let contradicts = alike.iter().any(|other| other.likeness == Likeness::Contradiction);
    let state = if contradicts { RuleState::Draft } else { RuleState::Active };
    let rule = store.rules().add(NewRule { scope, state, replaces, ..NewRule::typed(text) })?;
    if flags.json {
        output::print_json(&json!({ "rule": rule, "new": true, "alike": alike }))?;
        return Ok(ExitCode::SUCCESS);
    }
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
