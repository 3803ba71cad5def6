//! Names that people give to adapters. They stand in `model@name`, so few characters may be in them.

use super::{AdaptersError, id};

/// What `model@base` means: no adapter.
pub(super) const BASE: &str = "base";
const LIMIT: usize = 64;

/// Fails for a name that an adapter cannot have.
pub fn check(name: &str) -> Result<(), AdaptersError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let why = if name == BASE {
        "it means the model without an adapter"
    } else if id::is_id(name) {
        "it looks like the id of an adapter"
    } else if name.is_empty() || name.len() > LIMIT {
        "it must have 1 to 64 characters"
    } else if !name.chars().all(allowed) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        "it may hold letters, digits, `.`, `_` and `-`, and begins with a letter or digit"
    } else {
        return Ok(());
    };
    let name = name.chars().take(LIMIT).collect::<String>().escape_debug().to_string();
    Err(AdaptersError::Name { name, why })
}
