//! Moments, in milliseconds since 1970.

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the beginning of 1970 in UTC. As text and JSON it is `2026-11-27T03:15:00.250Z` (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// The present.
    pub fn now() -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Time(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    }

    /// From seconds since 1970, as other programs write them; `None` outside of the years 1970 to 9999.
    pub fn from_seconds(seconds: f64) -> Option<Time> {
        (0.0..253_402_300_800.0).contains(&seconds).then_some(Time((seconds * 1e3).round() as i64))
    }

    /// From RFC 3339.
    pub fn parse(text: &str) -> Option<Time> {
        DateTime::parse_from_rfc3339(text).ok().map(|t| Time(t.timestamp_millis()))
    }

    /// `2026-11-27`.
    pub fn day(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default();
        f.write_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::parse(&text).ok_or_else(|| serde::de::Error::custom("a time is written as in RFC 3339"))
    }
}

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Time> {
        value.as_i64().map(Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What `date -u -d @N +%FT%T.%3NZ` prints.
    #[test]
    fn times_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_001, "2000-02-28T23:59:59.001Z"),
            (1_795_490_100_250, "2026-11-24T03:15:00.250Z"),
        ] {
            assert_eq!(Time(ms).to_string(), text);
            assert_eq!(Time::parse(text), Some(Time(ms)));
        }
        assert_eq!(Time::parse("2026-11-24T04:15:00+01:00"), Some(Time(1_795_490_100_000)));
        assert_eq!(Time(1_795_490_100_250).day(), "2026-11-24");
    }

    #[test]
    fn absurd_times_are_none() {
        for seconds in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert_eq!(Time::from_seconds(seconds), None);
        }
        assert_eq!(Time::from_seconds(1.5), Some(Time(1500)));
        assert_eq!(Time(i64::MAX).to_string(), "1970-01-01T00:00:00.000Z");
    }
}
