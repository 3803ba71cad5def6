//! Which files are read.

use crate::support::Fixture;
use knowledge::walk::{LARGEST_FILE, Reason, Root, RootError};
use std::path::Path;

fn found(fixture: &Fixture) -> Vec<String> {
    let walk = Root::open(&fixture.root()).unwrap().walk();
    walk.files.into_iter().map(|file| file.path).filter(|path| !path.ends_with("ignore")).collect()
}

#[test]
fn ignore_files_are_read_as_git_reads_them() {
    let fixture = Fixture::new(&[
        (".gitignore", "*.log\n!keep.log\n/build/\n# a comment\n\\#odd\ndocs/*.tmp\n**/deep/gone\nspace \n"),
        ("a.rs", ""),
        ("x.log", ""),
        ("keep.log", ""),
        ("build/out.rs", ""),
        ("sub/build/in.rs", ""),
        ("#odd", ""),
        ("docs/a.tmp", ""),
        ("docs/sub/a.tmp", ""),
        ("a/b/deep/gone/x.rs", ""),
        ("space", ""),
        ("sub/.gitignore", "*.rs\n!in.rs\n"),
        ("sub/other.rs", ""),
    ]);
    let expected = ["a.rs", "docs/sub/a.tmp", "keep.log", "sub/build/in.rs"];
    assert_eq!(found(&fixture), expected);
}

#[test]
fn honeignore_goes_before_gitignore() {
    let fixture = Fixture::new(&[
        (".gitignore", "generated/\n"),
        (".honeignore", "!generated/\nfixtures/\n"),
        ("generated/api.rs", ""),
        ("fixtures/big.json", ""),
        ("src/main.rs", ""),
    ]);
    assert_eq!(found(&fixture), ["generated/api.rs", "src/main.rs"]);
}

#[test]
fn secrets_and_foreign_folders_are_left_out_whatever_the_ignore_files_say() {
    let fixture = Fixture::new(&[
        (".honeignore", "!.env\n!*.pem\n!.git\n!node_modules\n!**\n"),
        (".gitignore", "!.env\n!**\n"),
        (".env", "KEY=1"),
        (".env.example", "KEY="),
        ("certs/server.pem", ""),
        (".ssh/config", ""),
        (".git/config", ""),
        ("node_modules/x/index.js", ""),
        ("out/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55"),
        ("out/made.rs", ""),
        (".github/workflows/ci.yml", ""),
        ("src/env.rs", ""),
    ]);
    assert_eq!(found(&fixture), [".env.example", ".github/workflows/ci.yml", "src/env.rs"]);
    let skipped = Root::open(&fixture.root()).unwrap().walk().skipped;
    assert_eq!(skipped[&Reason::Secret], 3);
    assert_eq!(skipped[&Reason::Foreign], 3);
}

#[test]
fn names_may_be_in_any_script() {
    let fixture = Fixture::new(&[
        ("häuser/größe.rs", ""),
        ("日本語/読.py", ""),
        ("a b/c'd \"e\".md", ""),
        ("🦀.rs", ""),
    ]);
    let expected = ["a b/c'd \"e\".md", "häuser/größe.rs", "日本語/読.py", "🦀.rs"];
    assert_eq!(found(&fixture), expected);
    let root = Root::open(&fixture.root()).unwrap();
    assert!(expected.iter().all(|path| root.read(path).is_ok()));
}

#[test]
fn large_and_binary_files_are_not_read() {
    let fixture = Fixture::new(&[("empty.rs", ""), ("plain.txt", "text")]);
    fixture.write("large.txt", vec![b'a'; LARGEST_FILE as usize + 1]);
    fixture.write("largest.txt", vec![b'a'; LARGEST_FILE as usize]);
    fixture.write("zero.bin", b"a\0b");
    fixture.write("late.bin", [vec![b'a'; 20_000], vec![0]].concat());
    assert_eq!(found(&fixture), ["empty.rs", "largest.txt", "late.bin", "plain.txt", "zero.bin"]);
    let root = Root::open(&fixture.root()).unwrap();
    assert_eq!(root.walk().skipped[&Reason::TooLarge], 1);
    for (path, expected) in [
        ("empty.rs", Ok(0)),
        ("plain.txt", Ok(4)),
        ("largest.txt", Ok(LARGEST_FILE as usize)),
        ("large.txt", Err(Reason::TooLarge)),
        ("zero.bin", Err(Reason::Binary)),
        ("late.bin", Err(Reason::Binary)),
        ("none.rs", Err(Reason::Unreadable)),
    ] {
        assert_eq!(root.read(path).map(|text| text.len()), expected, "{path}");
    }
}

#[test]
fn what_is_no_folder_of_code_is_refused() {
    let fixture = Fixture::new(&[("a.rs", "")]);
    let open = |path: &Path| Root::open(path).err().unwrap();
    assert!(matches!(open(&fixture.root().join("a.rs")), RootError::NoFolder(_)));
    assert!(matches!(open(&fixture.root().join("none")), RootError::Unreadable(..)));
    assert!(matches!(open(Path::new("/")), RootError::System(_)));
    #[cfg(target_os = "linux")]
    for system in
        ["/proc", "/proc/self", "/sys/kernel", "/dev"].map(Path::new).into_iter().filter(|p| p.exists())
    {
        assert!(matches!(open(system), RootError::System(_)), "{}", system.display());
    }
}
