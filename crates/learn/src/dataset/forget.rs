//! Takes the rows of a deleted conversation out of training sets. A row that was made of a conversation names it in
//! its field `chat`.

use super::rows::each_row;
use super::set::{Set, file_sha256};
use super::{DatasetError, PART_NAMES};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Removes the rows whose `chat` is this one from all sets below `datasets`, and brings their manifests up to date.
/// Gives the number of rows. A folder that is no set is left alone.
pub fn forget(datasets: &Path, chat: &str) -> Result<u64, DatasetError> {
    let Ok(folders) = fs::read_dir(datasets) else { return Ok(0) };
    let mut removed = 0;
    for folder in folders.flatten() {
        if let Ok(mut set) = Set::open(&folder.path()) {
            removed += of_set(&mut set, chat)?;
        }
    }
    Ok(removed)
}

fn of_set(set: &mut Set, chat: &str) -> Result<u64, DatasetError> {
    let mut removed = 0;
    for name in PART_NAMES {
        let path = set.path(name);
        let lines = if path.is_file() { lines_of(&path, chat)? } else { Vec::new() };
        if lines.is_empty() {
            continue;
        }
        rewrite(&path, &lines)?;
        removed += lines.len() as u64;
        let (sha256, bytes) = file_sha256(&path)?;
        if let Some(part) = set.manifest.parts.iter_mut().find(|part| part.name == name) {
            part.rows = part.rows.saturating_sub(lines.len() as u64);
            (part.sha256, part.bytes) = (sha256, bytes);
        }
    }
    if removed > 0 {
        set.write_manifest()?;
    }
    Ok(removed)
}

/// The lines, counted from 1, of rows that were made of the conversation.
fn lines_of(path: &Path, chat: &str) -> Result<Vec<u64>, DatasetError> {
    let mut lines = Vec::new();
    each_row(path, &path.display().to_string(), |line, row| {
        if row.is_ok_and(|row| row.get("chat").and_then(Value::as_str) == Some(chat)) {
            lines.push(line);
        }
    })?;
    Ok(lines)
}

/// The file without these lines; the old one or the new one, never half of it.
fn rewrite(path: &Path, without: &[u64]) -> Result<(), DatasetError> {
    let failed = || DatasetError::io("cannot write", path);
    let folder = path.parent().unwrap_or(path);
    let file = NamedTempFile::with_prefix_in(".part-", folder).map_err(failed())?;
    let mut old = BufReader::new(fs::File::open(path).map_err(DatasetError::io("cannot read", path))?);
    let mut new = BufWriter::new(file.as_file());
    let (mut number, mut line) = (0, Vec::new());
    while old.read_until(b'\n', &mut line).map_err(DatasetError::io("cannot read", path))? > 0 {
        number += 1;
        if without.binary_search(&number).is_err() {
            new.write_all(&line).map_err(failed())?;
        }
        line.clear();
    }
    new.flush().map_err(failed())?;
    drop(new);
    file.as_file().sync_all().map_err(failed())?;
    file.persist(path).map(drop).map_err(|error| DatasetError::io("cannot write", path)(error.error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Example, Manifest, Message, Parts, Report};

    #[test]
    fn rows_of_a_conversation_go_and_the_set_stays_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("mine");
        let say = |role: &str, text: &str| Message { role: role.into(), content: text.into() };
        let example = |n: usize| Example::new(vec![say("user", "q"), say("assistant", &n.to_string())]);
        let parts = Parts { train: (0..4).map(example).collect(), ..Parts::default() };
        let manifest = Manifest::new("mine", 0, None, Vec::new(), Report::default());
        let set = Set::write(&folder, &parts, manifest).unwrap();
        let text = fs::read_to_string(set.path("train")).unwrap();
        let marked = text.lines().enumerate().map(|(n, line)| {
            let chat = if n % 2 == 0 { "a" } else { "b" };
            format!("{},\"chat\":\"{chat}\"}}\n", line.strip_suffix('}').unwrap())
        });
        fs::write(set.path("train"), marked.collect::<String>()).unwrap();
        fs::create_dir(home.path().join("other")).unwrap();

        assert_eq!(forget(home.path(), "a").unwrap(), 2);
        let left = Set::open(&folder).unwrap();
        assert_eq!(left.manifest.part("train").unwrap().rows, 2);
        let answers = left.read("train").unwrap().into_iter().map(|row| row.messages[1].content.clone());
        assert_eq!(answers.collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(forget(home.path(), "a").unwrap(), 0);
        assert_eq!(forget(&home.path().join("nowhere"), "a").unwrap(), 0);
    }
}
