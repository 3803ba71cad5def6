//! Examples in, a better adapter out.
//!
//! Data goes down this list: files become examples (`dataset`), examples become an adapter (`train`), adapters are kept
//! and named (`adapters`). This crate knows no HTTP.

pub mod adapters;
pub mod dataset;
pub mod job;
pub mod score;
pub mod train;
