//! The pool on disk: bytes that may have been damaged or made by somebody else.
//!
//! Little-endian: the magic with the version, the key (64 hexadecimal digits), u64 length of a JSON head with the facts,
//! the head, u32 numbers of sequences to learn and to judge with, then for each sequence u32 tokens, u32 targets, u32
//! kept tokens a target, the u32 tokens, one byte for each that says whether it is a target, u32 ids and f32 logarithms;
//! at the end the SHA-256 of all that.

use super::{Fact, Pool, ReplayError, Size};
use engine::train::{Example, Teacher};
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 16] = b"hone replay  1\n\0";
/// No pool of ours is larger.
const LIMIT: u64 = 1 << 30;
/// No sequence, and no number of them, is longer.
const LONGEST: usize = 1 << 16;

pub(super) fn path(home: &Path, base_sha256: &str, size: Size) -> PathBuf {
    let plain: String = base_sha256.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    let name = format!("pool-{}-{}-{}.bin", size.replay, size.general, size.tokens);
    home.join("replay").join(plain).join(name)
}

/// Writes it whole or not at all.
pub(super) fn write(path: &Path, key: &str, pool: &Pool) -> Result<(), ReplayError> {
    let io = |what: &'static str| {
        let path = path.to_path_buf();
        move |source| ReplayError::Io { what, path, source }
    };
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(io("create"))?;
    let mut file = tempfile::NamedTempFile::with_prefix_in(".part-", folder).map_err(io("write"))?;
    file.write_all(&bytes(key, pool)).and_then(|()| file.as_file().sync_all()).map_err(io("write"))?;
    file.persist(path).map_err(|error| io("write")(error.error))?;
    Ok(())
}

/// The pool, `None` where there is none of this key; an error where it is damaged.
pub(super) fn read(path: &Path, key: &str, vocab: usize) -> Result<Option<Pool>, &'static str> {
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(found) if found.len() <= LIMIT => {}
        _ => return Err("it cannot be read, or is too large"),
    }
    let bytes = std::fs::read(path).map_err(|_| "it cannot be read")?;
    parse(&bytes, key, vocab)
}

fn bytes(key: &str, pool: &Pool) -> Vec<u8> {
    let facts: Vec<(&str, &str)> = pool.facts.iter().map(|f| (&*f.question, &*f.expected)).collect();
    let head = serde_json::to_vec(&facts).expect("texts are JSON");
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(&(head.len() as u64).to_le_bytes());
    out.extend_from_slice(&head);
    for part in [&pool.replay, &pool.general] {
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
    }
    for example in pool.replay.iter().chain(&pool.general) {
        let teacher = example.teacher.as_ref().expect("every sequence of a pool has one");
        for count in [example.tokens.len(), teacher.targets(), teacher.top()] {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        example.tokens.iter().for_each(|t| out.extend_from_slice(&t.to_le_bytes()));
        out.extend(example.supervised.iter().map(|s| u8::from(*s)));
        teacher.ids().iter().for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
        teacher.log_probs().iter().for_each(|p| out.extend_from_slice(&p.to_le_bytes()));
    }
    let hash = Sha256::digest(&out);
    out.extend_from_slice(&hash);
    out
}

fn parse(bytes: &[u8], key: &str, vocab: usize) -> Result<Option<Pool>, &'static str> {
    let (content, hash) = bytes.split_last_chunk::<32>().ok_or("it is too short")?;
    if Sha256::digest(content)[..] != hash[..] {
        return Err("its hash is wrong");
    }
    let mut rest = Rest(content);
    if rest.take(MAGIC.len())? != MAGIC || rest.take(64)? != key.as_bytes() {
        return Ok(None);
    }
    let head = rest.take(8)?.try_into().map(u64::from_le_bytes).map_err(|_| "it is too short")?;
    let head = rest.take(usize::try_from(head).map_err(|_| "its head is too long")?)?;
    let facts: Vec<(String, String)> = serde_json::from_slice(head).map_err(|_| "its head cannot be read")?;
    let (replay, general) = (rest.count()?, rest.count()?);
    let mut sequences = |count: usize| -> Result<Vec<Example>, &'static str> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(rest.sequence(vocab)?);
        }
        Ok(all)
    };
    let (replay, general) = (sequences(replay)?, sequences(general)?);
    if !rest.0.is_empty() {
        return Err("something follows its end");
    }
    let facts = facts.into_iter().map(|(question, expected)| Fact { question, expected }).collect();
    Ok(Some(Pool { replay, general, facts }))
}

/// What is left of the file.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it is too short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn count(&mut self) -> Result<usize, &'static str> {
        let count = self.words(1)?[0] as usize;
        if count > LONGEST { Err("a number in it is too large") } else { Ok(count) }
    }

    fn words(&mut self, count: usize) -> Result<Vec<u32>, &'static str> {
        let bytes = self.take(count.checked_mul(4).ok_or("a number in it is too large")?)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
    }

    fn sequence(&mut self, vocab: usize) -> Result<Example, &'static str> {
        let (tokens, targets, top) = (self.count()?, self.count()?, self.count()?);
        let tokens = self.words(tokens)?;
        if tokens.iter().any(|&t| t as usize >= vocab) {
            return Err("it has tokens of another model");
        }
        let supervised = self.take(tokens.len())?.iter().map(|&s| s == 1).collect();
        let (ids, log_probs) = (self.words(targets * top)?, self.words(targets * top)?);
        let log_probs = log_probs.into_iter().map(f32::from_bits).collect();
        let teacher = Teacher::new(top, ids, log_probs, vocab).ok_or("its probabilities are none")?;
        let example = Example { teacher: Some(Arc::new(teacher)), ..Example::new(tokens, supervised) };
        if example.targets() != targets {
            return Err("its targets do not add up");
        }
        Ok(example)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Pool {
        let sequence = |n: u32| {
            let teacher = Teacher::new(2, vec![1, 2, 3, n], vec![-1.0, -2.0, -0.5, -3.5], 100).map(Arc::new);
            Example { teacher, ..Example::new(vec![n, 5, 6], vec![false, true, true]) }
        };
        let fact = Fact { question: "2 + 2?".into(), expected: "4".into() };
        Pool { replay: vec![sequence(7), sequence(8)], general: vec![sequence(9)], facts: vec![fact] }
    }

    fn key() -> String {
        "a".repeat(64)
    }

    #[test]
    fn what_is_written_is_read() {
        let home = tempfile::tempdir().unwrap();
        let path = path(home.path(), "abc", Size::SMALL);
        assert_eq!(read(&path, &key(), 100), Ok(None));
        write(&path, &key(), &pool()).unwrap();
        assert_eq!(read(&path, &key(), 100), Ok(Some(pool())));
        assert_eq!(read(&path, &"b".repeat(64), 100), Ok(None), "other prompts");
    }

    #[test]
    fn damage_is_noticed() {
        let whole = bytes(&key(), &pool());
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            assert!(parse(&broken, &key(), 100).is_err(), "byte {at}");
            assert!(parse(&whole[..at], &key(), 100).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_forged_file_with_a_right_hash_is_refused() {
        let resigned = |at: usize, value: &[u8]| {
            let mut content = bytes(&key(), &pool());
            content.truncate(content.len() - 32);
            content[at..at + value.len()].copy_from_slice(value);
            let hash = Sha256::digest(&content);
            content.extend_from_slice(&hash);
            parse(&content, &key(), 100)
        };
        let head = bytes(&key(), &pool())[80..88].try_into().map(u64::from_le_bytes).unwrap() as usize;
        let first = 88 + head + 8;
        assert_eq!(resigned(80, &u64::MAX.to_le_bytes()), Err("it is too short"));
        assert!(resigned(88 + head, &u32::MAX.to_le_bytes()).is_err(), "number of sequences");
        assert!(resigned(first, &0xffff_u32.to_le_bytes()).is_err(), "number of tokens");
        assert!(resigned(first + 4, &3_u32.to_le_bytes()).is_err(), "number of targets");
        assert!(resigned(first + 8, &0_u32.to_le_bytes()).is_err(), "kept tokens");
        assert_eq!(resigned(first + 12, &100_u32.to_le_bytes()), Err("it has tokens of another model"));
        assert!(resigned(first + 27 + 16, &f32::NAN.to_le_bytes()).is_err(), "probabilities");
    }
}
