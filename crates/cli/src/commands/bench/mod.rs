//! `hone bench`: speed and memory of a model on this machine, and the share of the machine's limits.

mod adapters;
mod gate;
mod intent;
mod job;
mod report;
mod train;

pub(crate) use report::peak_rss;

use crate::config::App;
use crate::flags::Bench;
use crate::{loading, output};
use engine::EngineOptions;
use job::Job;
use report::Report;
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &Bench) -> anyhow::Result<ExitCode> {
    if flags.intent {
        intent::run(app, flags.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if flags.adapters {
        return adapters::run(app, flags);
    }
    if flags.gate.is_some() {
        return gate::run(app, flags);
    }
    let chosen = loading::choose(app, flags.model.model.as_deref())?;
    let job = Job { prompt: flags.prompt_tokens as usize, answer: flags.gen_tokens as usize };
    if flags.train {
        train::run(chosen, loading::options(app, &flags.model), flags)?;
        return Ok(ExitCode::SUCCESS);
    }
    let engine = loading::load(&chosen, options(app, flags, job))?;

    // The first run maps the file and fills the caches of the processor.
    Job { prompt: job.prompt.min(64), answer: job.answer.min(2) }.run(&engine, 1, 0)?;
    let mut runs = Vec::new();
    for seed in 1..=u64::from(flags.repeat) {
        runs.push(job.run(&engine, flags.parallel as usize, seed)?);
        tracing::info!("run {seed} of {}: {:?}", flags.repeat, runs.last());
    }
    let report = Report::new(chosen.name, engine, job, flags, &runs)?;
    if flags.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.as_table())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn options(app: &App, flags: &Bench, job: Job) -> EngineOptions {
    let asked = loading::options(app, &flags.model);
    EngineOptions {
        context: Some(flags.model.context.map_or(job.prompt + job.answer, |n| n as usize)),
        sequences: flags.parallel as usize,
        ..asked
    }
}
