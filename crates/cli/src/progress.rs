//! How far a long piece of work is: a bar on a terminal, plain lines elsewhere.

use crate::output::bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};

/// Shows the progress of one piece of work after the other.
pub(crate) struct Progress {
    form: Form,
    /// What is counted; bytes where it is left out.
    unit: Option<&'static str>,
}

enum Form {
    /// Nothing (`-q`).
    Silent,
    /// A bar that moves.
    Bar(ProgressBar),
    /// A line at the start and at every tenth.
    Lines(Mutex<Lines>),
}

/// State of the plain form.
#[derive(Default)]
struct Lines {
    what: String,
    total: Option<u64>,
    tenths: u64,
}

impl Progress {
    /// Of bytes, in the form that suits standard error.
    pub(crate) fn new(quiet: bool) -> Progress {
        let form = if quiet {
            Form::Silent
        } else if stderr().is_terminal() {
            Form::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
        } else {
            Form::Lines(Mutex::default())
        };
        Progress { form, unit: None }
    }

    /// Of things that are called so: `examples`.
    pub(crate) fn counting(unit: &'static str, quiet: bool) -> Progress {
        Progress { unit: Some(unit), ..Progress::new(quiet) }
    }
}

impl hub::Progress for Progress {
    fn start(&self, what: &str, total: Option<u64>) {
        match &self.form {
            Form::Silent => {}
            Form::Bar(bar) => {
                bar.reset();
                bar.set_style(style(total.is_some(), self.unit));
                bar.set_message(what.to_string());
                match total {
                    Some(total) => bar.set_length(total),
                    None => bar.unset_length(),
                }
            }
            Form::Lines(lines) => {
                let size = |n: u64| self.unit.map_or_else(|| bytes(n), |unit| format!("{n} {unit}"));
                eprintln!("{what}{}", total.map(|n| format!(" ({})", size(n))).unwrap_or_default());
                *lock(lines) = Lines { what: what.into(), total, tenths: 0 };
            }
        }
    }

    fn advance(&self, done: u64) {
        match &self.form {
            Form::Silent => {}
            Form::Bar(bar) => bar.set_position(done),
            Form::Lines(lines) => {
                if let Some(line) = lock(lines).advance(done) {
                    eprintln!("{line}");
                }
            }
        }
    }

    fn message(&self, text: &str) {
        match &self.form {
            Form::Silent => {}
            Form::Bar(bar) => bar.println(text),
            Form::Lines(_) => eprintln!("{text}"),
        }
    }

    fn finish(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

impl Lines {
    /// The line to print when another tenth is done.
    fn advance(&mut self, done: u64) -> Option<String> {
        let total = self.total.filter(|t| *t > 0)?;
        let tenths = done.min(total).saturating_mul(10) / total;
        (tenths > self.tenths).then(|| {
            self.tenths = tenths;
            format!("{}: {}0 %", self.what, tenths)
        })
    }
}

/// Progress through stages, each of which counts its own things.
pub(crate) struct Stages {
    progress: Progress,
    what: &'static str,
}

impl Stages {
    pub(crate) fn new(quiet: bool) -> Stages {
        Stages { progress: Progress::new(quiet), what: "" }
    }

    /// `done` of `total` `unit`s are done of `what`; another `what` begins another bar.
    pub(crate) fn show(&mut self, what: &'static str, unit: &'static str, done: u64, total: u64) {
        if std::mem::replace(&mut self.what, what) != what {
            self.progress.unit = Some(unit);
            hub::Progress::start(&self.progress, what, Some(total));
        }
        hub::Progress::advance(&self.progress, done);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        hub::Progress::finish(&self.progress);
    }
}

fn style(sized: bool, unit: Option<&str>) -> ProgressStyle {
    let template = match (sized, unit) {
        (true, Some(unit)) => format!("{{msg}} {{bar:24}} {{pos}} of {{len}} {unit}, {{eta}} left"),
        (true, None) => "{msg} {bar:24} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left".to_owned(),
        (false, _) => "{msg} {spinner} {bytes}, {bytes_per_sec}".to_owned(),
    };
    ProgressStyle::with_template(&template).expect("the templates above are valid")
}

fn lock(lines: &Mutex<Lines>) -> std::sync::MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_come_once_a_tenth() {
        let mut lines = Lines { what: "x".into(), total: Some(1000), tenths: 0 };
        let said: Vec<String> =
            [50, 100, 150, 420, 1000, 1000].into_iter().filter_map(|n| lines.advance(n)).collect();
        assert_eq!(said, ["x: 10 %", "x: 40 %", "x: 100 %"]);
        assert_eq!(Lines::default().advance(5), None);
    }
}
