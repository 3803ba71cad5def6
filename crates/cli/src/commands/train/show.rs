//! What is said on standard error while a run lasts.

use crate::output::bytes;
use indicatif::{ProgressBar, ProgressStyle};
use learn::train::{Event, Plan, RunInfo};
use std::io::{IsTerminal, stderr};

/// A bar on a terminal, a line a step elsewhere, nothing with `-q`.
pub(crate) struct Show {
    quiet: bool,
    bar: Option<ProgressBar>,
}

impl Show {
    pub(crate) fn new(quiet: bool) -> Show {
        let bar = (!quiet && stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} steps  {msg}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Show { quiet, bar }
    }

    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            _ if self.quiet => {}
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Before the run: what it will take.
    pub(crate) fn plan(&self, plan: &Plan, info: &RunInfo, done: u64) {
        let time = plan.seconds.map_or("an unknown time".into(), duration);
        self.say(&format!(
            "Training {} on {}: {} examples ({} tokens, {} of them learned), {} to validate",
            info.name, info.base.name, plan.examples, plan.tokens, plan.targets, plan.valid_examples
        ));
        let again = if plan.recompute { ", computing layers again" } else { "" };
        self.say(&format!(
            "{} steps of {} examples, learning rate {:.1e}, {} trained values; about {time}, {} of memory{again}",
            plan.steps,
            plan.step_examples,
            plan.learning_rate,
            plan.parameters,
            bytes(plan.memory_bytes)
        ));
        if info.recipe.step_examples() > plan.examples {
            self.say(&format!(
                "There are fewer examples than the {} of a step: every step takes all of them",
                info.recipe.step_examples()
            ));
        }
        if plan.valid_examples == 0 {
            self.say("There is nothing to validate with: the last adapter is taken, not the best");
        }
        if done > 0 {
            self.say(&format!("Going on after step {done}"));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(plan.steps);
            bar.set_position(done);
            bar.set_prefix("Training");
        }
    }

    pub(crate) fn event(&self, event: &Event<'_>) {
        match event {
            Event::Pack { rows: (done, all), .. } => {
                if let Some(bar) = &self.bar {
                    let (_, rest) = split(&bar.message());
                    bar.set_message(format!("{:>3} %{rest}", 100 * done / all.max(&1)));
                }
            }
            Event::Step { metric, tokens_per_second, seconds_left } => {
                let loss = metric.loss.map_or(String::new(), |loss| format!("loss {loss:.3}"));
                let valid = metric.valid_loss.map_or(String::new(), |loss| format!("  validation {loss:.3}"));
                let text = format!(
                    "{loss}{valid}  {tokens_per_second:.0} tokens/s  {} left",
                    duration(*seconds_left)
                );
                match &self.bar {
                    Some(bar) => {
                        bar.set_position(metric.step);
                        bar.set_message(format!("100 %  {text}"));
                    }
                    None => self.say(&format!("step {}: {text}", metric.step)),
                }
            }
            Event::Writing => {}
            Event::Saved => tracing::debug!("checkpoint written"),
        }
    }

    pub(crate) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The share of a step and what is said of the steps before.
fn split(message: &str) -> (&str, String) {
    match message.split_once('%') {
        Some((share, rest)) => (share, rest.to_owned()),
        None => (message, String::new()),
    }
}

/// `40 s`, `12 min`, `3 h 20 min`.
pub(super) fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        s @ 0..=90 => format!("{s} s"),
        s @ 91..=5400 => format!("{} min", s.div_ceil(60)),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}
