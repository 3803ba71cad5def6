//! Names of rows: unique everywhere, and in the order of their making.

use crate::StoreError;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A UUID of version 7 (RFC 9562), written as text with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(uuid::Uuid);

impl Id {
    /// A new one, later than all that this process has made.
    #[expect(clippy::new_without_default, reason = "two defaults would differ")]
    pub fn new() -> Id {
        Id(uuid::Uuid::now_v7())
    }

    /// The last eight digits: enough for a person to tell rows apart.
    pub fn short(&self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for Id {
    type Err = StoreError;

    /// Takes the form with hyphens only, so that each row has one name.
    fn from_str(text: &str) -> Result<Id, StoreError> {
        let hyphenated = text.len() == 36 && text.is_ascii();
        let parsed = hyphenated.then(|| uuid::Uuid::try_parse(text).ok()).flatten();
        parsed.map(Id).ok_or_else(|| StoreError::Invalid("an id is a UUID such as 01939c1f-…".into()))
    }
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Id> {
        value.as_str()?.parse().map_err(|e: StoreError| FromSqlError::Other(Box::new(e)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_keep_their_text() {
        let ids: Vec<Id> = (0..1000).map(|_| Id::new()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b && a.to_string() < b.to_string()));
        assert_eq!(ids[7].to_string().parse::<Id>().unwrap(), ids[7]);
        assert_eq!(&ids[7].to_string()[14..15], "7", "the version");
        assert!(ids[7].to_string().ends_with(&ids[7].short()[..]));
    }

    #[test]
    fn other_forms_are_refused() {
        let simple = "01939c1f00007000800000000000000a";
        for text in ["", "x", "../../etc/passwd", simple, &format!("{{{simple}}}"), &"é".repeat(18)] {
            assert!(text.parse::<Id>().is_err(), "{text}");
        }
    }
}
