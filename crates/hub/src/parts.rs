//! A file that is not complete yet: its bytes, and beside it a list of the blocks that are there.
//!
//! `download.part` has its final size from the start. `download.blocks` is a text that only grows: a
//! first line in JSON says what file this is, then one line `INDEX SHA256` follows for each block that has
//! arrived. A cut-off last line is ignored, and a block counts only after its bytes on the disk were hashed
//! again: so neither file has to be on the disk before the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ids::Digest;
use crate::verify::{Checksum, Hasher, digest_of, read_pieces};
use crate::{HubError, disk};

/// The list of blocks of a file of 1 TB has 10 MB.
const MAX_LIST: u64 = 64 << 20;

/// What file the blocks belong to. Blocks of another one are worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) version: u32,
    pub(crate) checksum: Checksum,
    pub(crate) bytes: u64,
    pub(crate) block: u64,
}

/// A file in the making.
pub(crate) struct Part {
    identity: Identity,
    path: PathBuf,
    list_path: PathBuf,
    data: File,
    list: File,
    blocks: BTreeMap<u64, Digest>,
    /// Bytes of all `blocks`.
    whole: u64,
    /// The block that is being written: its index, the bytes that are there, their hash.
    open: Option<(u64, u64, Hasher)>,
}

/// The outcome of reading the whole file back.
pub(crate) struct Check {
    pub(crate) whole: Checksum,
    /// Blocks that are not on the disk as they arrived.
    pub(crate) torn: Vec<u64>,
}

impl Part {
    /// Where the bytes are.
    pub(crate) fn data_path(folder: &Path) -> PathBuf {
        folder.join("download.part")
    }

    /// Opens the file in `folder`, and keeps those of its blocks that are still good.
    pub(crate) fn open(folder: &Path, identity: Identity) -> Result<Part, HubError> {
        let path = Part::data_path(folder);
        let list_path = folder.join("download.blocks");
        let known = read_list(&list_path, &identity);
        let (data, list) = (disk::private_file(&path)?, disk::private_file(&list_path)?);
        let mut part =
            Part { identity, path, list_path, data, list, blocks: BTreeMap::new(), whole: 0, open: None };
        match known {
            Some(known) => part.keep_good(known)?,
            None => part.wipe()?,
        }
        Ok(part)
    }

    /// Forgets everything.
    pub(crate) fn wipe(&mut self) -> Result<(), HubError> {
        self.blocks.clear();
        self.open = None;
        self.data.set_len(0).map_err(HubError::io("cannot empty", &self.path))?;
        self.write_list()
    }

    /// Forgets these blocks: they will be fetched again.
    pub(crate) fn forget(&mut self, blocks: &[u64]) -> Result<(), HubError> {
        self.blocks.retain(|index, _| !blocks.contains(index));
        self.write_list()
    }

    /// The first bytes that are missing, up to those that are there again.
    pub(crate) fn gap(&self) -> Option<Range<u64>> {
        let first = (0..self.count()).find(|index| !self.blocks.contains_key(index))?;
        let next = self
            .blocks
            .range(first..)
            .next()
            .map_or(self.identity.bytes, |(index, _)| index * self.identity.block);
        let arrived =
            self.open.as_ref().filter(|(index, ..)| *index == first).map_or(0, |(_, arrived, _)| *arrived);
        Some(first * self.identity.block + arrived..next)
    }

    /// The number of bytes that are there.
    pub(crate) fn done(&self) -> u64 {
        self.whole + self.open.as_ref().map_or(0, |(_, arrived, _)| *arrived)
    }

    /// The number of blocks of the file.
    pub(crate) fn count(&self) -> u64 {
        self.identity.bytes.div_ceil(self.identity.block)
    }

    /// The bytes of a block.
    pub(crate) fn range(&self, index: u64) -> Range<u64> {
        let start = index * self.identity.block;
        start..(start + self.identity.block).min(self.identity.bytes)
    }

    fn length(&self, index: u64) -> u64 {
        let range = self.range(index);
        range.end - range.start
    }

    /// Appends `bytes` at `at`, which is the start of [`gap`](Part::gap).
    pub(crate) fn write(&mut self, mut at: u64, mut bytes: &[u8]) -> Result<(), HubError> {
        while !bytes.is_empty() {
            let index = at / self.identity.block;
            let range = self.range(index);
            let room = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.write_data(at, now)?;
            let continued =
                self.open.take().filter(|(open, arrived, _)| (*open, range.start + arrived) == (index, at));
            let (_, mut arrived, mut hasher) = continued.unwrap_or((index, 0, Hasher::default()));
            hasher.update(now);
            arrived += now.len() as u64;
            at += now.len() as u64;
            if at == range.end {
                self.complete(index, hasher.finish())?;
            } else {
                self.open = Some((index, arrived, hasher));
            }
            bytes = later;
        }
        Ok(())
    }

    /// Puts `bytes` in the place of a block. Says whether that changed it.
    pub(crate) fn replace(&mut self, index: u64, bytes: &[u8]) -> Result<bool, HubError> {
        let digest = digest_of(bytes);
        if self.blocks.get(&index) == Some(&digest) {
            return Ok(false);
        }
        self.write_data(self.range(index).start, bytes)?;
        self.complete(index, digest)?;
        Ok(true)
    }

    /// Reads `buffer.len()` bytes at `at`.
    pub(crate) fn read(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), HubError> {
        let mut read = || {
            self.data.seek(SeekFrom::Start(at))?;
            self.data.read_exact(buffer)
        };
        read().map_err(HubError::io("cannot read", &self.path))
    }

    /// Reads the whole file back, which has no gaps.
    pub(crate) fn check(&mut self, progress: impl FnMut(u64)) -> Result<Check, HubError> {
        let (whole, blocks) = self.hash(progress)?;
        let torn = (0..self.count()).filter(|index| blocks.get(index) != self.blocks.get(index)).collect();
        Ok(Check { whole, torn })
    }

    /// Puts the bytes on the disk itself, and removes the list: the file is complete.
    pub(crate) fn finish(self) -> Result<PathBuf, HubError> {
        self.data.sync_all().map_err(HubError::io("cannot save", &self.path))?;
        disk::remove_file(&self.list_path)?;
        Ok(self.path)
    }

    fn keep_good(&mut self, known: BTreeMap<u64, Digest>) -> Result<(), HubError> {
        let (_, found) = self.hash(|_| ())?;
        self.blocks = known.into_iter().filter(|(index, digest)| found.get(index) == Some(digest)).collect();
        self.write_list()
    }

    fn write_data(&mut self, at: u64, bytes: &[u8]) -> Result<(), HubError> {
        let mut write = || {
            self.data.seek(SeekFrom::Start(at))?;
            self.data.write_all(bytes)
        };
        write().map_err(HubError::io("cannot write", &self.path))
    }

    fn complete(&mut self, index: u64, digest: Digest) -> Result<(), HubError> {
        if self.blocks.insert(index, digest).is_none() {
            self.whole += self.length(index);
        }
        let line = format!("{index} {digest}\n");
        self.list.write_all(line.as_bytes()).map_err(HubError::io("cannot write", &self.list_path))
    }

    /// Writes the list anew.
    fn write_list(&mut self) -> Result<(), HubError> {
        self.whole = self.blocks.keys().map(|index| self.length(*index)).sum();
        let mut text = serde_json::to_string(&self.identity).expect("digits and letters are always JSON");
        text.push('\n');
        for (index, digest) in &self.blocks {
            text.push_str(&format!("{index} {digest}\n"));
        }
        let mut write = || {
            self.list.set_len(0)?;
            self.list.seek(SeekFrom::Start(0))?;
            self.list.write_all(text.as_bytes())
        };
        write().map_err(HubError::io("cannot write", &self.list_path))
    }

    /// The checksum of all that is on the disk, and of each whole block of it.
    fn hash(&mut self, mut progress: impl FnMut(u64)) -> Result<(Checksum, BTreeMap<u64, Digest>), HubError> {
        let mut data = &self.data;
        data.seek(SeekFrom::Start(0)).map_err(HubError::io("cannot read", &self.path))?;
        let mut whole = self.identity.checksum.begin(self.identity.bytes);
        let (mut block, mut at) = (Hasher::default(), 0);
        let mut blocks = BTreeMap::new();
        let mut limited = data.take(self.identity.bytes);
        read_pieces(&mut limited, |mut piece| {
            whole.update(piece);
            while !piece.is_empty() {
                let range = self.range(at / self.identity.block);
                let room = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(piece.len());
                block.update(&piece[..room]);
                at += room as u64;
                if at == range.end {
                    blocks.insert(range.start / self.identity.block, std::mem::take(&mut block).finish());
                }
                piece = &piece[room..];
            }
            progress(at);
        })
        .map_err(HubError::io("cannot read", &self.path))?;
        Ok((whole.finish(), blocks))
    }
}

/// The blocks that a list names, if it is a list for this very file.
fn read_list(path: &Path, identity: &Identity) -> Option<BTreeMap<u64, Digest>> {
    let bytes = disk::read_small(path, MAX_LIST).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (first, rest) = text.split_once('\n')?;
    let found: Identity = serde_json::from_str(first).ok()?;
    let block = |line: &str| {
        let (index, digest) = line.split_once(' ')?;
        Some((index.parse().ok()?, digest.parse().ok()?))
    };
    (found == *identity).then(|| rest.lines().filter_map(block).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 10;

    fn sha256(content: &[u8]) -> Checksum {
        Checksum::Sha256(digest_of(content))
    }

    fn identity(content: &[u8]) -> Identity {
        Identity { version: 2, checksum: sha256(content), bytes: content.len() as u64, block: BLOCK }
    }

    fn content() -> Vec<u8> {
        (0..35).collect()
    }

    #[test]
    fn blocks_survive_a_restart_and_a_half_written_one_does_not() {
        let (folder, content) = (tempfile::tempdir().unwrap(), content());
        let mut part = Part::open(folder.path(), identity(&content)).unwrap();
        assert_eq!(part.gap(), Some(0..35));
        part.write(0, &content[..3]).unwrap();
        assert_eq!(part.gap(), Some(3..35), "within one run no byte is asked for twice");
        part.write(3, &content[3..27]).unwrap();
        assert_eq!((part.gap(), part.done()), (Some(27..35), 27));
        drop(part);
        let mut part = Part::open(folder.path(), identity(&content)).unwrap();
        assert_eq!((part.gap(), part.done()), (Some(20..35), 20));
        part.write(20, &content[20..]).unwrap();
        assert_eq!(part.gap(), None);
        let check = part.check(|_| ()).unwrap();
        assert_eq!((check.whole, check.torn), (sha256(&content), vec![]));
        assert_eq!(std::fs::read(part.finish().unwrap()).unwrap(), content);
    }

    #[test]
    fn a_block_that_changed_on_the_disk_is_found() {
        let (folder, content) = (tempfile::tempdir().unwrap(), content());
        let mut part = Part::open(folder.path(), identity(&content)).unwrap();
        part.write(0, &content).unwrap();
        let mut damaged = content.clone();
        damaged[14] ^= 1;
        std::fs::write(Part::data_path(folder.path()), &damaged).unwrap();
        assert_eq!(part.check(|_| ()).unwrap().torn, vec![1]);
        drop(part);
        let part = Part::open(folder.path(), identity(&content)).unwrap();
        assert_eq!((part.gap(), part.done()), (Some(10..20), 25));
    }

    #[test]
    fn blocks_of_another_file_and_broken_lists_count_for_nothing() {
        let (folder, content) = (tempfile::tempdir().unwrap(), content());
        let mut part = Part::open(folder.path(), identity(&content)).unwrap();
        part.write(0, &content[..20]).unwrap();
        drop(part);
        let other = Identity { checksum: sha256(b"other"), ..identity(&content) };
        assert_eq!(Part::open(folder.path(), other).unwrap().done(), 0);

        let list = folder.path().join("download.blocks");
        let first = digest_of(&content[..10]);
        let header = serde_json::to_string(&identity(&content)).unwrap();
        for (text, kept) in [
            (format!("{header}\n0 {first}\n"), 10),
            (format!("{header}\n0 {first}\n1 {}", &first.to_string()[..20]), 10),
            (format!("{header}\n1 {first}\n99 {first}\n-1 {first}\n"), 0),
            (format!("{header}\n{}", "\0 \n ".repeat(9)), 0),
            (format!("{header}0 {first}\n"), 0),
            (format!("{{}}\n0 {first}\n"), 0),
            (String::new(), 0),
        ] {
            std::fs::write(Part::data_path(folder.path()), &content).unwrap();
            std::fs::write(&list, &text).unwrap();
            assert_eq!(Part::open(folder.path(), identity(&content)).unwrap().done(), kept, "{text:?}");
        }
    }

    #[test]
    fn a_replaced_block_is_told_from_an_equal_one() {
        let (folder, content) = (tempfile::tempdir().unwrap(), content());
        let mut wrong = content.clone();
        wrong[30] ^= 1;
        let mut part = Part::open(folder.path(), identity(&content)).unwrap();
        part.write(0, &wrong).unwrap();
        assert!(!part.replace(0, &content[..10]).unwrap());
        assert!(part.replace(3, &content[30..]).unwrap());
        assert_eq!(part.check(|_| ()).unwrap().whole, sha256(&content));
    }
}
