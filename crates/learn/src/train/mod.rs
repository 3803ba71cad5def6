//! A training run: examples in, an adapter and its history out.
//!
//! Data goes down this list: what is asked for (`recipe`), conversations as tokens (`sets`, `tokens`), how a run begins,
//! goes on and ends (`begin`), which examples and which of the base's own sequences make a step (`order`), what that will cost (`plan`), the run itself (`run`,
//! where several trainings share it `members`, and what it tells and comes to `outcome`) with its folder on disk (`folder`, `checkpoint`), and pictures of its history (`curve`).

mod begin;
mod checkpoint;
mod curve;
mod error;
mod folder;
mod members;
mod order;
mod outcome;
mod plan;
mod recipe;
mod run;
mod sets;
mod tokens;

pub use begin::{Begun, Ending, Order};
pub use curve::{svg, terminal};
pub use error::TrainError;
pub use folder::{Folder, RunInfo, new_id};
pub use order::{packs, steps_per_epoch};
pub use outcome::{Event, Metric, Outcome};
pub use plan::Plan;
pub use recipe::{Recipe, Supervise};
pub use run::{Run, VALIDATED};
pub use sets::Sets;
pub(crate) use tokens::sha256 as digest;
pub use tokens::{Counts, Tokens};
