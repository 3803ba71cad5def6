//! `kill -9` in the middle of writing: nothing that was acknowledged is lost, nothing else is there.

use crate::load::killed_after;
use std::time::{Duration, Instant};
use store::Store;

fn kills(count: u64) {
    let home = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut messages, mut slowest) = (0, 0, Duration::ZERO);
    for run in 0..count {
        // Spread over 0.05 to 0.8 s, the same for each number of kills.
        let time = Duration::from_millis(50 + run * 7919 % 750);
        let name = format!("run{run}");
        let acks = killed_after(time, home.path(), &name, true, || {});
        let began = Instant::now();
        let store = Store::open(home.path()).unwrap();
        slowest = slowest.max(began.elapsed());
        assert_eq!(acks.compare(&store, &name), [] as [String; 0], "kill {run}");
        let now = store.chats().count().unwrap().1;
        assert!(now >= messages, "kill {run}: messages of earlier runs are lost");
        (messages, acknowledged) = (now, acknowledged + acks.count);
        if run % 20 == 19 || run + 1 == count {
            assert_eq!(store.check().unwrap(), [] as [String; 0], "kill {run}");
        }
    }
    println!(
        "{count} kills, {acknowledged} acknowledged, 0 lost, 0 phantom, 0 double, slowest start {slowest:.0?}"
    );
}

#[test]
fn twenty_kills_lose_nothing() {
    kills(20);
}

#[test]
#[ignore = "./test --faults runs it"]
fn two_hundred_kills_lose_nothing() {
    kills(200);
}
