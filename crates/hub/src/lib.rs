//! Where do bytes come from, and are they the right ones?
//!
//! [`pull`] takes a name, finds its [`Source`](resolve::Source), brings the bytes, checks them against a
//! SHA-256 that was known beforehand, and puts them into the [`Library`]. What the bytes mean is the
//! engine's business.

pub mod catalog;
pub mod checkpoint;
pub mod dataset;
pub mod ids;
pub mod resolve;

mod body;
mod cache;
mod disk;
mod download;
mod error;
mod http;
mod library;
mod options;
mod parts;
mod pull;
mod remote;
mod repository;
pub mod verify;
pub mod wheel;

pub use error::HubError;
pub use library::{Installed, Library};
pub use options::{NoProgress, Patience, Progress, PullOptions};
pub use pull::pull;
