//! Folders in, passages out: walking, cutting, indexing and searching as a user would.

mod support;

mod chunks;
#[cfg(unix)]
mod confinement;
mod index;
#[cfg(unix)]
mod kill;
mod search;
mod walk;
mod watch;
