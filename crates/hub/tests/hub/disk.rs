//! Full disks: before a pull and in the midst of it.

use std::path::Path;
use std::process::Command;

use hub::{HubError, Library, PullOptions};

use crate::server::Hub;
use crate::{model_bytes, options, pull};

const RESERVE: u64 = 64 << 20;

#[test]
fn room_is_asked_for_before_the_first_byte() {
    let hub = Hub::start(model_bytes(1, 5000));
    let folder = tempfile::tempdir().unwrap();
    let with = |free_space| PullOptions { free_space, ..options(&hub, 1000) };
    let error = pull(folder.path(), &with(|_| Ok(RESERVE + 4999))).unwrap_err();
    assert!(matches!(error, HubError::DiskFull { available, .. } if available == RESERVE + 4999), "{error}");
    assert_eq!(hub.fetches(), 0);
    assert!(pull(folder.path(), &with(|_| Ok(RESERVE + 5000))).is_ok());
}

#[test]
fn what_is_there_already_needs_no_room() {
    let hub = Hub::start(model_bytes(1, 5000));
    hub.faults([crate::server::Fault::Cut { after: 3500, reset: false }]);
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&hub, 1000);
    options.patience.retries = 0;
    assert!(pull(folder.path(), &options).is_err());
    options.free_space = |_| Ok(RESERVE + 2000);
    assert!(pull(folder.path(), &options).is_ok());
}

#[test]
fn a_disk_that_fills_up_costs_nothing_but_the_rest() {
    let content = model_bytes(2, 3 << 20);
    let hub = Hub::start(content.clone());
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(folder.path(), "size=1m") else {
        eprintln!("skipped: a small file system can be mounted by root on Linux only");
        return;
    };
    let mut options = options(&hub, 65536);
    let error = pull(folder.path(), &options).unwrap_err();
    assert!(matches!(error, HubError::DiskFull { .. }), "{error}");
    assert_eq!(hub.fetches(), 0, "the disk was asked");

    options.free_space = |_| Ok(u64::MAX);
    let error = pull(folder.path(), &options).unwrap_err();
    assert!(matches!(error, HubError::DiskFull { .. }), "{error}");
    assert_eq!(Library::open(folder.path()).unwrap().list().unwrap(), []);
    let sent = hub.sent();

    SmallDisk::run(&["-o", "remount,size=8m", "-t", "tmpfs", "tmpfs"], folder.path());
    let model = pull(folder.path(), &options).unwrap();
    assert!(std::fs::read(model.path).unwrap() == content);
    let rest = hub.sent() - sent;
    assert!(rest < 5 << 19, "{rest} bytes were fetched although most of 1 MiB was there");
}

/// A file system in memory, as long as this lives.
struct SmallDisk<'a>(&'a Path);

impl SmallDisk<'_> {
    fn mount<'a>(folder: &'a Path, options: &str) -> Option<SmallDisk<'a>> {
        SmallDisk::run(&["-t", "tmpfs", "-o", options, "tmpfs"], folder).then_some(SmallDisk(folder))
    }

    fn run(arguments: &[&str], folder: &Path) -> bool {
        Command::new("mount").args(arguments).arg(folder).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}
