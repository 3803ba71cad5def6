//! Measures durable appends: messages a second and how long each waits, beside what one fsync takes.
//!
//!     append FOLDER SECONDS THREADS
//!
//! Prints one JSON object. The folder must be on the disk that is measured; what is made in it is removed.

use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use store::{NewChat, NewMessage, Store, StoreError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, seconds, threads] = &args[..] else {
        return Err("usage: append FOLDER SECONDS THREADS".into());
    };
    let home = Path::new(folder).join(format!("append-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let mut fsync = syncs(&home, 200)?;
    let store = Store::open(&home)?;
    let until = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    let workers: Vec<_> = (0..threads.parse::<usize>()?)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || appends(&store, until))
        })
        .collect();
    let began = Instant::now();
    let mut waits = Vec::new();
    for worker in workers {
        waits.extend(worker.join().map_err(|_| "a thread panicked")??);
    }
    let elapsed = began.elapsed().as_secs_f64();
    drop(store);
    std::fs::remove_dir_all(&home)?;
    let result = json!({
        "threads": threads.parse::<usize>()?,
        "appends": waits.len(),
        "appends_per_s": (waits.len() as f64 / elapsed).round(),
        "p50_ms": percentile(&mut waits, 0.50),
        "p99_ms": percentile(&mut waits, 0.99),
        "fsync_p50_ms": percentile(&mut fsync, 0.50),
    });
    let mut out = std::io::stdout().lock();
    Ok(writeln!(out, "{result}")?)
}

/// Milliseconds of each append of one thread to a conversation of its own.
fn appends(store: &Store, until: Instant) -> Result<Vec<f64>, StoreError> {
    let chat = store.chats().create(NewChat::default())?.id;
    let text = "How do I find the commit that introduced a bug? ".repeat(6);
    let mut waits = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        store.messages().append(chat, NewMessage::user(text.as_str()))?;
        waits.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(waits)
}

/// Milliseconds of each of `count` writes of a page with fsync.
fn syncs(home: &Path, count: usize) -> std::io::Result<Vec<f64>> {
    let path = home.join("fsync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..count {
        file.write_all(&[7; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
    values.get(at).map_or(0.0, |value| (value * 1e3).round() / 1e3)
}
