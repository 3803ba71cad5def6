//! Examples in, a better adapter out.
//!
//! Data goes down this list: conversations (`export`) and files (`dataset`) become examples, examples become an adapter
//! (`train`), adapters are kept and named (`adapters`). This crate knows no HTTP.

pub mod adapters;
pub mod dataset;
pub mod export;
pub mod job;
pub mod score;
pub mod train;
