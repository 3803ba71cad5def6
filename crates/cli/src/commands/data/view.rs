//! `hone data view`: examples as a person reads them.

use super::warn_of_bad;
use crate::config::App;
use crate::flags::View;
use crate::output::{self, harmless};
use anyhow::bail;
use learn::dataset::{Chosen, Example, read};
use std::fmt::Write as _;

pub(super) fn run(app: &App, flags: &View) -> anyhow::Result<()> {
    let (examples, what) = match Chosen::find(&app.home, &flags.data)? {
        Chosen::File(path) => {
            let (examples, report) = read(&path)?;
            warn_of_bad(&report);
            (examples, flags.data.clone())
        }
        Chosen::Set(set) => (set.read(&flags.part)?, format!("{} of {}", flags.part, flags.data)),
    };
    let first = usize::try_from(flags.row - 1).unwrap_or(usize::MAX);
    if first >= examples.len() {
        bail!("{what} has {} examples: there is none with the number {}", examples.len(), flags.row);
    }
    let count = usize::try_from(flags.count).unwrap_or(usize::MAX);
    let end = first.saturating_add(count).min(examples.len());
    for (number, example) in examples[first..end].iter().enumerate() {
        let text = match flags.json {
            true => serde_json::to_string(example)? + "\n",
            false => as_text(first + number + 1, examples.len(), example),
        };
        output::print(&text)?;
    }
    Ok(())
}

/// The messages under the names of their roles.
fn as_text(number: usize, total: usize, example: &Example) -> String {
    let bold = |text: &str| match output::colour(&std::io::stdout()) {
        true => format!("\u{1b}[1m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    let mut text = format!("{}\n", bold(&format!("--- {number} of {total}")));
    for message in &example.messages {
        let _ = writeln!(
            text,
            "{}\n{}\n",
            bold(&format!("[{}]", message.role)),
            harmless(message.content.trim_end())
        );
    }
    text
}
