//! Ctrl-C: stops what is being generated, or the program where nothing is.

use std::sync::{Mutex, PoisonError};

type Listener = Box<dyn Fn() + Send>;

static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);

/// Takes over Ctrl-C for the rest of the program's life.
pub(crate) fn install() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(|| match &*lock() {
        Some(listener) => listener(),
        None => std::process::exit(130), // 128 + SIGINT, as shells expect
    })?)
}

/// While this lives, Ctrl-C calls `listener` instead of ending the program.
pub(crate) fn listen(listener: impl Fn() + Send + 'static) -> Guard {
    *lock() = Some(Box::new(listener));
    Guard(())
}

/// Gives Ctrl-C back when dropped.
pub(crate) struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        *lock() = None;
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<Listener>> {
    LISTENER.lock().unwrap_or_else(PoisonError::into_inner)
}
