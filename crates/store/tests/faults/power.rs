//! Power cuts: the store is on an image on a loop device. What was not synced is in the page cache of the inner file
//! system only, so a copy of the image right after SIGKILL is what a power cut leaves. Does not model torn sectors or
//! disks that lie.

use crate::load::killed_after;
use crate::mount::{Mount, run};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use store::Store;

/// Cuts the power so often; the number of cuts after which something acknowledged was missing.
fn cuts(count: u64, sync: bool) -> Result<u64, String> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (image, copy) = (at("image"), at("copy"));
    let mount = Mount::image(&image, 512, &at("disk"))?;
    let (mut losses, mut acknowledged) = (0, 0);
    for cut in 0..count {
        let home = at("disk").join(format!("home{}", cut / 20)); // a store grows over twenty cuts
        let name = format!("cut{cut}");
        let time = Duration::from_millis(60 + cut * 7919 % 340);
        let acks = killed_after(time, &home, &name, sync, || {
            run(Command::new("cp").arg("--sparse=always").args([&image, &copy])).unwrap();
        });
        acknowledged += acks.count;
        let after = Mount::new(&["-o", "loop"], &copy, &at("after"))?;
        let wrong = wrong_after(&at("after").join(format!("home{}", cut / 20)), &acks, &name);
        drop(after);
        match (sync, wrong.is_empty()) {
            (true, false) => panic!("cut {cut}: {wrong:?}"),
            (false, false) => losses += 1,
            _ => {}
        }
    }
    drop(mount);
    println!("{count} power cuts, synced: {sync}, {acknowledged} acknowledged, lost something in {losses}");
    Ok(losses)
}

fn wrong_after(home: &Path, acks: &crate::load::Acks, run: &str) -> Vec<String> {
    if acks.count == 0 {
        return Vec::new();
    }
    if !home.join("hone.db").exists() {
        return vec!["lost: the whole store".into()];
    }
    match Store::open(home) {
        Err(error) => vec![error.to_string()],
        Ok(store) => {
            let mut wrong = store.check().unwrap_or_else(|error| vec![error.to_string()]);
            wrong.extend(acks.compare(&store, run));
            wrong
        }
    }
}

#[test]
#[ignore = "./test --faults runs it"]
fn a_hundred_power_cuts_lose_nothing() {
    if let Err(why) = cuts(100, true) {
        println!("skipped: power cuts need root and loop devices ({why})");
    }
}

#[test]
#[ignore = "./test --faults runs it"]
fn without_syncing_power_cuts_lose() {
    match cuts(20, false) {
        Ok(losses) => assert!(losses >= 10, "only {losses} of 20: the test does not cut the power"),
        Err(why) => println!("skipped: power cuts need root and loop devices ({why})"),
    }
}
