//! Training sets against files of every shape, broken ones too, and against a public one where it is.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

mod files;
mod formats;
mod parts;
mod public;

use std::path::{Path, PathBuf};

use learn::dataset::{Collector, DatasetError, Example, Format, Message, Report};

/// The messages of an example, `(role, content)` each.
pub(crate) fn example(messages: &[(&str, &str)]) -> Example {
    let message =
        |(role, content): &(&str, &str)| Message { role: role.to_string(), content: content.to_string() };
    Example::new(messages.iter().map(message).collect())
}

/// A question and its answer.
pub(crate) fn pair(question: &str, answer: &str) -> Example {
    example(&[("user", question), ("assistant", answer)])
}

/// As many different examples.
pub(crate) fn examples(count: usize) -> Vec<Example> {
    (0..count).map(|n| pair(&format!("question {n}"), &format!("answer {n}"))).collect()
}

/// Reads `content` as a file.
pub(crate) fn collect(
    content: impl AsRef<[u8]>,
    format: Option<Format>,
) -> Result<(Vec<Example>, Report), DatasetError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let mut collector = Collector::new(format);
    collector.add_file(file.path(), "rows")?;
    collector.finish()
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
