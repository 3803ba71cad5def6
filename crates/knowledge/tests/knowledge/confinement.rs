//! Nothing outside of an indexed folder is ever read, whatever its links and names are (security goal G23).

use crate::support::{Fixture, add};
use knowledge::walk::{Reason, Root};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const SECRET: &str = "outside-of-the-root";

/// A project with a secret beside it and links of every kind.
fn hostile() -> Fixture {
    let fixture = Fixture::new(&[("in.rs", "fn inside() {}"), ("sub/deep/x.rs", "fn deep() {}")]);
    let outside = fixture.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret.txt"), SECRET).unwrap();
    let root = fixture.root();
    symlink(outside.join("secret.txt"), root.join("absolute.txt")).unwrap();
    symlink("../outside/secret.txt", root.join("relative.txt")).unwrap();
    symlink("../outside", root.join("folder")).unwrap();
    symlink("sub/../../outside", root.join("winding")).unwrap();
    symlink("folder/secret.txt", root.join("chained.txt")).unwrap();
    symlink("/proc/self/environ", root.join("environment")).unwrap();
    symlink("/proc/self/root", root.join("system")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("in.rs", root.join("inner.rs")).unwrap();
    symlink(".", root.join("sub/deep/up")).unwrap();
    make_pipe(&root.join("pipe.rs"));
    fixture
}

fn make_pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn links_and_pipes_are_counted_and_not_followed() {
    let fixture = hostile();
    let walk = Root::open(&fixture.root()).unwrap().walk();
    let paths: Vec<&str> = walk.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["in.rs", "sub/deep/x.rs"]);
    assert_eq!(walk.skipped[&Reason::Link], 2);
    assert_eq!(walk.skipped[&Reason::LinkOutside], 9);
    assert_eq!(walk.skipped[&Reason::Special], 1);
    assert_eq!(add(&fixture.knowledge(), &fixture.root()).files, 2);
}

#[test]
fn no_name_leads_out_of_the_root() {
    let fixture = hostile();
    let root = Root::open(&fixture.root()).unwrap();
    let knowledge = fixture.knowledge();
    add(&knowledge, &fixture.root());
    let outside = fixture.folder.path().join("outside/secret.txt");
    let mut tried = 0;
    let ends = [
        "outside/secret.txt",
        "project/../outside/secret.txt",
        "./outside/secret.txt",
        "outside//secret.txt",
    ];
    let ways = [
        "..",
        "../.",
        "./..",
        "sub/../..",
        "sub/deep/../../..",
        "sub/./deep/../../../",
        "folder/..",
        "folder/../../x/..",
        "winding/..",
        "sub/deep/up/../../..",
        "sub//..//..",
        "in.rs/../..",
        "none/../..",
        "loop/..",
        "system/tmp/..",
        "%2e%2e",
        "..\\",
        "..%2f",
        "....//",
        ".. ",
        "..\u{0}",
        "\u{2025}",
        "\u{ff0e}\u{ff0e}",
        "~",
        "$HOME",
        "/",
        "//",
        "file://",
        "sub/../../project/..",
        "../../../../../../../../../..",
    ];
    let links = [
        "absolute.txt",
        "relative.txt",
        "folder/secret.txt",
        "winding/secret.txt",
        "chained.txt",
        "environment",
        "system/etc/passwd",
        "system/etc/hostname",
        "loop",
        "dangling",
        "pipe.rs",
        "folder",
        "sub",
        ".",
        "",
        "/",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "../outside/secret.txt",
        "folder/./secret.txt",
        "sub/../folder/secret.txt",
        "./relative.txt",
        "sub/deep/up/../../../outside/secret.txt",
        "in.rs/x",
    ];
    let winding = ways.iter().flat_map(|way| ends.iter().map(move |end| format!("{way}/{end}")));
    let names: Vec<String> = winding.chain(links.map(String::from)).collect();
    for name in names.iter().cloned().chain([outside.to_str().unwrap().to_owned()]) {
        for read in [
            root.read(&name).map_err(|e| e.to_string()),
            knowledge.read(Path::new(&name), Some(&fixture.root())).map_err(|e| e.to_string()),
            knowledge.read(&fixture.root().join(&name), None).map_err(|e| e.to_string()),
        ] {
            assert!(read.is_err(), "{name:?} gave {read:?}");
            tried += 1;
        }
    }
    println!("{tried} names, 0 escapes");
    assert!(tried >= 150);
    assert_eq!(knowledge.read(Path::new("in.rs"), Some(&fixture.root())).unwrap(), "fn inside() {}");
    assert_eq!(knowledge.read(&fixture.root().join("sub/deep/x.rs"), None).unwrap(), "fn deep() {}");
}

#[test]
fn secrets_of_an_indexed_folder_are_not_read_either() {
    let fixture =
        Fixture::new(&[("a.rs", "x"), (".env", SECRET), (".git/config", SECRET), ("k/.ssh/id", SECRET)]);
    symlink(".env", fixture.root().join("plain.txt")).unwrap();
    let knowledge = fixture.knowledge();
    add(&knowledge, &fixture.root());
    for path in ["plain.txt", ".env", ".git/config", "k/.ssh/id", "./.env", "k/../.env"] {
        assert!(knowledge.read(Path::new(path), Some(&fixture.root())).is_err(), "{path}");
    }
}

/// Another process changes a folder into a link and back while it is read.
#[test]
fn a_race_of_folder_and_link_gives_nothing_from_outside() {
    let fixture = Fixture::new(&[("swap/secret.txt", "inside")]);
    let outside = fixture.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret.txt"), SECRET).unwrap();
    let (real, link, swap) = ("real", "link", "swap");
    let at = |name: &str| fixture.root().join(name);
    symlink(&outside, at(link)).unwrap();
    let root = Root::open(&fixture.root()).unwrap();
    let stop = AtomicBool::new(false);
    let (mut inside, mut refused, mut swaps) = (0, 0, 0u32);
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let mut swaps = 0;
            while !stop.load(Ordering::Relaxed) {
                fs::rename(at(swap), at(real)).unwrap();
                fs::rename(at(link), at(swap)).unwrap();
                fs::rename(at(swap), at(link)).unwrap();
                fs::rename(at(real), at(swap)).unwrap();
                swaps += 1;
            }
            swaps
        });
        for _ in 0..10_000 {
            match root.read("swap/secret.txt") {
                Ok(text) => {
                    assert_eq!(text, "inside");
                    inside += 1;
                }
                Err(_) => refused += 1,
            }
        }
        stop.store(true, Ordering::Relaxed);
        swaps = swapping.join().unwrap();
    });
    println!("10,000 reads during {swaps} swaps: {inside} inside, {refused} refused, 0 outside");
}
