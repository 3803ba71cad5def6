//! When `hone serve` learns by itself.

use serde::Deserialize;
use server::{Schedule, When};
use std::fmt;
use std::time::Duration;

/// `[learn]`: nothing is learned by itself unless it says when.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Learn {
    /// While nobody asks anything, on mains power.
    pub(crate) schedule: Option<Which>,
    /// The hour that `night` begins with.
    pub(crate) from_hour: u32,
    /// The hour that it ends before.
    pub(crate) to_hour: u32,
    /// Minutes for which nobody may have asked anything.
    pub(crate) idle_minutes: u32,
}

/// When to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Which {
    /// In the hours of the night.
    Night,
    /// At any time.
    Idle,
}

/// A setting that has no meaning.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// Its name in the file, below `[learn]`.
    pub(crate) name: &'static str,
    why: &'static str,
}

impl Default for Learn {
    fn default() -> Learn {
        Learn { schedule: None, from_hour: 0, to_hour: 6, idle_minutes: 15 }
    }
}

impl Learn {
    /// Whether the numbers have a meaning.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        let hour = "an hour is between 0 and 23";
        match self {
            Learn { from_hour: 24.., .. } => Err(Wrong { name: "from_hour", why: hour }),
            Learn { to_hour: 24.., .. } => Err(Wrong { name: "to_hour", why: hour }),
            Learn { from_hour, to_hour, .. } if from_hour == to_hour => Err(Wrong {
                name: "to_hour",
                why: "the night ends at another hour than it begins; learn when `idle` for any time",
            }),
            Learn { idle_minutes: 0 | 1441.., .. } => {
                Err(Wrong { name: "idle_minutes", why: "it is idle after 1 to 1440 minutes" })
            }
            _ => Ok(()),
        }
    }

    /// What the server goes by.
    pub(crate) fn schedule(&self) -> Option<Schedule> {
        let when = match self.schedule? {
            Which::Night => When::Night { from: self.from_hour, to: self.to_hour },
            Which::Idle => When::Any,
        };
        Some(Schedule { when, idle: Duration::from_secs(60 * u64::from(self.idle_minutes)) })
    }
}

impl Which {
    /// As the settings write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Which::Night => "night",
            Which::Idle => "idle",
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "learn.{}: {}", self.name, self.why)
    }
}

impl std::error::Error for Wrong {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_meaning_are_named() {
        let wrong = |learn: &str| toml::from_str::<Learn>(learn).unwrap().check().map_err(|wrong| wrong.name);
        assert_eq!(wrong(""), Ok(()));
        assert_eq!(wrong("from_hour = 22\nto_hour = 2\nidle_minutes = 1440"), Ok(()));
        assert_eq!(wrong("from_hour = 24"), Err("from_hour"));
        assert_eq!(wrong("to_hour = 24"), Err("to_hour"));
        assert_eq!(wrong("from_hour = 6"), Err("to_hour"), "no hour at all");
        assert_eq!(wrong("idle_minutes = 0"), Err("idle_minutes"));
        assert_eq!(wrong("idle_minutes = 1441"), Err("idle_minutes"));
    }
}
