//! What a cut-off, killed or doubled pull costs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hub::{HubError, Library, Progress};

use crate::server::{COMMIT, Fault, Hub, SPEC};
use crate::{Log, Rng, model_bytes, options, pull, sha256};

const MIB: u64 = 1 << 20;

fn range_of(hub: &Hub, fetch: usize) -> Option<String> {
    let fetches: Vec<_> = hub.seen().into_iter().filter(|seen| !seen.at_resolver).collect();
    fetches[fetch].headers.get("range").cloned()
}

#[test]
fn within_one_pull_no_byte_is_fetched_twice() {
    let content = model_bytes(2, 50_000);
    let hub = Hub::start(content.clone());
    let cuts = [1, 999, 4096, 20_000].map(|after| Fault::Cut { after, reset: false });
    hub.faults(cuts);
    let folder = tempfile::tempdir().unwrap();
    let model = pull(folder.path(), &options(&hub, 4096)).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    assert_eq!(hub.sent(), 50_000);
    let ranges: Vec<_> = (0..5).map(|fetch| range_of(&hub, fetch)).collect();
    let expected = [
        None,
        Some("bytes=1-49999"),
        Some("bytes=1000-49999"),
        Some("bytes=5096-49999"),
        Some("bytes=25096-49999"),
    ];
    assert_eq!(ranges, expected.map(|range| range.map(str::to_owned)));
    let second = hub.seen().into_iter().filter(|seen| !seen.at_resolver).nth(1).unwrap();
    assert_eq!(second.headers["if-range"], "\"version-1\"");
}

/// Wants to stop once so much has come.
struct Until(u64, AtomicU64);

impl Progress for Until {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, done: u64) {
        self.1.store(done, Ordering::Relaxed);
    }
    fn message(&self, _: &str) {}
    fn finish(&self) {}
    fn is_stopped(&self) -> bool {
        self.1.load(Ordering::Relaxed) >= self.0
    }
}

#[test]
fn a_pull_that_was_stopped_goes_on_where_it_was() {
    let content = model_bytes(3, 400_000);
    let hub = Hub::start(content.clone());
    let folder = tempfile::tempdir().unwrap();
    let (library, options) = (Library::open(folder.path()).unwrap(), options(&hub, 4096));
    let until = Until(1, AtomicU64::new(0));
    let stopped = hub::pull(&library, SPEC, &options, &until);
    assert!(matches!(stopped, Err(HubError::Stopped)), "{stopped:?}");
    let kept = until.1.into_inner();
    assert!(kept < 400_000, "it ended early");
    let model = pull(folder.path(), &options).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    assert_eq!(range_of(&hub, 1), Some(format!("bytes={}-399999", kept / 4096 * 4096)));
}

#[test]
fn a_second_pull_goes_on_at_the_last_whole_block() {
    let content = model_bytes(3, 50_000);
    let hub = Hub::start(content.clone());
    hub.faults([Fault::Cut { after: 21_000, reset: false }]);
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&hub, 4096);
    options.patience.retries = 0;
    assert!(matches!(pull(folder.path(), &options), Err(HubError::Network { .. })));
    let log = Log::default();
    let library = Library::open(folder.path()).unwrap();
    let model = hub::pull(&library, SPEC, &options, &log).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    assert_eq!(range_of(&hub, 1).as_deref(), Some("bytes=20480-49999"));
    let lines = log.lines.into_inner().unwrap();
    assert_eq!(lines[0], "start downloading Some(50000)");
    assert_eq!(lines[1], "at 20480", "progress counts what was there before");
    assert_eq!(lines.last().unwrap(), "finish");
}

#[test]
fn a_bad_block_of_8_mib_costs_at_most_16() {
    let content = model_bytes(4, 44 * MIB as usize);
    let hub = Hub::start(content.clone());
    let mut options = options(&hub, 8 * MIB);
    options.patience.stall = Duration::from_secs(20);
    hub.faults([Fault::Garbage(16 * MIB..24 * MIB)]);
    let folder = tempfile::tempdir().unwrap();
    let model = pull(folder.path(), &options).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    let again = hub.sent() - 44 * MIB;
    assert!((8 * MIB..=16 * MIB).contains(&again), "{again} bytes were fetched again");
}

#[test]
fn a_block_that_the_disk_lost_costs_one_block() {
    let (content, block) = (model_bytes(5, 100_000), 8192);
    let hub = Hub::start(content.clone());
    hub.faults([Fault::Cut { after: 90_000, reset: false }]);
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&hub, block);
    options.patience.retries = 0;
    assert!(pull(folder.path(), &options).is_err());
    let part = folder.path().join(".pulls/model/download.part");
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[3 * block as usize + 17] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let model = pull(folder.path(), &options).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    assert_eq!(range_of(&hub, 1).as_deref(), Some("bytes=24576-32767"));
    // The lost block, and the one that was not whole when the connection broke.
    assert!(hub.sent() <= 100_000 + 2 * block, "{} bytes", hub.sent());
}

#[test]
fn one_wrong_bit_is_found_at_the_price_of_one_more_download() {
    let content = model_bytes(6, 100_000);
    for at in [4, 50_000, 99_999] {
        let hub = Hub::start(content.clone());
        hub.faults([Fault::Flip { at }]);
        let folder = tempfile::tempdir().unwrap();
        let model = pull(folder.path(), &options(&hub, 8192)).unwrap();
        assert!(std::fs::read(model.path).unwrap() == content);
        // The samples, of 4 KiB for each of 13 blocks, come on top.
        assert!(hub.sent() <= 2 * 100_000 + 13 * 4096, "{} bytes", hub.sent());
    }
}

#[test]
fn wrong_bytes_from_a_server_without_ranges_cost_one_more_download() {
    let content = model_bytes(11, 100_000);
    let hub = Hub::start(content.clone());
    hub.faults([Fault::Flip { at: 70_000 }]).always(Some(Fault::Whole));
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&hub, 8192);
    options.patience.retries = 1;
    let model = pull(folder.path(), &options).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    assert_eq!(hub.fetches(), 1 + 2 + 1, "the first, two questions for a sample, the second");
}

#[test]
fn another_version_of_the_file_is_not_mixed_with_the_first() {
    let content = model_bytes(7, 50_000);
    let hub = Hub::start(content.clone());
    hub.faults([Fault::Cut { after: 20_000, reset: false }, Fault::NewTag]);
    let folder = tempfile::tempdir().unwrap();
    let model = pull(folder.path(), &options(&hub, 4096)).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    assert_eq!(range_of(&hub, 2), None, "it begins anew");
}

#[test]
fn a_server_without_ranges_does_not_lose_what_is_there() {
    let content = model_bytes(8, 50_000);
    let hub = Hub::start(content.clone());
    hub.faults([Fault::Cut { after: 30_000, reset: false }, Fault::Whole]);
    let folder = tempfile::tempdir().unwrap();
    let model = pull(folder.path(), &options(&hub, 4096)).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    assert_eq!(hub.fetches(), 2);
}

#[test]
fn two_pulls_at_once_fetch_once() {
    let content = model_bytes(9, 300_000);
    let hub = Hub::start(content.clone());
    let folder = tempfile::tempdir().unwrap();
    let mut processes: Vec<Child> = (0..3).map(|_| spawn(&hub, folder.path(), 65536)).collect();
    let options = options(&hub, 65536);
    let models: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| pull(folder.path(), &options))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    });
    assert!(processes.iter_mut().all(|process| process.wait().unwrap().success()));
    assert!(models.iter().all(|model| model.sha256 == sha256(&content)));
    assert_eq!((hub.fetches(), hub.sent()), (1, 300_000));
}

#[test]
fn killed_at_random_moments_a_pull_goes_on() {
    let block = 16_384;
    for seed in 0..20 {
        let mut rng = Rng(seed);
        let content = model_bytes(seed, 200_000 + rng.below(100_000));
        let hub = Hub::start(content.clone());
        let folder = tempfile::tempdir().unwrap();
        let after = rng.below(content.len());
        // With seeds above 15 the process dies in the midst of things, else in a stall at a known place.
        if seed <= 15 {
            hub.faults([Fault::Stall { after }]);
        }
        let mut process = spawn(&hub, folder.path(), block);
        if seed <= 15 {
            let list = folder.path().join(".pulls/model/download.blocks");
            let blocks =
                || std::fs::read_to_string(&list).map_or(0, |text| text.lines().count().saturating_sub(1));
            wait_until(|| blocks() >= after / block as usize);
        } else {
            std::thread::sleep(Duration::from_micros(rng.below(20_000) as u64));
        }
        process.kill().unwrap();
        process.wait().unwrap();
        let sent = hub.sent();
        let model = pull(folder.path(), &options(&hub, block)).unwrap();
        assert!(std::fs::read(&model.path).unwrap() == content, "seed {seed}");
        if seed <= 15 {
            let whole_blocks = after as u64 / block * block;
            assert_eq!(hub.sent() - sent, content.len() as u64 - whole_blocks, "seed {seed}");
        }
    }
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let content = model_bytes(10, 10_000);
    let hub = Hub::start(content.clone());
    let folder = tempfile::tempdir().unwrap();
    let first = pull(folder.path(), &options(&hub, 4096)).unwrap();
    assert_eq!(pull(folder.path(), &options(&hub, 4096)).unwrap(), first);
    assert_eq!(hub.fetches(), 1);
    let pinned = format!("{SPEC}@{COMMIT}");
    let library = Library::open(folder.path()).unwrap();
    assert_eq!(hub::pull(&library, &pinned, &options(&hub, 4096), &Log::default()).unwrap(), first);
    assert_eq!(hub.fetches(), 1);
    // One whose bytes changed on the disk is.
    let mut damaged = content.clone();
    damaged[5000] ^= 1;
    std::fs::write(&first.path, damaged).unwrap();
    let again = pull(folder.path(), &options(&hub, 4096)).unwrap();
    assert!(std::fs::read(again.path).unwrap() == content);
    assert_eq!(hub.fetches(), 2);
}

/// The example program, which pulls the file of `hub` in a process of its own.
fn spawn(hub: &Hub, folder: &Path, block: u64) -> Child {
    Command::new(example())
        .arg(folder)
        .arg(SPEC)
        .env("HF_ENDPOINT", &hub.endpoint)
        .env("PULL_BLOCK", block.to_string())
        .env_remove("HONE_OFFLINE")
        .env_remove("HF_HOME")
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// `target/PROFILE/examples/pull`, beside `target/PROFILE/deps/` where this test is.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(format!("pull{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is missing: `cargo test` builds it, `cargo test --test hub` may not",
        path.display()
    );
    path
}

fn wait_until(condition: impl Fn() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < Duration::from_secs(60), "nothing happens");
        std::thread::sleep(Duration::from_millis(1));
    }
}
