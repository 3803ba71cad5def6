//! The routes under `/api`: what hone's own programs use besides OpenAI's routes.

pub(crate) mod adapters;
pub(crate) mod train;
