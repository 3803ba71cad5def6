//! The names that come from strangers, each a type that can only hold a harmless value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::HubError;

/// A path below some root: the only kind of path that a name from outside may become.
///
/// Refused are `..`, absolute paths, `\`, `:`, control characters, parts that end in a dot or a space,
/// the device names of Windows, and parts over 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

/// `owner/repo` on the hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoId(String);

/// The 40 hexadecimal digits of a git commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// The 40 hexadecimal digits by which git knows the content of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobId(String);

/// The name of a model in the library: the name of its folder and its id in the API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl RelPath {
    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The parts between the slashes.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl RepoId {
    /// This repository as the name of one folder: no two have the same, because none contains `--`.
    pub(crate) fn folder(&self) -> String {
        self.0.replace('/', "--")
    }
}

impl ModelName {
    /// The nearest valid name to `text`: lower case, with `-` for what a name cannot hold.
    pub fn from_text(text: &str) -> Result<ModelName, HubError> {
        let mapped: String = text
            .chars()
            .map(|c| c.to_ascii_lowercase())
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
            .collect();
        let trimmed = mapped.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let end = trimmed.len().min(MAX_NAME);
        trimmed[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).parse()
    }
}

impl Digest {
    /// The digest of these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

const MAX_NAME: usize = 96;
const MAX_PART: usize = 255;
const MAX_PATH: usize = 1024;

/// Names that Windows gives to devices, whatever their extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

fn path_fault(text: &str) -> Option<&'static str> {
    if text.len() > MAX_PATH {
        return Some("it is longer than 1024 bytes");
    }
    text.split('/').find_map(part_fault)
}

fn part_fault(part: &str) -> Option<&'static str> {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_lowercase();
    match part {
        "" => Some("it is empty, absolute, or has an empty part"),
        "." | ".." => Some("it leaves its folder"),
        _ if part.len() > MAX_PART => Some("a part is longer than 255 bytes"),
        _ if part.contains(['\\', ':']) => Some("it contains `\\` or `:`"),
        _ if part.contains(char::is_control) => Some("it contains a control character"),
        _ if part.ends_with(['.', ' ']) => Some("a part ends in a dot or a space"),
        _ if DEVICES.contains(&stem.as_str()) => Some("a part is a device name of Windows"),
        _ => None,
    }
}

fn repo_fault(text: &str) -> Option<&'static str> {
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &&str| {
        part.len() <= MAX_NAME
            && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            && !part.contains("..")
            && !part.contains("--")
    };
    let fine = parts.len() == 2 && parts.iter().all(plain);
    (!fine).then_some("a repository is written owner/repo, in letters, digits, `.`, `_` and `-`")
}

fn commit_fault(text: &str) -> Option<&'static str> {
    let hex = text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (!hex).then_some("it has 40 hexadecimal digits")
}

fn name_fault(text: &str) -> Option<&'static str> {
    let fine = (1..=MAX_NAME).contains(&text.len())
        && text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    let fault = "a name has 1 to 96 small letters, digits, `.`, `_` and `-`, and starts and ends in one of the first two";
    if fine { part_fault(text) } else { Some(fault) }
}

/// Gives a newtype over `String` its one way in and its ways out.
macro_rules! checked_text {
    ($type:ident, $what:literal, $fault:ident) => {
        impl FromStr for $type {
            type Err = HubError;
            fn from_str(text: &str) -> Result<Self, HubError> {
                match $fault(text) {
                    None => Ok($type(text.to_owned())),
                    Some(reason) => Err(malformed($what, text, reason)),
                }
            }
        }

        impl $type {
            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = HubError;
            fn try_from(text: String) -> Result<Self, HubError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.0
            }
        }
    };
}

checked_text!(RelPath, "the path", path_fault);
checked_text!(RepoId, "the repository", repo_fault);
checked_text!(CommitId, "the commit", commit_fault);
checked_text!(BlobId, "the git object", commit_fault);
checked_text!(ModelName, "the model name", name_fault);

impl FromStr for Digest {
    type Err = HubError;
    fn from_str(text: &str) -> Result<Self, HubError> {
        let wrong = || malformed("the SHA-256", text, "it has 64 hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl TryFrom<String> for Digest {
    type Error = HubError;
    fn try_from(text: String) -> Result<Self, HubError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

/// An error that shows at most the start of a hostile value, without its control characters.
pub(crate) fn malformed(what: &'static str, value: &str, reason: &'static str) -> HubError {
    let shown: String = value.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
    HubError::Malformed { what, value: shown, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_their_folder_are_refused() {
        let long_part = "x".repeat(256);
        let long_path = "x/".repeat(600) + "x";
        let hostile = [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a/..",
            "a//b",
            "a/",
            "./a",
            "a/.",
            "a\\b",
            "C:\\x",
            "C:x",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}b",
            "a.",
            "a ",
            "a./b",
            "a /b",
            "con",
            "CON",
            "nul.gguf",
            "a/Com1.txt",
            "lpt9",
            "aux .txt",
            &long_part,
            &long_path,
        ];
        for text in hostile {
            assert!(text.parse::<RelPath>().is_err(), "accepted {text:?}");
        }
        for text in ["model.gguf", "a/b/c.gguf", "..a", "a..b", "Q4 K.gguf", "conx", "ü.gguf", ".hidden"] {
            assert_eq!(text.parse::<RelPath>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn whatever_path_is_accepted_stays_in_its_folder() {
        use std::path::{Component, Path};
        let alphabet: Vec<char> = "./\\: ab~\0\n\u{202e}\u{e9}-".chars().collect();
        let (mut state, mut accepted) = (1_u64, 0);
        for _ in 0..200_000 {
            let mut text = String::new();
            for _ in 0..7 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push(alphabet[(state >> 33) as usize % alphabet.len()]);
            }
            let Ok(path) = text.parse::<RelPath>() else { continue };
            accepted += 1;
            assert!(
                Path::new(path.as_str()).components().all(|part| matches!(part, Component::Normal(_))),
                "{text:?}"
            );
            assert_eq!(path.parts().count(), Path::new(path.as_str()).components().count(), "{text:?}");
        }
        assert!(accepted > 1000, "the alphabet makes some good paths too");
    }

    #[test]
    fn repositories_commits_names_and_digests_are_strict() {
        for text in [
            "", "a", "a/b/c", "a/", "/b", "a/..", "../b", "a b/c", "a/b@c", "a/b?x", "a/b#", "a%2f/b",
            "a/b--c", "-a/b", "ä/b",
        ] {
            assert!(text.parse::<RepoId>().is_err(), "accepted {text:?}");
        }
        assert_eq!("Qwen/Qwen2.5-Coder-7B".parse::<RepoId>().unwrap().folder(), "Qwen--Qwen2.5-Coder-7B");
        for text in ["", "main", &"g".repeat(40), &"A".repeat(40), &"a".repeat(39), &"a".repeat(41)] {
            assert!(text.parse::<CommitId>().is_err(), "accepted {text:?}");
        }
        for text in
            ["", "A", "a/b", "..", ".a", "a.", "-a", "a@b", "a b", "con", "nul.x", &"a".repeat(97), "ä"]
        {
            assert!(text.parse::<ModelName>().is_err(), "accepted {text:?}");
        }
        for text in ["", "abc", &"g".repeat(64), &"A".repeat(64), &"é".repeat(32), &"a".repeat(65)] {
            assert!(text.parse::<Digest>().is_err(), "accepted {text:?}");
        }
        let text = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
    }

    #[test]
    fn any_file_stem_with_a_letter_becomes_a_name() {
        let name = |text| ModelName::from_text(text).unwrap().to_string();
        assert_eq!(name("SmolLM2-135M-Instruct.Q4_1"), "smollm2-135m-instruct.q4_1");
        assert_eq!(name("../my model (1)"), "my-model--1");
        assert_eq!(name(&"x.".repeat(90)).len(), 95);
        assert!(ModelName::from_text("///").is_err());
        assert!(ModelName::from_text("con").is_err());
    }

    #[test]
    fn an_error_does_not_repeat_control_characters() {
        let message = "a\u{1b}[31m/../b".parse::<RelPath>().unwrap_err().to_string();
        assert!(!message.contains('\u{1b}'), "{message}");
    }
}
