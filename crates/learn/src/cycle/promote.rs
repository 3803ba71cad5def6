//! How a decision is made to last, such that a killed process leaves exactly one adapter in use and is gone on with.
//!
//! In this order, each step whole or not at all: the adapter comes into the library with its report; the store notes its
//! conversations; it is put in use, by one rename; the state says what was learned; the run is marked as done. The library
//! takes one adapter of a run, and all other steps may be done twice.

use super::settings::{Cycle, Outcome};
use super::{CycleError, Divided, State};
use crate::adapters::{Library, Manifest};
use crate::gate::{Decision, Judgement, Report};
use crate::train::{Ending, Folder};
use engine::adapter::Loaded;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{By, Id};

/// What is promoted.
pub(super) struct Promotion<'a> {
    pub(super) ending: Ending,
    pub(super) report: Report,
    /// The adapter as it was judged.
    pub(super) part: &'a Arc<Loaded>,
    pub(super) divided: &'a Divided,
}

/// Puts a candidate in use.
pub(super) fn promote(
    cycle: &Cycle<'_>,
    promotion: Promotion<'_>,
    state: &mut State,
) -> Result<Outcome, CycleError> {
    let Promotion { ending, report, part, divided } = promotion;
    let files = vec![("report.json", as_json(&report)), ("report.txt", report.text().into_bytes())];
    let scores = scores(&report);
    let manifest = ending.add(cycle.home, part.adapter(), scores, files)?;
    finish(cycle, &manifest, &report, divided, state)?;
    ending.finish()?;
    outcome(cycle, manifest, report)
}

/// What is left of a promotion that a killed process had begun, where there is one.
pub(super) fn go_on(
    cycle: &Cycle<'_>,
    divided: &Divided,
    state: &mut State,
) -> Result<Option<Outcome>, CycleError> {
    let library = Library::open(cycle.home)?;
    for (folder, info) in Folder::unfinished(cycle.home) {
        if !info.learn || info.base.sha256 != cycle.base.sha256 {
            continue;
        }
        let added = library.list()?.into_iter().find(|manifest| manifest.run.as_ref() == Some(&info.id));
        let Some(manifest) = added else { continue };
        let report =
            library.beside(&manifest, "report.json").and_then(|text| serde_json::from_slice(&text).ok());
        let Some(report): Option<Report> = report else { continue };
        // What is learned from may have changed since: then the state is not that of this adapter, and it says less.
        finish(cycle, &manifest, &report, divided, state)?;
        folder.finish(&info)?;
        return Ok(Some(outcome(cycle, manifest, report)?));
    }
    Ok(None)
}

/// Writes down that nothing was promoted, and why.
pub(super) fn keep_none(
    cycle: &Cycle<'_>,
    ending: Ending,
    report: Report,
    judgement: Judgement,
    divided: &Divided,
    state: &mut State,
) -> Result<Outcome, CycleError> {
    let folder = ending.folder().clone();
    folder.replace("report.json", &as_json(&report))?;
    folder.replace("report.txt", report.text().as_bytes())?;
    let held = report.decision == Decision::Hold;
    state.not_promoted(divided, held.then_some(judgement.evidence));
    state.write(cycle.home, &cycle.base.sha256)?;
    if cycle.options.anew {
        // What is in use has learned what shall be forgotten.
        Library::open(cycle.home)?.use_base(&cycle.base.sha256)?;
    }
    ending.finish()?;
    let path = folder.path().join("report.json");
    Ok(Outcome { decision: report.decision, adapter: None, report, path })
}

/// The steps after the adapter is in the library.
fn finish(
    cycle: &Cycle<'_>,
    manifest: &Manifest,
    report: &Report,
    divided: &Divided,
    state: &mut State,
) -> Result<(), CycleError> {
    if let Some(store) = cycle.store {
        let chats: Vec<Id> = report.chats.iter().filter_map(|chat| chat.parse().ok()).collect();
        let detail = json!({ "run": manifest.run });
        store.adapters().add(&manifest.id, &manifest.name, &manifest.base.sha256, detail, &chats)?;
    }
    Library::open(cycle.home)?.use_(manifest)?;
    if let Some(store) = cycle.store {
        let entry = json!({ "adapter": manifest.id, "run": manifest.run });
        store.by(By::Learn).audit().note("adapter promoted", entry);
    }
    state.promoted(divided);
    state.write(cycle.home, &cycle.base.sha256)
}

fn outcome(cycle: &Cycle<'_>, manifest: Manifest, report: Report) -> Result<Outcome, CycleError> {
    let library = Library::open(cycle.home)?;
    let path = library.path(&manifest).with_file_name("report.json");
    Ok(Outcome { decision: Decision::Promote, adapter: Some(manifest), report, path })
}

fn as_json(report: &Report) -> Vec<u8> {
    serde_json::to_vec_pretty(report).expect("texts and numbers are JSON")
}

/// What the adapter's manifest says.
fn scores(report: &Report) -> Value {
    json!({
        "decision": report.decision,
        "scale": report.scale,
        "examples": report.learned,
        "first_loss": report.losses.first(),
        "loss": report.losses.last(),
    })
}
