//! Everything that goes out, against servers on loopback that answer every row of the contracts.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod chroma;
mod fake;
mod guard;
mod model;
mod pages;
mod providers;

use remote::{MemoryLedger, Out, Patience};
use std::sync::Arc;
use std::time::Duration;

/// A way out, and what it wrote down.
fn out() -> (Out, Arc<MemoryLedger>) {
    let ledger = Arc::new(MemoryLedger::default());
    (Out::new(false, ledger.clone()), ledger)
}

/// Not much.
fn patience() -> Patience {
    Patience {
        request: Duration::from_secs(5),
        backoff: Duration::from_millis(1),
        longest: Duration::from_secs(2),
    }
}
