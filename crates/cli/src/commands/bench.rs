//! `hone bench`: speed and memory of a model on this machine, and the share of the machine's limits.

use crate::config::App;
use crate::flags::Bench;
use crate::loading;
use crate::output::{self, bytes, table};
use anyhow::{Context, bail};
use engine::{Engine, EngineOptions, Event, Model, Request, Sampling};
use serde::Serialize;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Instant;

pub(crate) fn run(app: &App, flags: &Bench) -> anyhow::Result<ExitCode> {
    let chosen = loading::choose(app, flags.model.model.as_deref())?;
    let load = Job { prompt: flags.prompt_tokens as usize, answer: flags.gen_tokens as usize };
    let engine = loading::load(&chosen, options(app, flags, load))?;

    // The first run maps the file and fills the caches of the processor.
    Job { prompt: load.prompt.min(64), answer: load.answer.min(2) }.run(&engine, 1, 0)?;
    let mut runs = Vec::new();
    for seed in 1..=u64::from(flags.repeat) {
        runs.push(load.run(&engine, flags.parallel as usize, seed)?);
        tracing::info!("run {seed} of {}: {:?}", flags.repeat, runs.last());
    }
    // Limits are measured after the peak of memory has been read: their buffers are not the model's.
    let peak_rss_bytes = peak_rss();
    let report = Report::new(chosen.name, &engine, load, flags, &runs, peak_rss_bytes);
    if flags.json {
        output::print_json(&report)?
    } else {
        output::print(&report.as_table())?
    }
    Ok(ExitCode::SUCCESS)
}

fn options(app: &App, flags: &Bench, load: Job) -> EngineOptions {
    let needed = load.prompt + load.answer;
    let asked = loading::options(app, &flags.model);
    EngineOptions {
        context: Some(flags.model.context.map_or(needed, |n| n as usize)),
        sequences: flags.parallel as usize,
        ..asked
    }
}

/// What one sequence does.
#[derive(Clone, Copy)]
struct Job {
    prompt: usize,
    answer: usize,
}

/// What one run of all sequences took.
#[derive(Clone, Copy, Debug)]
struct Run {
    prefill_tps: f64,
    /// `None` where every answer has only one token.
    decode_tps: Option<f64>,
    first_token_ms: f64,
}

impl Job {
    /// Runs `parallel` of it at once. No two prompts are equal, so that none is found in the prefix cache.
    fn run(self, engine: &Engine, parallel: usize, seed: u64) -> anyhow::Result<Run> {
        let (send, heard) = mpsc::channel();
        let began = Instant::now();
        let mut tickets = Vec::new();
        for n in 0..parallel {
            let send = send.clone();
            let request = self.request(engine.model(), seed * 1000 + n as u64);
            // A listener that is gone has given up on this run.
            let listen = move |event| drop(send.send((n, Instant::now(), event)));
            tickets.push(engine.submit(request, listen)?);
        }
        drop(send);

        let mut tokens = vec![Vec::new(); parallel];
        for (n, at, event) in heard {
            match event {
                Event::Token { .. } => tokens[n].push((at - began).as_secs_f64()),
                Event::Failed(why) => bail!("the run failed: {why}"),
                Event::Prefill { .. } | Event::Done { .. } => {}
            }
        }
        self.measure(&tokens)
    }

    /// From the times at which each sequence had its tokens.
    fn measure(self, tokens: &[Vec<f64>]) -> anyhow::Result<Run> {
        let first = |t: &Vec<f64>| t.first().copied();
        let last = |t: &Vec<f64>| t.last().copied();
        let firsts: Option<Vec<f64>> = tokens.iter().map(first).collect();
        let lasts: Option<Vec<f64>> = tokens.iter().map(last).collect();
        let (firsts, lasts) = firsts.zip(lasts).context("a sequence gave no token")?;
        let all_started = firsts.iter().copied().fold(0.0, f64::max);
        // Decode is counted while every sequence decodes: none still in its prompt, none done.
        let first_done = lasts.iter().copied().fold(f64::INFINITY, f64::min);
        let during = |t: &&f64| **t > all_started && **t <= first_done;
        let decoded = tokens.iter().flatten().filter(during).count();
        Ok(Run {
            prefill_tps: (self.prompt * tokens.len()) as f64 / all_started,
            decode_tps: (decoded > 0).then(|| decoded as f64 / (first_done - all_started)),
            first_token_ms: median(firsts) * 1e3,
        })
    }

    fn request(self, model: &Model, seed: u64) -> Request {
        Request {
            prompt: random_tokens(model, self.prompt, seed),
            max_tokens: Some(self.answer),
            sampling: Sampling { temperature: 0.0, ..Sampling::default() },
            stop: Vec::new(),
            logprobs: None,
            ignore_eos: true,
        }
    }
}

/// Tokens of the vocabulary that are not control tokens, by a linear congruential generator.
fn random_tokens(model: &Model, count: usize, seed: u64) -> Vec<u32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let draws = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % model.info.vocab_size as u64) as u32
    });
    draws.filter(|id| !model.tokenizer.is_control(*id)).take(count).collect()
}

/// What is printed. Speeds are medians of the runs and totals of the sequences.
#[derive(Serialize)]
struct Report {
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
    limits: Option<Limits>,
    share: Option<Share>,
}

/// What this machine can do at most, measured now.
#[derive(Serialize)]
struct Limits {
    int8_gmacs: f64,
    memory_gbs: f64,
}

/// How much of it was reached, 0 to 1.
#[derive(Serialize)]
struct Share {
    prefill: f64,
    decode: Option<f64>,
}

impl Report {
    fn new(model: String, engine: &Engine, load: Job, flags: &Bench, runs: &[Run], peak: u64) -> Report {
        let info = &engine.model().info;
        let pick = |f: fn(&Run) -> Option<f64>| {
            let values: Vec<f64> = runs.iter().filter_map(f).collect();
            (!values.is_empty()).then(|| median(values))
        };
        let prefill_tps = pick(|r| Some(r.prefill_tps)).unwrap_or_default();
        let decode_tps = pick(|r| r.decode_tps);
        let limits: Option<Limits> = None;
        let work = engine.model().work();
        let share = limits.as_ref().map(|limits| Share {
            prefill: prefill_tps * work.prompt_macs as f64 / (limits.int8_gmacs * 1e9),
            decode: decode_tps.map(|tps| {
                let steps = tps / f64::from(flags.parallel);
                steps * work.weight_bytes as f64 / (limits.memory_gbs * 1e9)
            }),
        });
        Report {
            model,
            architecture: info.architecture.clone(),
            quantisation: info.quantisation.clone(),
            device: engine.device(),
            version: env!("CARGO_PKG_VERSION"),
            prompt_tokens: load.prompt,
            gen_tokens: load.answer,
            parallel: flags.parallel,
            repeat: flags.repeat,
            prefill_tps,
            decode_tps,
            first_token_ms: pick(|r| Some(r.first_token_ms)).unwrap_or_default(),
            peak_rss_bytes: peak,
            file_bytes: info.file_bytes,
            kv_bytes: kv_bytes(engine),
            limits,
            share,
        }
    }

    fn as_table(&self) -> String {
        let row = |name: &str, value: String| vec![name.to_string(), value];
        let of = |share: Option<f64>, what: &str| {
            share.map_or(String::new(), |s| format!(", {:.0} % of the {what}", s * 100.0))
        };
        let prefill_share = of(self.share.as_ref().map(|s| s.prefill), "int8 limit");
        let decode_share = of(self.share.as_ref().and_then(|s| s.decode), "memory limit");
        let decode = self.decode_tps.map(|tps| format!("{tps:.1} tokens/s{decode_share}"));
        let mut rows = vec![
            row("model", format!("{} ({} {})", self.model, self.architecture, self.quantisation)),
            row("device", self.device.clone()),
            row("prefill", format!("{:.1} tokens/s{prefill_share}", self.prefill_tps)),
            row("decode", decode.unwrap_or_else(|| "not measured".into())),
            row("first token", format!("{:.1} ms", self.first_token_ms)),
            row(
                "peak memory",
                format!(
                    "{} (file {}, cache {})",
                    bytes(self.peak_rss_bytes),
                    bytes(self.file_bytes),
                    bytes(self.kv_bytes)
                ),
            ),
        ];
        if let Some(l) = &self.limits {
            rows.push(row("limits", format!("{:.0} GMAC/s int8, {:.1} GB/s", l.int8_gmacs, l.memory_gbs)));
        }
        table(&rows)
    }
}

/// Bytes of the cache blocks that hold something.
fn kv_bytes(engine: &Engine) -> u64 {
    let stats = engine.stats();
    let block = engine.model().kv_shape(EngineOptions::default().kv_format).block_bytes();
    ((stats.used_blocks + stats.cached_blocks) * block) as u64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// The most memory that this process has held: the kernel's record on Linux, elsewhere what it holds now,
/// which at the end of a run is everything that was mapped.
fn peak_rss() -> u64 {
    if let Ok(status) = std::fs::read_to_string("/proc/self/status")
        && let Some(kib) = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))
    {
        return kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024;
    }
    let (Ok(mut system), Ok(pid)) = (sysinfo::System::new(), sysinfo::get_current_pid()) else { return 0 };
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), false);
    system.process(pid).map_or(0, sysinfo::Process::memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn one_sequence() {
        let run = Job { prompt: 100, answer: 3 }.measure(&[vec![0.5, 0.6, 0.7]]).unwrap();
        assert!((run.prefill_tps - 200.0).abs() < 1e-9);
        assert!((run.decode_tps.unwrap() - 10.0).abs() < 1e-6);
        assert!((run.first_token_ms - 500.0).abs() < 1e-9);
    }

    #[test]
    fn decode_counts_only_while_all_decode() {
        // The second starts at 2.0 and the first ends at 3.0: five tokens in that second.
        let tokens = [vec![1.0, 1.5, 2.0, 2.5, 3.0], vec![2.0, 2.2, 2.6, 3.0, 3.5]];
        let run = Job { prompt: 10, answer: 5 }.measure(&tokens).unwrap();
        assert_eq!(run.decode_tps, Some(5.0));
        assert_eq!(run.prefill_tps, 10.0);
    }

    #[test]
    fn no_overlap_is_no_decode_speed() {
        let job = Job { prompt: 10, answer: 1 };
        assert_eq!(job.measure(&[vec![1.0], vec![2.0]]).unwrap().decode_tps, None);
        assert!(job.measure(&[vec![]]).is_err());
    }
}
