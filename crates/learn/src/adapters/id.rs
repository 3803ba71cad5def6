//! Ids of adapters: `20261124-031500-4f2a`. They sort by the time of their making.

use super::time::Moment;
use std::hash::{BuildHasher, Hasher, RandomState};

/// An id that sorts after `newest`, also within the same second and when the clock was set back.
pub(crate) fn next(newest: Option<&str>) -> String {
    after(&Moment::now().stamp(), newest, RandomState::new().build_hasher().finish())
}

fn after(now: &str, newest: Option<&str>, random: u64) -> String {
    // Random ends make ids of two machines differ; the lower half leaves room to count up.
    let end = random % 0x8000;
    match newest.and_then(|id| id.rsplit_once('-')) {
        Some((stamp, old)) if stamp >= now => {
            let end = u64::from_str_radix(old, 16).map_or(end, |old| old + 1);
            format!("{stamp}-{end:04x}")
        }
        _ => format!("{now}-{end:04x}"),
    }
}

/// Whether `text` has the form of an id, so that it can be the name of a folder.
pub(super) fn is_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    let hex = |part: &str| part.len() == 4 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    matches!(parts[..], [date, time, end] if digits(date, 8) && digits(time, 6) && hex(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_their_making() {
        let now = "20261124-031500";
        assert_eq!(after(now, None, 0xffff_4f2a), "20261124-031500-4f2a");
        let mut ids = vec![after(now, Some("20261124-031459-7fff"), 1)];
        for _ in 0..300 {
            ids.push(after(now, ids.last().map(String::as_str), 0));
        }
        // The clock goes back by an hour.
        ids.push(after("20261124-021500", ids.last().map(String::as_str), 0));
        assert!(ids.is_sorted_by(|a, b| a < b) && ids.iter().all(|id| is_id(id)), "{ids:?}");
        assert!(is_id(&next(None)));
    }

    #[test]
    fn nothing_else_is_an_id() {
        let wrong =
            ["", "..", "20261124-031500", "20261124-031500-4F2A", "20261124-031500-4f2a/", "active.json"];
        assert!(wrong.iter().all(|text| !is_id(text)));
    }
}
