//! What `hone bench` prints.

use super::job::{Job, Run, median};
use crate::flags::Bench;
use crate::output::{bytes, table};
use anyhow::Context;
use engine::{Engine, EngineOptions};
use serde::Serialize;

/// What is printed. Speeds are medians of the runs and totals of the sequences.
#[derive(Serialize)]
pub(super) struct Report {
    model: String,
    architecture: String,
    quantisation: String,
    device: String,
    version: &'static str,
    prompt_tokens: usize,
    gen_tokens: usize,
    parallel: u32,
    repeat: u32,
    prefill_tps: f64,
    decode_tps: Option<f64>,
    first_token_ms: f64,
    peak_rss_bytes: u64,
    file_bytes: u64,
    kv_bytes: u64,
    limits: Limits,
    share: Share,
}

/// What this machine can do at most, measured now.
#[derive(Serialize)]
struct Limits {
    int8_gmacs: f64,
    memory_gbs: f64,
}

/// How much of it was reached, 0 to 1: of the int8 rate in prefill, of the memory in decode. A model that fits into
/// the processor's cache can read faster than memory.
#[derive(Serialize)]
struct Share {
    prefill: f64,
    decode: Option<f64>,
}

impl Report {
    /// Ends the engine, whose threads would take part in measuring the limits.
    pub(super) fn new(
        name: String,
        engine: Engine,
        job: Job,
        flags: &Bench,
        runs: &[Run],
    ) -> anyhow::Result<Report> {
        // The limits need buffers of their own: memory is looked at first.
        let (peak_rss_bytes, kv_bytes) = (peak_rss(), kv_bytes(&engine));
        let (model, device) = (engine.model().clone(), engine.device());
        drop(engine);
        let limits = limits(flags)?;

        let middle = |f: fn(&Run) -> f64| median(runs.iter().map(f).collect());
        let decodes: Option<Vec<f64>> = runs.iter().map(|r| r.decode_tps).collect();
        let (prefill_tps, decode_tps) = (middle(|r| r.prefill_tps), decodes.map(median));
        let work = model.work();
        let share = Share {
            prefill: prefill_tps * work.prompt_macs as f64 / (limits.int8_gmacs * 1e9),
            decode: decode_tps.map(|tps| {
                let steps = tps / f64::from(flags.parallel);
                steps * work.weight_bytes as f64 / (limits.memory_gbs * 1e9)
            }),
        };
        Ok(Report {
            model: name,
            architecture: model.info.architecture.clone(),
            quantisation: model.info.quantisation.clone(),
            device,
            version: env!("CARGO_PKG_VERSION"),
            prompt_tokens: job.prompt,
            gen_tokens: job.answer,
            parallel: flags.parallel,
            repeat: flags.repeat,
            prefill_tps,
            decode_tps,
            first_token_ms: middle(|r| r.first_token_ms),
            peak_rss_bytes,
            file_bytes: model.info.file_bytes,
            kv_bytes,
            limits,
            share,
        })
    }

    pub(super) fn as_table(&self) -> String {
        let row = |name: &str, value: String| vec![name.to_string(), value];
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let prefill = percent(self.share.prefill);
        let decode = self.decode_tps.zip(self.share.decode);
        let decode =
            decode.map(|(tps, share)| format!("{tps:.1} tokens/s, {} of the memory limit", percent(share)));
        let (peak, file, kv) = (bytes(self.peak_rss_bytes), bytes(self.file_bytes), bytes(self.kv_bytes));
        let (gmacs, gbs) = (self.limits.int8_gmacs, self.limits.memory_gbs);
        table(&[
            row("model", format!("{} ({} {})", self.model, self.architecture, self.quantisation)),
            row("device", self.device.clone()),
            row("prefill", format!("{:.1} tokens/s, {prefill} of the int8 limit", self.prefill_tps)),
            row("decode", decode.unwrap_or_else(|| "not measured".into())),
            row("first token", format!("{:.1} ms", self.first_token_ms)),
            row("peak memory", format!("{peak} (file {file}, cache {kv})")),
            row("limits", format!("{gmacs:.0} GMAC/s int8, {gbs:.1} GB/s from memory")),
        ])
    }
}

/// With the threads that were asked for, or all.
fn limits(flags: &Bench) -> anyhow::Result<Limits> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = flags.model.threads.map_or(all, |n| n as usize);
    let limits = kernels::limits::measure(threads).context("cannot measure the limits of this machine")?;
    Ok(Limits { int8_gmacs: limits.int8_gmacs, memory_gbs: limits.memory_gbs })
}

/// Bytes of the cache blocks that hold something.
fn kv_bytes(engine: &Engine) -> u64 {
    let stats = engine.stats();
    let block = engine.model().kv_shape(EngineOptions::default().kv_format).block_bytes();
    ((stats.used_blocks + stats.cached_blocks) * block) as u64
}

/// The most memory that this process has held: the kernel's record on Linux, elsewhere what it holds now,
/// which at the end of a run is everything that was mapped.
pub(crate) fn peak_rss() -> u64 {
    if let Ok(status) = std::fs::read_to_string("/proc/self/status")
        && let Some(kib) = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))
    {
        return kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024;
    }
    let (Ok(mut system), Ok(pid)) = (sysinfo::System::new(), sysinfo::get_current_pid()) else { return 0 };
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), false);
    system.process(pid).map_or(0, sysinfo::Process::memory)
}
