//! Moments in UTC, as they stand in ids and manifests.

use std::time::{SystemTime, UNIX_EPOCH};

/// A second in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    year: u64,
    month: u64,
    day: u64,
    second: u64,
}

impl Moment {
    /// The present; the beginning of 1970 where the clock stands before it.
    pub(super) fn now() -> Self {
        Moment::of(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }

    /// From seconds since 1970. Days to dates as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
    /// (`civil_from_days`): years begin in March, so that the leap day is their last.
    fn of(seconds: u64) -> Self {
        let days = seconds / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Moment { year, month, day, second: seconds % 86_400 }
    }

    /// `2026-11-24T03:15:00Z` (RFC 3339).
    pub(super) fn rfc3339(self) -> String {
        let Moment { year, month, day, second } = self;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// `20261124-031500`.
    pub(super) fn stamp(self) -> String {
        let digits: String = self.rfc3339().chars().filter(char::is_ascii_digit).collect();
        let (date, time) = digits.split_at(digits.len() - 6);
        format!("{date}-{time}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What `date -u -d @N +%FT%TZ` prints.
    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_795_490_100, "2026-11-24T03:15:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Moment::of(seconds).rfc3339(), text);
        }
        assert_eq!(Moment::of(1_795_490_100).stamp(), "20261124-031500");
    }
}
