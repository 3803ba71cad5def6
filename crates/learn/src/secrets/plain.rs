//! What is no secret though it looks like one: examples, references to a secret kept elsewhere, code, hashes.

use super::letters::Classes;

/// Words of values that stand for a secret.
const STAND_INS: [&str; 33] = [
    "example",
    "your",
    "xxxx",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "dummy",
    "sample",
    "redacted",
    "insert",
    "replace",
    "todo",
    "fixme",
    "notreal",
    "not-real",
    "not_a_",
    "fake",
    "foobar",
    "secret_here",
    "here>",
    "abcdefgh",
    "abcd1234",
    "1234567",
    "0123456",
    "0000000",
    "deadbeef",
    "lorem",
    "...",
    "****",
    "____",
    "-----",
    "aaaaaa",
];

/// Beginnings of values that are looked up elsewhere.
const LOOKED_UP: [&str; 19] = [
    "$",
    "%",
    "{",
    "<",
    "[",
    "&",
    "@",
    "!",
    "#",
    "process.env",
    "os.",
    "env.",
    "env!",
    "ENV[",
    "getenv",
    "config.",
    "settings.",
    "vault:",
    "secrets.",
];

/// An example as documentation has it, or a value that only points to the secret.
pub(super) fn is_example(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let repeats = value.bytes().zip(value.bytes().skip(1)).filter(|(a, b)| a == b).count();
    STAND_INS.iter().any(|word| lower.contains(word))
        || LOOKED_UP.iter().any(|start| value.starts_with(start))
        || repeats * 2 > value.len()
}

/// A word, a name or an expression of a program.
pub(super) fn is_code(value: &str) -> bool {
    let bracket = value.contains(['(', ')', '[', ']', '{', '}', '<', '>'])
        && !value.contains(['#', '!', '$', '%', '^']);
    let classes = Classes::of(value);
    let named = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-/\\".contains(&b));
    // Names change between classes at word borders only.
    let few_changes = classes.changes * 3 <= value.len() && classes.digit * 6 <= value.len();
    bracket || value.contains("::") || value.contains("->") || named && few_changes
}

/// Words before a value that say it is a hash, an id or public.
const HARMLESS: [&str; 36] = [
    "sha",
    "md5",
    "hash",
    "checksum",
    "digest",
    "integrity",
    "etag",
    "commit",
    "fingerprint",
    "public",
    "pubkey",
    "nonce",
    "uuid",
    "guid",
    "blake",
    "crc",
    "revision",
    "rev=",
    "resolved",
    "base64,",
    "ssh-rsa",
    "ssh-ed25519",
    "ecdsa-sha2",
    "ssh-dss",
    "cid",
    "image/",
    "font/",
    "application/",
    "sourcemapping",
    "certificate",
    "cert",
    "viewbox",
    "d=\"",
    "path",
    "version",
    "build",
];

/// Whether what stands before a value says that it is no secret.
pub(super) fn is_harmless_after(before: &str) -> bool {
    let lower = before.to_ascii_lowercase();
    HARMLESS.iter().any(|word| lower.contains(word)) || before.ends_with("h1:")
}

/// The last `most` bytes or a little less, on the same line.
pub(super) fn line_before(text: &str, at: usize, most: usize) -> &str {
    let mut from = at.saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let before = &text[from..at];
    before.rsplit('\n').next().unwrap_or(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_and_code_are_known() {
        for value in [
            "AKIAIOSFODNN7EXAMPLE",
            "your-api-key",
            "${TOKEN}",
            "xxxxxxxxxxxx",
            "process.env.KEY",
            "************",
        ] {
            assert!(is_example(value), "{value}");
        }
        for value in
            ["self.token", "getPassword()", "user_password", "std::env", "PasswordField", "text-input"]
        {
            assert!(is_code(value), "{value}");
        }
        for value in ["hT7#kq2!zP", "x7Kq2PzR9tWb4LmV", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"] {
            assert!(!is_code(value) && !is_example(value), "{value}");
        }
    }
}
