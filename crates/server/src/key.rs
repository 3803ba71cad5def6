//! The API key: is it strong enough, and is it the right one?

use subtle::ConstantTimeEq;

/// A key that guards a public address is worth at least this much.
pub(crate) const MIN_BITS: u32 = 128;

/// Fewer different characters than this are a pattern, not a random key.
const MIN_DISTINCT: usize = 8;

/// How many bits a random key of this length and alphabet has. A repeated pattern has none.
pub(crate) fn strength_bits(key: &str) -> u32 {
    let bytes = key.as_bytes();
    let mut seen = [false; 256];
    bytes.iter().for_each(|b| seen[usize::from(*b)] = true);
    if seen.iter().filter(|s| **s).count() < MIN_DISTINCT {
        return 0;
    }
    let has = |class: fn(&u8) -> bool| bytes.iter().any(class);
    let alphabet = if bytes.iter().all(u8::is_ascii_digit) {
        10
    } else if bytes.iter().all(u8::is_ascii_hexdigit) {
        16
    } else {
        // Any of `-_+/=.` and the like widens the alphabet by the two that base64 uses.
        26 * u32::from(has(u8::is_ascii_lowercase))
            + 26 * u32::from(has(u8::is_ascii_uppercase))
            + 10 * u32::from(has(u8::is_ascii_digit))
            + 2 * u32::from(has(u8::is_ascii_punctuation))
    };
    (bytes.len() as f32 * (alphabet.max(1) as f32).log2()) as u32
}

/// A key that can stand in an `Authorization` header.
pub(crate) fn is_sendable(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether an `Authorization` header carries this key; the time taken does not tell how much of it matched.
pub(crate) fn matches(header: &[u8], key: &str) -> bool {
    let Some((scheme, token)) = header.split_at_checked("Bearer ".len()) else { return false };
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(token.ct_eq(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_counts_length_and_alphabet() {
        assert_eq!(strength_bits("0f3a9c5e7b1d2846ac3e5f7091b2d4c6"), 128, "16 random bytes as hex");
        assert!(strength_bits("0f3a9c5e7b1d2846ac3e5f7091b2d4c") < MIN_BITS, "one digit fewer");
        assert!(strength_bits("q7Zr-1bWk9_LxT3vYc0MpA") >= MIN_BITS, "16 random bytes as base64url");
        assert!(strength_bits("correct-horse") < MIN_BITS);
        assert_eq!(strength_bits(&"ab".repeat(100)), 0, "a pattern");
        assert_eq!(strength_bits(""), 0);
    }

    #[test]
    fn only_the_whole_key_matches() {
        assert!(matches(b"Bearer k3y", "k3y"));
        assert!(matches(b"bearer k3y", "k3y"));
        for wrong in [&b"Bearer k3"[..], b"Bearer k3y ", b"Bearer k3yy", b"Basic k3y", b"Bearer", b"k3y", b""]
        {
            assert!(!matches(wrong, "k3y"), "{}", String::from_utf8_lossy(wrong));
        }
    }
}
