//! Counters, in the text format of Prometheus.

use crate::error::GateErrors;
use crate::state::{Phase, Shared};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Everything that the server counts itself; the engine counts the rest.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By route and status: both come from short lists, so the map stays small.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    response: Histogram,
    queued: Histogram,
    prefill: Histogram,
    first_token: Histogram,
    token: Histogram,
}

impl Metrics {
    /// One answer is complete.
    pub(crate) fn answered(&self, usage: &engine::Usage, timings: &engine::Timings) {
        self.queued.observe(timings.queued);
        self.prefill.observe(timings.prefill);
        self.first_token.observe(timings.queued + timings.prefill);
        if let Some(steps) = u32::try_from(usage.completion_tokens).ok().filter(|tokens| *tokens > 1) {
            self.token.observe(timings.decode / (steps - 1));
        }
    }
}

/// Counts a request once its answer begins.
pub(crate) async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let metrics = &shared.metrics;
    metrics.response.observe(start.elapsed());
    let mut requests = metrics.requests.lock().unwrap_or_else(PoisonError::into_inner);
    *requests.entry((route, response.status().as_u16())).or_default() += 1;
    drop(requests);
    response
}

/// Counters for Prometheus
#[utoipa::path(get, operation_id = "get_metrics", path = "/metrics", tag = "Server",
    responses((status = 200, description = "Prometheus text format.", body = String), GateErrors))]
pub(crate) async fn show(State(shared): State<Arc<Shared>>) -> ([(HeaderName, &'static str); 1], String) {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], render(&shared).expect("writing to a String does not fail"))
}

fn render(shared: &Shared) -> Result<String, std::fmt::Error> {
    let (metrics, mut out) = (&shared.metrics, String::new());
    let requests = metrics.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
    head(&mut out, "hone_http_requests_total", "counter", "Requests that passed the gate.")?;
    for ((route, status), count) in &requests {
        writeln!(out, "hone_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}")?;
    }
    metrics.response.write(
        &mut out,
        "hone_http_response_seconds",
        "From a request to the start of its answer.",
    )?;
    metrics.queued.write(&mut out, "hone_queued_seconds", "Waiting for a place in the engine.")?;
    metrics.prefill.write(
        &mut out,
        "hone_prefill_seconds",
        "From a place in the engine to the first token.",
    )?;
    metrics.first_token.write(
        &mut out,
        "hone_first_token_seconds",
        "From the request to the first token.",
    )?;
    metrics.token.write(&mut out, "hone_token_seconds", "Mean time between the tokens of an answer.")?;
    if let Phase::Ready { engine, .. } = shared.served.phase() {
        engine_counters(&mut out, &engine.stats())?;
    }
    Ok(out)
}

fn engine_counters(out: &mut String, stats: &engine::Stats) -> std::fmt::Result {
    let counters = [
        ("hone_requests_total", "Prompts given to the engine.", stats.requests_total),
        ("hone_cancelled_total", "Answers that nobody waited for.", stats.cancelled_total),
        ("hone_prompt_tokens_total", "Tokens of prompts.", stats.prompt_tokens_total),
        ("hone_cached_tokens_total", "Of these, found in the prefix cache.", stats.cached_tokens_total),
        ("hone_generated_tokens_total", "Tokens generated.", stats.generated_tokens_total),
    ];
    let gauges = [
        ("hone_running", "Answers being made.", stats.running),
        ("hone_waiting", "Prompts that wait for a place.", stats.waiting),
        ("hone_cache_blocks_used", "Blocks of the cache that answers in progress hold.", stats.used_blocks),
        ("hone_cache_blocks_kept", "Blocks of the cache kept for later prompts.", stats.cached_blocks),
        ("hone_cache_blocks", "Blocks of the cache.", stats.total_blocks),
    ];
    for (name, help, value) in counters {
        head(out, name, "counter", help)?;
        writeln!(out, "{name} {value}")?;
    }
    for (name, help, value) in gauges {
        head(out, name, "gauge", help)?;
        writeln!(out, "{name} {value}")?;
    }
    Ok(())
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// Times, counted in buckets.
#[derive(Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Histogram {
    fn observe(&self, time: Duration) {
        if let Some(bucket) = BUCKETS.iter().position(|bound| time.as_secs_f64() <= *bound) {
            self.buckets[bucket].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Buckets are cumulative: each counts everything up to its bound.
    fn write(&self, out: &mut String, name: &str, help: &str) -> std::fmt::Result {
        head(out, name, "histogram", help)?;
        let count = self.count.load(Relaxed);
        let mut below = 0;
        for (bound, bucket) in BUCKETS.iter().zip(&self.buckets) {
            below += bucket.load(Relaxed);
            writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {below}")?;
        }
        writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
        let seconds = Duration::from_nanos(self.nanos.load(Relaxed)).as_secs_f64();
        writeln!(out, "{name}_sum {seconds}\n{name}_count {count}")
    }
}
