//! How far a long piece of work is: a bar on a terminal, plain lines elsewhere.

use crate::output::bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};

/// Shows the progress of one download after the other.
pub(crate) enum Progress {
    /// Nothing (`-q`).
    Silent,
    /// A bar that moves.
    Bar(ProgressBar),
    /// A line at the start and at every tenth.
    Lines(Mutex<Lines>),
}

/// State of the plain form.
#[derive(Default)]
pub(crate) struct Lines {
    what: String,
    total: Option<u64>,
    tenths: u64,
}

impl Progress {
    /// The form that suits standard error.
    pub(crate) fn new(quiet: bool) -> Progress {
        if quiet {
            Progress::Silent
        } else if stderr().is_terminal() {
            Progress::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
        } else {
            Progress::Lines(Mutex::default())
        }
    }
}

impl hub::Progress for Progress {
    fn start(&self, what: &str, total: Option<u64>) {
        match self {
            Progress::Silent => {}
            Progress::Bar(bar) => {
                bar.reset();
                bar.set_style(style(total.is_some()));
                bar.set_message(what.to_string());
                match total {
                    Some(total) => bar.set_length(total),
                    None => bar.unset_length(),
                }
            }
            Progress::Lines(lines) => {
                let size = total.map(|n| format!(" ({})", bytes(n))).unwrap_or_default();
                eprintln!("{what}{size}");
                *lock(lines) = Lines { what: what.into(), total, tenths: 0 };
            }
        }
    }

    fn advance(&self, done: u64) {
        match self {
            Progress::Silent => {}
            Progress::Bar(bar) => bar.set_position(done),
            Progress::Lines(lines) => {
                if let Some(line) = lock(lines).advance(done) {
                    eprintln!("{line}");
                }
            }
        }
    }

    fn message(&self, text: &str) {
        match self {
            Progress::Silent => {}
            Progress::Bar(bar) => bar.println(text),
            Progress::Lines(_) => eprintln!("{text}"),
        }
    }

    fn finish(&self) {
        if let Progress::Bar(bar) = self {
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

/// The same for things that are counted one by one.
pub(crate) struct Counter {
    form: Progress,
    what: &'static str,
}

impl Counter {
    /// The form that suits standard error.
    pub(crate) fn new(quiet: bool) -> Counter {
        Counter { form: Progress::new(quiet), what: "" }
    }

    /// `done` of `total` are done of `what`; another `what` begins another bar.
    pub(crate) fn show(&mut self, what: &'static str, done: u64, total: u64) {
        let begins = std::mem::replace(&mut self.what, what) != what;
        match &self.form {
            Progress::Silent => {}
            Progress::Bar(bar) => {
                if begins {
                    bar.reset();
                    bar.set_style(
                        ProgressStyle::with_template("{msg} {bar:24} {human_pos} of {human_len}, {eta} left")
                            .expect("the template is valid"),
                    );
                    bar.set_message(what);
                }
                bar.set_length(total);
                bar.set_position(done);
            }
            Progress::Lines(lines) => {
                let mut lines = lock(lines);
                if begins {
                    eprintln!("{what} ({total})");
                    *lines = Lines { what: what.into(), total: Some(total), tenths: 0 };
                }
                if let Some(line) = lines.advance(done).filter(|_| total >= 1000) {
                    eprintln!("{line}");
                }
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        hub::Progress::finish(&self.form);
    }
}

fn style(sized: bool) -> ProgressStyle {
    let template = match sized {
        true => "{msg} {bar:24} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        false => "{msg} {spinner} {bytes}, {bytes_per_sec}",
    };
    ProgressStyle::with_template(template).expect("the templates above are valid")
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
