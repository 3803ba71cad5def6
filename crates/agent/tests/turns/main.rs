//! Whole turns with a scripted model: what it is asked, what is told, what is kept.

mod context;
mod make;
mod files;
mod loops;
