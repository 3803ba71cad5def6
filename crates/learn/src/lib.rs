//! Examples in, a better adapter out.
//!
//! Data goes down this list: conversations (`export`) and files (`dataset`) become examples, examples and what the base
//! says itself (`replay`) become an adapter (`train`), which is judged (`gate`) and kept (`adapters`). `cycle` is all of
//! that in its order. This crate knows no HTTP.

pub mod adapters;
pub mod cycle;
pub mod dataset;
pub mod demo;
pub mod export;
mod forget;
pub mod gate;
pub mod generate;
mod given;
pub mod job;
pub mod own_code;
pub mod replay;
pub mod score;
pub mod secrets;
pub mod train;
pub mod turn;

pub use forget::forget;
