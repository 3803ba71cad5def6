//! Brings a file from the hub, whatever happens on the way.
//!
//! Bytes are asked for from where they are missing, so that what broke off goes on. At the end the checksum
//! of the whole decides. The hub publishes no digests of blocks, so when the whole is wrong the bad blocks
//! are found in three steps, from cheap to dear: those that the disk has not kept; those of which the hub
//! now gives another sample; and at last all of them, one by one, until the whole is right.

use std::ops::Range;
use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;

use crate::body::Body;
use crate::http::{self, Http};
use crate::parts::{Check, Identity, Part};
use crate::remote::Remote;
use crate::verify::digest_of;
use crate::{HubError, Progress, PullOptions, disk};

/// Bytes of each block that are compared when the whole is wrong.
const SAMPLE: u64 = 4096;

/// How often the disk may lose blocks before that is an error.
const MAX_TORN: u32 = 3;

/// Bytes that count as progress: after them failures are counted anew.
const ENOUGH: u64 = 1 << 20;

/// Fetches `remote` into `folder` and gives the path of the complete, checked and saved file.
pub(crate) fn download(
    http: &Http,
    remote: &Remote,
    folder: &Path,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<PathBuf, HubError> {
    let block = options.patience.block;
    let part = Part::open(
        folder,
        Identity { version: 2, checksum: remote.checksum.clone(), bytes: remote.bytes, block },
    )?;
    disk::check_room(folder, remote.bytes - part.done(), options)?;
    let mut download = Download { http, remote, options, progress, part, tag: None };
    progress.start("downloading", Some(remote.bytes));
    let outcome = download.run();
    progress.finish();
    outcome?;
    download.part.finish()
}

struct Download<'a> {
    http: &'a Http,
    remote: &'a Remote,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
    part: Part,
    /// The tag of the version that has arrived in this run.
    tag: Option<HeaderValue>,
}

impl Download<'_> {
    fn run(&mut self) -> Result<(), HubError> {
        for _ in 0..MAX_TORN {
            self.fill()?;
            let check = self.check()?;
            if check.whole == self.remote.checksum {
                return Ok(());
            }
            if check.torn.is_empty() {
                return self.repair();
            }
            self.part.forget(&check.torn)?;
        }
        self.give_up()
    }

    /// Fetches until nothing is missing.
    fn fill(&mut self) -> Result<(), HubError> {
        let enough = ENOUGH.min(self.options.patience.block);
        let mut failures = 0;
        while let Some(gap) = self.part.gap() {
            if self.progress.is_stopped() {
                return Err(HubError::Stopped);
            }
            let before = self.part.done();
            match self.fetch(&gap) {
                Err(error) if error.is_passing() => {
                    let progressed = self.part.done() >= before + enough;
                    failures = if progressed { 1 } else { failures + 1 };
                    self.http.wait(failures, error)?;
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Fetches the bytes of `gap` as far as one answer brings them.
    fn fetch(&mut self, gap: &Range<u64>) -> Result<(), HubError> {
        let body = Body::ask(self.http, self.remote, gap, self.tag.as_ref())?;
        let changed = self.tag.is_some() && body.tag != self.tag;
        self.tag = body.tag.clone();
        if changed && self.part.done() > 0 {
            self.part.wipe()?;
            let reason = "the file changed during the download".to_owned();
            return Err(HubError::Protocol { host: http::host(&self.remote.url), reason });
        }
        self.progress.advance(self.part.done());
        body.read(gap, &self.options.patience, |at, bytes| {
            self.part.write(at, bytes)?;
            self.progress.advance(self.part.done());
            match self.progress.is_stopped() {
                true => Err(HubError::Stopped),
                false => Ok(()),
            }
        })
    }

    /// The whole is wrong although the disk has what arrived: so wrong bytes arrived.
    fn repair(&mut self) -> Result<(), HubError> {
        self.progress.message("the file is not the one that was announced: looking for the bad blocks");
        self.tag = None;
        let suspects = match self.differing_samples() {
            // A server without ranges gives all or nothing.
            Err(HubError::Protocol { .. }) => (0..self.part.count()).collect(),
            other => other?,
        };
        if !suspects.is_empty() {
            self.part.forget(&suspects)?;
            self.fill()?;
            if self.check()?.whole == self.remote.checksum {
                return Ok(());
            }
        }
        for index in (0..self.part.count()).filter(|index| !suspects.contains(index)) {
            let bytes = self.fetch_now(&self.part.range(index))?;
            if self.part.replace(index, &bytes)? && self.check()?.whole == self.remote.checksum {
                return Ok(());
            }
        }
        self.give_up()
    }

    /// The blocks of which the hub now gives another sample than what is on the disk.
    fn differing_samples(&mut self) -> Result<Vec<u64>, HubError> {
        let mut differing = Vec::new();
        for index in 0..self.part.count() {
            let sample = self.sample(index);
            let now = self.fetch_now(&sample)?;
            let mut then = vec![0; now.len()];
            self.part.read(sample.start, &mut then)?;
            if now != then {
                differing.push(index);
            }
        }
        Ok(differing)
    }

    /// Which bytes of a block are its sample: the place differs from block to block and from file to file.
    fn sample(&self, index: u64) -> Range<u64> {
        let block = self.part.range(index);
        let free = (block.end - block.start).saturating_sub(SAMPLE);
        let seed = digest_of(format!("{} {index}", self.remote.checksum).as_bytes());
        let random = seed.as_bytes().iter().take(7).fold(0, |all, byte| all << 8 | u64::from(*byte));
        let start = block.start + random % (free + 1);
        start..block.end.min(start + SAMPLE)
    }

    /// The bytes of a small range.
    fn fetch_now(&self, range: &Range<u64>) -> Result<Vec<u8>, HubError> {
        self.http.retry(|| {
            let mut bytes = Vec::new();
            while (bytes.len() as u64) < range.end - range.start {
                let missing = range.start + bytes.len() as u64..range.end;
                let body = Body::ask(self.http, self.remote, &missing, None)?;
                if body.range.start < missing.start {
                    let reason = "it has no ranges".to_owned();
                    return Err(HubError::Protocol { host: http::host(&self.remote.url), reason });
                }
                body.read(&missing, &self.options.patience, |_, piece| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                })?;
            }
            Ok(bytes)
        })
    }

    fn check(&mut self) -> Result<Check, HubError> {
        self.progress.finish();
        self.progress.start("checking", Some(self.remote.bytes));
        self.part.check(|done| self.progress.advance(done))
    }

    /// The hub had every chance, and the whole is still wrong.
    fn give_up(&mut self) -> Result<(), HubError> {
        let got = self.part.check(|_| ())?.whole.to_string();
        self.part.wipe()?;
        let expected = self.remote.checksum.to_string();
        Err(HubError::DigestMismatch { what: http::shown(&self.remote.url), expected, got })
    }
}
