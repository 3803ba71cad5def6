//! How does hone speak to services elsewhere?
//!
//! The only crate that sends anything but downloads. Every request goes through `out`, which refuses it when hone is
//! offline and writes it down. On it stand the search providers (`tavily`, `searxng`) behind one `search`, the page
//! fetcher with its guard (`page`, `guard`), models elsewhere (`model`), and vectors on a Chroma server (`chroma`).

mod key;
mod ledger;
mod out;
mod retry;
mod secret;
mod tavily;
mod searxng;
mod search;
mod guard;
mod html;
mod page;
mod model;
mod chroma;

pub use chroma::Chroma;
pub use guard::{Network, System, is_public};
pub use key::{Endpoint, EndpointError};
pub use ledger::{Answered, Ledger, MemoryLedger, Outgoing, StoreLedger};
pub use model::{RemoteModel, RemoteOptions};
pub use out::Out;
pub use page::Pages;
pub use retry::Patience;
pub use search::{Provider, WebServices};
pub use searxng::Searxng;
pub use secret::find_secret;
pub use tavily::{Credits, Extracted, Tavily};
