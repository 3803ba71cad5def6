//! Files that are wrong as files: magic, counts, metadata, tensor list.

use crate::raw::{ARRAY, BOOL, F32, Raw, STRING, U8, U32, array, key, tensor, text};
use crate::{Case, case};

/// Lengths and counts that no file of this size can have.
const HUGE: [u64; 8] = [1 << 20, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 61, 1 << 62, 1 << 63, u64::MAX];

pub(crate) fn all() -> Vec<Case> {
    let groups =
        [foreign(), versions(), counts(), keys(), arrays(), alignments(), shapes(), formats(), places()];
    groups.into_iter().flatten().collect()
}

/// Other kinds of files, called `.gguf`.
fn foreign() -> Vec<Case> {
    let files: [&[u8]; 21] = [
        b"",
        b"G",
        b"GG",
        b"GGU",
        b"GGUf\x03\0\0\0",
        b"gguf\x03\0\0\0",
        b"FUGG\0\0\0\x03",
        b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>",
        b"\r\n  <html lang=en>",
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 93000000\n",
        b"{\"error\":\"Invalid username or password.\"}",
        b"PK\x03\x04\x14\0\0\0\x08\0",
        b"tjgg\x01\0\0\0",
        b"lmgg\x01\0\0\0",
        b"fmgg\x01\0\0\0",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\x80\x02}q\0(X\x05\0\0\0",
        b"\xef\xbb\xbfGGUF\x03\0\0\0",
        b"Entry not found",
    ];
    files.iter().map(|file| case("foreign", "NotGguf", file.to_vec())).collect()
}

fn versions() -> Vec<Case> {
    let unknown = [0, 1, 4, 5, 255, 65536, 0x3000_0001, 1 << 31, u32::MAX];
    let unknown =
        unknown.map(|version| case("version", "Version", Raw { version, ..Raw::default() }.bytes()));
    let swapped = [1u32, 2, 3].map(u32::swap_bytes);
    let swapped =
        swapped.map(|version| case("big-endian", "BigEndian", Raw { version, ..Raw::default() }.bytes()));
    unknown.into_iter().chain(swapped).collect()
}

fn counts() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in HUGE.into_iter().chain([65_537, 100_000]) {
        let keys = Raw { key_count: Some(count), ..Raw::default() };
        cases.push(case("key count", "Limit", keys.bytes()));
        let tensors = Raw { tensor_count: Some(count), ..Raw::default() };
        cases.push(case("tensor count", "Limit", tensors.bytes()));
    }
    for count in [100, 10_000, 65_536] {
        let keys = Raw { key_count: Some(count), ..Raw::default() };
        cases.push(case("key count", "Truncated", keys.bytes()));
        let tensors = Raw { tensor_count: Some(count), ..Raw::default() };
        cases.push(case("tensor count", "Truncated", tensors.bytes()));
    }
    // One too many: the next part is read as one of these, or there is none.
    cases.push(case("key count", "", Raw { key_count: Some(2), ..Raw::default() }.bytes()));
    cases.push(case("tensor count", "", Raw { tensor_count: Some(2), ..Raw::default() }.bytes()));
    cases.push(case("key count", "", Raw { key_count: Some(0), ..Raw::default() }.bytes()));
    cases
}

fn keys() -> Vec<Case> {
    let with = |entry: Vec<u8>| Raw { keys: vec![entry], ..Raw::default() }.bytes();
    let mut cases = vec![
        case("empty key", "EmptyName", with(key("", U8, &[1]))),
        case("duplicate key", "Duplicate", {
            let one = key("general.name", STRING, &text("x"));
            Raw { keys: vec![one.clone(), key("between", U8, &[0]), one], ..Raw::default() }.bytes()
        }),
        case("duplicate key of another type", "Duplicate", {
            let (one, two) = (key("a", U8, &[1]), key("a", STRING, &text("x")));
            Raw { keys: vec![one, two], ..Raw::default() }.bytes()
        }),
        // The shortest file with a key: 37 bytes.
        case(
            "empty key",
            "",
            Raw { keys: vec![key("", U8, &[1])], tensors: vec![], data: 0, ..Raw::default() }.bytes(),
        ),
    ];
    for len in HUGE {
        let expected = if len > 16 << 20 { "Limit" } else { "Truncated" };
        let entry = [&len.to_le_bytes()[..], b"general.name"].concat();
        cases.push(case("key length", expected, with(entry)));
        let entry = [&key("k", STRING, &len.to_le_bytes())[..], b"value"].concat();
        cases.push(case("string length", expected, with(entry)));
    }
    for bytes in [&b"\xff\xfe"[..], b"\xc0\x80", b"\xed\xa0\x80", b"ab\x80", b"\xf5\x80\x80\x80"] {
        let raw = [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat();
        cases.push(case("key not UTF-8", "Utf8", with([&raw[..], &U8.to_le_bytes(), &[1]].concat())));
        cases.push(case("string not UTF-8", "Utf8", with(key("k", STRING, &raw))));
        cases.push(case(
            "array string not UTF-8",
            "Utf8",
            with(key("k", ARRAY, &[array(STRING, 1), raw].concat())),
        ));
    }
    for kind in [13, 14, 32, 255, 256, 1 << 16, 1 << 31, u32::MAX] {
        cases.push(case("value type", "Kind", with(key("k", kind, &[0; 16]))));
        cases.push(case("element type", "Kind", with(key("k", ARRAY, &array(kind, 1)))));
    }
    cases
}

fn arrays() -> Vec<Case> {
    let with = |value: Vec<u8>| Raw { keys: vec![key("k", ARRAY, &value)], ..Raw::default() }.bytes();
    let mut cases = Vec::new();
    for kind in 0..=12 {
        for len in HUGE {
            cases.push(case("array length", "Truncated", with(array(kind, len))));
        }
    }
    for depth in [5, 6, 64, 1_000, 10_000] {
        let nested = [array(ARRAY, 1).repeat(depth - 1), array(U8, 1), vec![7]].concat();
        cases.push(case("nested arrays", "Limit", with(nested)));
    }
    // Many empty arrays inside an array, one of them cut.
    cases.push(case(
        "nested arrays",
        "Truncated",
        with([array(ARRAY, 5000), array(U8, 0).repeat(4000)].concat()),
    ));
    cases
}

fn alignments() -> Vec<Case> {
    let with = |kind, value: &[u8]| {
        let entry = key("general.alignment", kind, value);
        Raw { keys: vec![entry], ..Raw::default() }.bytes()
    };
    let mut cases = Vec::new();
    for alignment in [0, 1, 2, 3, 4, 5, 7, 9, 12, 33, 48, 100, 0x7fff_ffff, 0x8000_0001, u32::MAX] {
        cases.push(case("alignment", "Alignment", with(U32, &alignment.to_le_bytes())));
    }
    for alignment in [1 << 20, 1 << 30, 1u32 << 31] {
        cases.push(case("alignment", "Data", with(U32, &alignment.to_le_bytes())));
    }
    let wrong_types = [
        (F32, 32f32.to_le_bytes().to_vec()),
        (BOOL, vec![1]),
        (STRING, text("32")),
        (ARRAY, [array(U32, 1), 32u32.to_le_bytes().to_vec()].concat()),
        (11, (-32i64).to_le_bytes().to_vec()),
        (12, 32f64.to_le_bytes().to_vec()),
        (10, (1u64 << 40).to_le_bytes().to_vec()),
    ];
    cases.extend(wrong_types.map(|(kind, value)| case("alignment type", "Type", with(kind, &value))));
    // Without tensors a bad alignment is still an error: 57 bytes and more.
    let entry = key("general.alignment", U32, &0u32.to_le_bytes());
    let alone = Raw { keys: vec![entry], tensors: vec![], data: 0, ..Raw::default() };
    cases.push(case("alignment", "Alignment", alone.bytes()));
    cases
}

fn shapes() -> Vec<Case> {
    let with = |dims: &[u64], format| {
        Raw { tensors: vec![tensor("a", dims, format, 0)], data: 4096, ..Raw::default() }.bytes()
    };
    let rank = |rank: u32| {
        let mut entry = text("a");
        entry.extend(rank.to_le_bytes());
        entry.extend([1; 64]);
        Raw { tensors: vec![entry], ..Raw::default() }.bytes()
    };
    let mut cases: Vec<Case> =
        [0, 5, 6, 255, 1 << 16, 1 << 31, u32::MAX].map(|n| case("rank", "Dimensions", rank(n))).into();
    let zero = [
        &[0][..],
        &[0, 4],
        &[4, 0],
        &[0, 0],
        &[4, 0, 4],
        &[4, 4, 0],
        &[1, 1, 1, 0],
        &[0, 1, 1, 1],
        &[0, 1 << 63],
    ];
    cases.extend(zero.map(|dims| case("zero dimension", "Dimensions", with(dims, 0))));
    let (big, half, all) = (1 << 40, 1 << 32, u64::MAX);
    let wrapping: [&[u64]; 14] = [
        &[big, big],
        &[big, 1 << 24],
        &[half, half],
        &[half, half, 1],
        &[1 << 16, 1 << 16, 1 << 16, 1 << 16],
        &[1 << 63, 2],
        &[2, 1 << 63],
        &[all],
        &[all, all],
        &[all, all, all, all],
        &[1 << 62],
        &[1 << 61, 4],
        &[1 << 63],
        &[3, 0x5555_5555_5555_5556],
    ];
    for dims in wrapping {
        cases.push(case("dimensions overflow", "Data", with(dims, 0)));
        cases.push(case("dimensions overflow", "Data", with(dims, 8)));
    }
    for format in [2, 3, 6, 7, 8, 12, 13, 14] {
        for cols in [1, 31, 33, 255, 300] {
            cases.push(case("ragged row", "Dimensions", with(&[cols, 2], format)));
        }
    }
    let mut no_name = tensor("", &[32], 0, 0);
    cases.push(case(
        "tensor name",
        "EmptyName",
        Raw { tensors: vec![no_name.clone()], ..Raw::default() }.bytes(),
    ));
    for len in HUGE {
        no_name[..8].copy_from_slice(&len.to_le_bytes());
        cases.push(case("tensor name", "", Raw { tensors: vec![no_name.clone()], ..Raw::default() }.bytes()));
    }
    cases
}

/// Numbers that stand for no format, and formats that are not computed with.
fn formats() -> Vec<Case> {
    let supported = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 30];
    let ids = (0..64).chain([100, 255, 256, 1 << 16, 1 << 31, u32::MAX]).filter(|id| !supported.contains(id));
    ids.map(|id| {
        let raw = Raw { tensors: vec![tensor("a", &[256], id, 0)], data: 2048, ..Raw::default() };
        case("format", "Format", raw.bytes())
    })
    .collect()
}

fn places() -> Vec<Case> {
    let at = |offsets: &[u64]| {
        let tensors =
            offsets.iter().enumerate().map(|(n, &offset)| tensor(&format!("t{n}"), &[32], 0, offset));
        Raw { tensors: tensors.collect(), data: 1024, ..Raw::default() }.bytes()
    };
    let mut cases: Vec<Case> =
        (1..32).map(|offset| case("offset unaligned", "Data", at(&[offset]))).collect();
    for offset in [1024, 928, 1 << 20, 1 << 32, 1 << 62, 1 << 63, u64::MAX - 31] {
        cases.push(case("offset past the end", "Data", at(&[0, offset])));
    }
    for offsets in [&[0, 0][..], &[0, 32], &[0, 96], &[96, 0], &[256, 0, 224], &[0, 128, 256, 128]] {
        cases.push(case("overlap", "Data", at(offsets)));
    }
    let twice = vec![tensor("a", &[32], 0, 0), tensor("b", &[32], 0, 128), tensor("a", &[32], 0, 256)];
    cases.push(case(
        "duplicate tensor",
        "Duplicate",
        Raw { tensors: twice, data: 384, ..Raw::default() }.bytes(),
    ));
    for data in [0, 1, 32, 64, 127] {
        cases.push(case("data cut off", "Data", Raw { data, ..Raw::default() }.bytes()));
    }
    cases
}
