//! When to learn by itself: while nobody asks anything and the machine is on mains power, once a day.

use crate::learning::{Learning, NotPrepared};
use crate::state::{AppState, unix_now};
use crate::training::Job;
use std::process::Command;
use std::time::{Duration, Instant};

/// When learning may begin by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Between midnight and six, by the machine's clock.
    Night,
    /// At any time.
    Idle,
}

/// How often one looks, and how long nobody may have asked anything.
const LOOK: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(15 * 60);
/// Seconds from one cycle to the next at least.
const BETWEEN: u64 = 20 * 3600;

impl AppState {
    /// From now on learns by itself. The thread keeps nothing, and ends when this state is gone: another round of serving
    /// begins one of its own.
    pub fn learn_by(&self, schedule: Schedule) {
        let state = self.weak();
        let look = move || {
            let (mut quiet_since, mut last, mut seen) = (Instant::now(), 0, 0);
            loop {
                std::thread::sleep(LOOK);
                let Some(state) = state() else { return };
                let Some(engine) = state.engine() else { continue };
                let stats = engine.stats();
                if stats.requests_total != seen || stats.running + stats.waiting > 0 {
                    (seen, quiet_since) = (stats.requests_total, Instant::now());
                }
                drop(engine);
                let due = quiet_since.elapsed() >= IDLE && unix_now() >= last + BETWEEN;
                if due && (schedule == Schedule::Idle || is_night()) && on_mains() {
                    last = unix_now();
                    state.learn_now();
                    // Its own requests are nobody's.
                    seen = u64::MAX;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("schedule".into()).spawn(look) {
            tracing::warn!("nothing is learned by itself: {error}");
        }
    }

    /// Begins a cycle where there is something new and nothing else is being trained.
    fn learn_now(&self) {
        let Some((brain, adapters, engine)) = self.parts() else { return };
        match Learning::prepare(brain, &adapters, &engine, false) {
            Ok(learning) => {
                let started = self.training().start(adapters, engine, Job::Learn(Box::new(learning)), None);
                tracing::info!("learning by schedule: {}", if started.is_ok() { "begun" } else { "busy" });
            }
            Err(NotPrepared::Nothing) => tracing::info!("learning by schedule: nothing is new"),
            Err(NotPrepared::Failed(why)) => tracing::warn!("learning by schedule: {why}"),
        }
    }
}

/// Whether the clock of this machine says so. Systems without `date` have no night.
fn is_night() -> bool {
    let said = Command::new("date").arg("+%H").output().ok();
    let hour = said.and_then(|said| String::from_utf8(said.stdout).ok()?.trim().parse::<u32>().ok());
    hour.is_some_and(|hour| hour < 6)
}

/// Whether the machine does not run on its battery; one without a battery never does.
fn on_mains() -> bool {
    if cfg!(target_os = "macos") {
        let said = Command::new("pmset").args(["-g", "batt"]).output();
        return said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("AC Power"));
    }
    let supplies = std::fs::read_dir("/sys/class/power_supply").into_iter().flatten().flatten();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    !supplies.map(|supply| read(supply.path().join("status"))).any(|status| status.trim() == "Discharging")
}
