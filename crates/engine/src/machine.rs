//! What this machine has, as far as the defaults depend on it.

/// Cores, not counting the second thread that some of them run.
pub(crate) fn physical_cores() -> usize {
    let logical = std::thread::available_parallelism().map_or(1, usize::from);
    // The process may be confined to fewer than there are.
    sysinfo::System::physical_core_count().map_or(logical, |physical| physical.min(logical))
}

/// Memory that this process may use, as far as it is known: the machine's, or less where a control group says
/// so.
pub(crate) fn memory_bytes() -> Option<usize> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |group| group.total_memory);
    usize::try_from(system.total_memory().min(limit)).ok().filter(|&bytes| bytes > 0)
}

/// Memory that is free for this process now, as far as it is known.
pub(crate) fn available_bytes() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |group| group.free_memory);
    Some(system.available_memory().min(limit)).filter(|&bytes| bytes > 0)
}
