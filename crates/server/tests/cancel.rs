//! A client that goes away frees the engine: whole answers and streams, in the queue, during prefill and
//! during decoding.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Live, NAME, read_until};
use engine::{EngineOptions, Stats};
use serde_json::{Value, json};
use server::Limits;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What the engine is doing when the clients of a round go.
const PHASES: [&str; 3] = ["queue", "prefill", "decode"];
/// Connections of one round; with two places, six of them wait.
const CLIENTS: u64 = 8;
const ROUNDS: u64 = 125;

/// Numbers that look random and are the same in every run.
fn random(index: u64) -> u64 {
    let mut x = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 27)
}

/// A long answer to a prompt that no other request begins with.
fn ask(index: u64, stream: bool) -> Value {
    let words: String = (0..150).map(|word| format!("{:x} ", random(index * 1000 + word) & 0xFFFF)).collect();
    json!({"model": NAME, "prompt": words, "max_tokens": 400, "temperature": 1, "seed": index, "stream": stream})
}

/// Waits until the engine has come so far.
async fn wait_for(live: &Live, phase: &str) {
    let begin = live.engine.stats();
    let reached = |now: &Stats| match phase {
        "queue" => now.waiting > 0,
        "prefill" => now.running > 0,
        _ => now.generated_tokens_total > begin.generated_tokens_total,
    };
    while !reached(&live.engine.stats()) {
        sleep(Duration::from_micros(100)).await;
    }
}

fn busy(stats: &Stats) -> usize {
    stats.running + stats.waiting
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_go_away() {
    let options = EngineOptions { sequences: 2, ..EngineOptions::default() };
    let live = Live::start(options, Limits::default()).await;
    let mut waits = Vec::new();
    for round in 0..ROUNDS {
        let mut clients = Vec::new();
        for client in 0..CLIENTS {
            let index = round * CLIENTS + client;
            clients
                .push(live.sent(&live.post("/v1/completions", &ask(index, index.is_multiple_of(2)))).await);
        }
        let phase = PHASES[round as usize % PHASES.len()];
        wait_for(&live, phase).await;
        sleep(Duration::from_micros(random(round) % 5_000)).await;
        drop(clients);
        let gone = Instant::now();
        // Requests whose bodies had not been read yet never reach the engine; the others leave it.
        while busy(&live.engine.stats()) > 0 {
            sleep(Duration::from_micros(200)).await;
        }
        waits.push(gone.elapsed());
    }
    waits.sort();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    let stats = live.engine.stats();
    println!(
        "{} clients went away in {ROUNDS} rounds; {} of {} requests cancelled; engine free after \
         p50 {:?}, p99 {:?}, max {:?}",
        ROUNDS * CLIENTS,
        stats.cancelled_total,
        stats.requests_total,
        at(0.5),
        at(0.99),
        at(1.0)
    );
    assert!(stats.cancelled_total > stats.requests_total / 2, "they were cancelled, not answered: {stats:?}");
    assert_eq!(stats.failed_total, 0);
    assert_eq!(stats.used_blocks, 0, "no slot leaked: {stats:?}");
    assert!(live.is_healthy().await);
}

/// Eight answers, of which four wait: it takes a while until the last one is complete. A random model may
/// end them soon all the same, so several prompts are tried.
async fn leave(live: &Live, stream: bool) {
    for attempt in 0..50 {
        let prompt = format!("Once {attempt}");
        let ask = json!({"model": NAME, "prompt": prompt, "max_tokens": 1900, "n": 8, "stream": stream});
        let before = live.engine.stats().generated_tokens_total;
        let mut client = live.sent(&live.post("/v1/completions", &ask)).await;
        if stream {
            read_until(&mut client, "data: ").await;
        }
        while live.engine.stats().generated_tokens_total == before {
            sleep(Duration::from_millis(1)).await;
        }
        drop(client);
        while busy(&live.engine.stats()) > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        if live.engine.stats().cancelled_total > 0 {
            return;
        }
    }
    panic!("no answer was stopped: {:?}", live.engine.stats());
}

/// A whole answer writes nothing until its end: only the closed socket tells.
#[tokio::test]
async fn a_whole_answer_stops_when_its_client_goes() {
    leave(&Live::start(EngineOptions::default(), Limits::default()).await, false).await;
}

#[tokio::test]
async fn a_stream_stops_when_its_client_goes() {
    leave(&Live::start(EngineOptions::default(), Limits::default()).await, true).await;
}
