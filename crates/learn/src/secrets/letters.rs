//! What the letters of a value say: how random they are, and checksums that some tokens carry.

/// Bits a character (Shannon), by the value's own frequencies.
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0u32; 256];
    value.bytes().for_each(|b| counts[usize::from(b)] += 1);
    let n = value.len() as f64;
    counts.iter().filter(|&&c| c > 0).map(|&c| f64::from(c) / n).map(|p| -p * p.log2()).sum()
}

/// Classes of characters in a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Classes {
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digit: usize,
    pub(super) other: usize,
    /// Neighbours of different classes: many in random text, few in words and names.
    pub(super) changes: usize,
    /// Capitals behind capitals: many in random text of both cases, few in names.
    pub(super) capitals: usize,
}

impl Classes {
    pub(super) fn of(value: &str) -> Classes {
        let mut classes = Classes::default();
        let mut last = 4;
        for b in value.bytes() {
            let class = match b {
                b'a'..=b'z' => 0,
                b'A'..=b'Z' => 1,
                b'0'..=b'9' => 2,
                _ => 3,
            };
            match class {
                0 => classes.lower += 1,
                1 => classes.upper += 1,
                2 => classes.digit += 1,
                _ => classes.other += 1,
            }
            classes.changes += usize::from(last != class && last != 4);
            classes.capitals += usize::from((last, class) == (1, 1));
            last = class;
        }
        classes
    }

    /// Letters of both cases as no name has them.
    pub(super) fn is_shuffled(self) -> bool {
        let all = self.lower + self.upper + self.digit + self.other;
        self.lower > 0 && self.upper > 0 && self.capitals * 10 >= all
    }

    /// How many of the four kinds are there.
    pub(super) fn kinds(self) -> usize {
        [self.lower, self.upper, self.digit, self.other].iter().filter(|&&n| n > 0).count()
    }
}

/// Only hexadecimal digits, perhaps between hyphens.
pub(super) fn is_hex(value: &str) -> bool {
    let value = value.strip_prefix("0x").unwrap_or(value);
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Tokens of GitHub and npm end in the CRC-32 of their body, in base 62, six digits.
pub(super) fn has_checksum(body: &str) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((value, sum)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else {
        return false;
    };
    let mut rest = crc32(value.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    sum.as_bytes() == digits
}

/// The CRC of zip and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: i32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_zlib() {
        // python3 -c 'import zlib; print(zlib.crc32(b"123456789"))'
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        // The CRC of thirty zeros is 2378646653, in base 62 2azOGv.
        let body = "0".repeat(30);
        let mut rest = crc32(body.as_bytes());
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut sum = Vec::new();
        while sum.len() < 6 {
            sum.insert(0, digits[(rest % 62) as usize] as char);
            rest /= 62;
        }
        let sum: String = sum.into_iter().collect();
        assert!(has_checksum(&format!("{body}{sum}")));
        assert!(!has_checksum(&format!("{body}000000")));
        assert!(!has_checksum("abc") && !has_checksum("ééé"));
    }

    #[test]
    fn random_text_is_told_from_words() {
        let (random, name) = (Classes::of("x7Kq2PzR9tWb4LmV"), Classes::of("getUserAccountName"));
        assert!(random.changes * 2 > 16 && name.changes * 2 < 18, "{random:?} {name:?}");
        assert!(entropy("aaaa") < 0.01 && (entropy("abcd") - 2.0).abs() < 1e-9);
    }
}
