//! `hone rules list`.

use crate::flags::RulesList;
use crate::output::{self, harmless};
use serde_json::json;
use store::{Rule, RuleState, Scope, Store};

pub(super) fn run(store: &Store, flags: &RulesList) -> anyhow::Result<()> {
    let states: &[RuleState] = if flags.all { &[] } else { &[RuleState::Active, RuleState::Draft] };
    let rules = store.rules().list(states)?;
    let project = super::project()?;
    let brought = project.as_deref().map(knowledge::rules::of_project).unwrap_or_default();
    if flags.json {
        return output::print_json(&json!({ "rules": rules, "project": brought }));
    }
    if rules.is_empty() {
        eprintln!("no rules yet; hone remember TEXT teaches one");
    } else {
        let mut rows = vec![["ID", "STATE", "WHERE", "RULE"].map(String::from).to_vec()];
        rows.extend(rules.iter().map(row));
        output::print(&output::table(&rows))?;
    }
    for rule in &brought {
        let first = harmless(rule.text.lines().next().unwrap_or_default());
        output::print(&format!("from the project, {}: {first} …\n", harmless(&rule.id)))?;
    }
    Ok(())
}

fn row(rule: &Rule) -> Vec<String> {
    let text = harmless(&rule.text).replace(['\n', '\t'], " ");
    vec![rule.id.short(), rule.state.to_string(), place(&rule.scope), text]
}

/// `everywhere`, or the project and the files.
fn place(scope: &Scope) -> String {
    let parts: Vec<&str> = [&scope.project, &scope.files].into_iter().flatten().map(String::as_str).collect();
    if parts.is_empty() { "everywhere".into() } else { harmless(&parts.join(" ")) }
}
