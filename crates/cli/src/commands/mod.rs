//! One file a command.

pub(crate) mod adapter;
pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod chats;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod index;
pub(crate) mod intent;
pub(crate) mod learn;
pub(crate) mod list;
pub(crate) mod pull;
pub(crate) mod remember;
pub(crate) mod rm;
pub(crate) mod rules;
pub(crate) mod score;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod train;
pub(crate) mod use_;
pub(crate) mod verify;
