//! When to learn by itself: while nobody asks anything and the machine is on mains power, once a day.

use crate::learning::{Learning, NotPrepared};
use crate::state::{AppState, unix_now};
use crate::training::Job;
use std::process::Command;
use std::time::{Duration, Instant};

/// When learning may begin by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// At which time of the day.
    pub when: When,
    /// How long nobody may have asked anything.
    pub idle: Duration,
}

/// At which time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// From one hour of the machine's clock to another, over midnight where the first is the later one.
    Night {
        /// The hour that it begins with, 0 to 23.
        from: u32,
        /// The hour that it ends before.
        to: u32,
    },
    /// At any time.
    Any,
}

impl When {
    fn holds_at(self, hour: u32) -> bool {
        match self {
            When::Any => true,
            When::Night { from, to } if from < to => (from..to).contains(&hour),
            When::Night { from, to } => hour >= from || hour < to,
        }
    }
}

/// How often one looks.
const LOOK: Duration = Duration::from_secs(60);
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
                let due = quiet_since.elapsed() >= schedule.idle && unix_now() >= last + BETWEEN;
                if due && is_now(schedule.when) && on_mains() {
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

    /// Begins a cycle where there is enough that is new and nothing else is being trained.
    fn learn_now(&self) {
        let Some((brain, adapters, engine)) = self.parts() else { return };
        match Learning::prepare(brain, &adapters, &engine, false) {
            Ok(learning) if learning.too_few() => {
                tracing::info!("learning by schedule: too few new examples to judge with");
            }
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
fn is_now(when: When) -> bool {
    if when == When::Any {
        return true;
    }
    let said = Command::new("date").arg("+%H").output().ok();
    let hour = said.and_then(|said| String::from_utf8(said.stdout).ok()?.trim().parse().ok());
    hour.is_some_and(|hour| when.holds_at(hour))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_may_go_over_midnight() {
        let hours = |from, to| -> Vec<u32> {
            (0..24).filter(|hour| When::Night { from, to }.holds_at(*hour)).collect()
        };
        assert_eq!(hours(0, 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(hours(22, 2), [0, 1, 22, 23]);
        assert!((0..24).all(|hour| When::Any.holds_at(hour)));
    }
}
