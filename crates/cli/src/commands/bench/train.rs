//! `hone bench --train`: speed and memory of training, beside the model's own prefill.

use super::job::{Job, median, random_tokens};
use super::report::peak_rss;
use crate::flags::Bench;
use crate::loading::{self, Chosen};
use crate::output::{bytes, print, print_json, table};
use engine::adapter::{Adapter, Shape, Target};
use engine::train::{Example, Options, Pack, Trainer};
use engine::{Engine, EngineOptions, Model};
use learn::train::{Recipe, Tokens, steps_per_epoch};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

#[derive(Serialize)]
struct Report {
    model: String,
    seq: u32,
    rank: u32,
    train_tps: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    train_examples_per_second: Option<f64>,
    train_peak_rss_bytes: u64,
    prefill_tps: f64,
    share_of_prefill: f64,
}

pub(super) fn run(chosen: Chosen, options: EngineOptions, flags: &Bench) -> anyhow::Result<()> {
    let model = loading::open(&chosen.path)?;
    let (train_tps, train_examples_per_second) = speed(&model, options.threads, flags)?;
    // Before the engine, whose cache would be counted too.
    let train_peak_rss_bytes = peak_rss();
    let prefill_tps = prefill(model, options, flags)?;
    let report = Report {
        model: chosen.name,
        seq: flags.seq,
        rank: flags.rank,
        train_tps,
        train_examples_per_second,
        train_peak_rss_bytes,
        prefill_tps,
        share_of_prefill: train_tps / prefill_tps,
    };
    if flags.json { print_json(&report) } else { Ok(print(&report.as_table())?) }
}

/// Tokens a second, and with data examples a second.
fn speed(model: &Arc<Model>, threads: Option<usize>, flags: &Bench) -> anyhow::Result<(f64, Option<f64>)> {
    let device = engine::train::cpu(threads)?;
    let layers = 0..model.config().layers;
    let shape = Shape { rank: flags.rank as usize, scale: 2.0, layers, targets: Target::ALL.to_vec() };
    let adapter = Adapter::init(model.config(), &shape, 0);
    // As a run would: where the memory does not hold all layers, they are computed again.
    let needed = engine::train::memory_needed(model, &adapter, flags.seq as usize, false);
    let recompute = engine::train::available_memory().is_some_and(|available| needed > available / 2);
    let mut trainer =
        Trainer::new(model.clone(), device, adapter, Options { recompute, ..Options::default() })?;
    let mut step = |packs: &[Pack]| -> anyhow::Result<f64> {
        let began = Instant::now();
        for pack in packs {
            trainer.accumulate(pack, &mut || false)?;
        }
        trainer.update(1e-4, 1.0);
        Ok(began.elapsed().as_secs_f64())
    };
    let Some(path) = &flags.data else {
        let pack = |seed: u64| Pack::new([&Example::all(random_tokens(model, flags.seq as usize + 1, seed))]);
        step(&[pack(0)])?;
        let times: Vec<f64> =
            (1..=u64::from(flags.repeat)).map(|seed| step(&[pack(seed)])).collect::<anyhow::Result<_>>()?;
        return Ok((f64::from(flags.seq) / median(times), None));
    };
    let (examples, _) = learn::dataset::read(path)?;
    let recipe = Recipe { max_seq: flags.seq as usize, ..Recipe::default() };
    let tokens = Tokens::new(model, &examples, &recipe)?.examples;
    anyhow::ensure!(!tokens.is_empty(), "{} has nothing to learn from", path.display());
    let (per_step, count) = (flags.accumulate as usize, tokens.len());
    let steps: Vec<Vec<Pack>> = (0..steps_per_epoch(count, per_step))
        .map(|step| learn::train::packs(&tokens, step, per_step, 0))
        .collect();
    step(&steps[0][..1])?;
    let began = Instant::now();
    for packs in &steps {
        step(packs)?;
    }
    let (seconds, rows) =
        (began.elapsed().as_secs_f64(), steps.iter().flatten().map(Pack::rows).sum::<usize>());
    Ok((rows as f64 / seconds, Some(count as f64 / seconds)))
}

fn prefill(model: Arc<Model>, options: EngineOptions, flags: &Bench) -> anyhow::Result<f64> {
    let job = Job { prompt: flags.seq as usize, answer: 1 };
    let options = EngineOptions { context: Some(job.prompt + job.answer), sequences: 1, ..options };
    let engine = Engine::start(model, options)?;
    job.run(&engine, 1, 0)?;
    let runs = (1..=u64::from(flags.repeat)).map(|seed| Ok(job.run(&engine, 1, seed)?.prefill_tps));
    Ok(median(runs.collect::<anyhow::Result<_>>()?))
}

impl Report {
    fn as_table(&self) -> String {
        let row = |name: &str, value: String| vec![name.to_string(), value];
        let share = 100.0 * self.share_of_prefill;
        let mut rows = vec![
            row("model", self.model.clone()),
            row("training", format!("{:.1} tokens/s, {share:.0} % of prefill", self.train_tps)),
            row("prefill", format!("{:.1} tokens/s", self.prefill_tps)),
            row("peak memory", bytes(self.train_peak_rss_bytes)),
        ];
        if let Some(speed) = self.train_examples_per_second {
            rows.insert(2, row("examples", format!("{speed:.2} a second")));
        }
        table(&rows)
    }
}
