//! Examples in, a better adapter out.
//!
//! Data goes down this list: conversations (`export`) and files (`dataset`) become examples, examples become an adapter
//! (`train`), adapters are kept and named (`adapters`). This crate knows no HTTP.

pub mod adapters;
pub mod dataset;
pub mod export;
mod given;
pub mod job;
pub mod own_code;
pub mod score;
pub mod secrets;
pub mod train;
