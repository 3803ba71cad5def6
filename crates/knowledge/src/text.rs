//! Is it text? What a file's bytes say, whatever they are encoded in.

/// Bytes as text, if they are text: UTF-8, UTF-16 with its mark, or Latin-1 with few odd bytes; no NUL.
pub(crate) fn text(bytes: Vec<u8>) -> Option<String> {
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|c| unit([c[0], c[1]])).collect();
        String::from_utf16(&units).ok().filter(|text| !text.contains('\0'))
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => return utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => return utf16(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => return text(rest.to_vec()),
        _ => {}
    }
    if bytes.contains(&0) {
        return None;
    }
    String::from_utf8(bytes).or_else(|e| latin1(e.as_bytes()).ok_or(())).ok()
}

/// Old source files: a few letters above 127, and no control characters.
fn latin1(bytes: &[u8]) -> Option<String> {
    let odd = bytes.iter().filter(|b| **b >= 0x80).count();
    let control =
        |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c) || (0x7f..0xa0).contains(b);
    (odd * 10 <= bytes.len() && !bytes.iter().any(control))
        .then(|| bytes.iter().map(|b| char::from(*b)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_binaries() {
        let is = |bytes: &[u8]| text(bytes.to_vec());
        assert_eq!(is(b"plain \xc3\xa9").unwrap(), "plain é");
        assert_eq!(is(b"\xef\xbb\xbfmark").unwrap(), "mark");
        assert_eq!(is(b"\xff\xfeh\0i\0").unwrap(), "hi");
        assert_eq!(is(b"\xfe\xff\0h\0i").unwrap(), "hi");
        assert_eq!(is(b"caf\xe9 is an old encoding").unwrap(), "café is an old encoding");
        assert_eq!(is(b"").unwrap(), "");
        assert_eq!(is(b"\x7fELF\x02\x01\0"), None);
        assert_eq!(is(b"\x89PNG\r\n\x1a\n\xff\xd8\xff"), None);
        assert_eq!(is(b"\xff\xfe\0\xd8"), None);
    }
}
