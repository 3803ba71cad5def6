//! Killed processes, power cuts and full disks. The short version runs always; the rest with `./test --faults`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

#[cfg(unix)]
mod full;
#[cfg(unix)]
mod kill;
#[cfg(unix)]
mod load;
#[cfg(unix)]
mod mount;
#[cfg(unix)]
mod power;
