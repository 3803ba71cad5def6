//! `hone rules …`: what hone was taught.

mod list;

use crate::config::App;
use crate::flags::{Rules, RulesCommand, ScopeFlags};
use crate::output::{self, Usage, harmless};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::{Rule, Scope, Store};

pub(crate) fn run(app: &App, flags: &Rules) -> anyhow::Result<ExitCode> {
    let store = app.store()?;
    match &flags.command {
        RulesCommand::List(flags) => list::run(&store, flags)?,
        RulesCommand::Edit(flags) => {
            let rule = store.rules().find(&flags.id)?;
            let text = Some(flags.text.join(" ")).filter(|text| !text.is_empty());
            let scope = match (flags.everywhere, scope(&flags.scope)?) {
                (true, _) => Some(Scope::default()),
                (false, scope) => Some(scope).filter(|scope| *scope != Scope::default()),
            };
            if text.is_none() && scope.is_none() {
                bail!(Usage("give the new text, --project, --files or --everywhere".into()));
            }
            said(&store.rules().edit(rule.id, text.as_deref(), scope)?, "changed", flags.json)?;
        }
        RulesCommand::Rm(flags) => {
            let rules: Vec<Rule> =
                flags.ids.iter().map(|id| store.rules().find(id)).collect::<Result<_, _>>()?;
            for rule in rules {
                store.rules().remove(rule.id)?;
                output::print(&format!("forgotten: {}\n", harmless(&rule.text)))?;
            }
        }
        RulesCommand::Accept(flags) => accept(&store, flags)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn accept(store: &Store, flags: &crate::flags::RulesAccept) -> anyhow::Result<()> {
    let rule = store.rules().find(&flags.id)?;
    let old = flags.replace.as_deref().map(|id| store.rules().find(id)).transpose()?;
    if old.as_ref().is_some_and(|old| old.id == rule.id) {
        bail!(Usage("a rule cannot take its own place".into()));
    }
    let rule = store.rules().accept(rule.id, old.map(|old| old.id))?;
    said(&rule, "it holds", flags.json)
}

fn said(rule: &Rule, word: &str, json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_json(rule);
    }
    Ok(output::print(&format!("{word}: {} {}\n", rule.id.short(), harmless(&rule.text)))?)
}

/// What `--project` and `--files` say.
pub(crate) fn scope(flags: &ScopeFlags) -> anyhow::Result<Scope> {
    let project = match &flags.project {
        None => None,
        Some(None) => Some(project()?.context("this folder belongs to no project")?),
        Some(Some(path)) => {
            let wrong = |why: String| Usage(format!("--project {}: {why}", path.display()));
            let folder = path.canonicalize().ok().filter(|folder| folder.is_dir());
            let folder =
                folder.ok_or_else(|| wrong("there is no such folder; the rule goes before it".into()))?;
            Some(project_of(&folder).ok_or_else(|| wrong("this folder belongs to no project".into()))?)
        }
    };
    if let Some(pattern) = &flags.files {
        knowledge::rules::check_pattern(pattern).map_err(|why| Usage(format!("--files {pattern}: {why}")))?;
    }
    let project = project.map(|folder| folder.to_string_lossy().into_owned());
    Ok(Scope { project, files: flags.files.clone() })
}

/// The project that the current folder belongs to.
pub(crate) fn project() -> anyhow::Result<Option<PathBuf>> {
    Ok(project_of(&std::env::current_dir()?))
}

/// The nearest folder with `.git` or `.hone`, or the folder itself; none where that is the user's own or `/`.
fn project_of(here: &Path) -> Option<PathBuf> {
    let home = std::env::home_dir();
    let is_project = |folder: &&Path| {
        let own = home.as_deref() == Some(*folder); // ~/.hone is no project
        !own && (folder.join(".git").exists() || folder.join(".hone").is_dir())
    };
    let found = here.ancestors().find(is_project).unwrap_or(here);
    Some(found.to_path_buf()).filter(|folder| folder.parent().is_some() && home.as_ref() != Some(folder))
}
