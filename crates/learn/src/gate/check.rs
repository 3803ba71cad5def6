//! One check of the gate: its verdict in words, and the numbers that it rests on.

use serde::{Deserialize, Serialize};

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it must be.
    pub passed: bool,
    /// What was found, and what was allowed or asked for, in words.
    pub found: String,
    /// The numbers, beside their limits. None where nothing is compared, and in reports of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<Measured>,
}

/// A number beside its limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What was measured: `broken answers`.
    pub what: String,
    /// The number of the candidate.
    pub value: f64,
    /// What it is held to.
    pub limit: f64,
    /// On which side of the limit it must be.
    pub bound: Bound,
    /// The number of what is in use now.
    pub before: Option<f64>,
    /// Of all numbers of this entry.
    pub unit: Unit,
    /// Whether it keeps to the limit.
    pub within: bool,
}

/// On which side of its limit a number must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The limit, or less.
    AtMost,
    /// Less than the limit.
    Below,
    /// The limit, or more.
    AtLeast,
}

/// What numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nats a token.
    Nats,
    /// Things: facts, answers, prompts.
    Count,
    /// A share from 0 to 1.
    Share,
    /// A probability, or how many times as likely something is.
    Chance,
}

/// Names of checks that decisions depend on. What stands before the colon is the question that a check belongs to.
impl Check {
    pub(super) const ANSWERS: &str = "sanity: answers";
    pub(super) const OLDER: &str = "not worse: older examples";
    pub(super) const OLDER_CYCLES: &str = "not worse: every older cycle";
    pub(super) const RULE: &str = "not worse: rule";
}

impl Check {
    /// Whether it is about what was learned before.
    pub(super) fn is_of_older(&self) -> bool {
        [Check::OLDER, Check::OLDER_CYCLES].contains(&self.name.as_str())
    }

    /// Whether it is about what must not become worse.
    pub(super) fn is_of_harm(&self) -> bool {
        self.name.starts_with("not worse: ")
    }

    /// A check without numbers.
    pub(crate) fn new(name: &str, passed: bool, found: String) -> Check {
        Check { name: name.to_owned(), passed, found, measured: Vec::new() }
    }

    /// One that passes where all its numbers keep to their limits.
    pub(crate) fn of(name: &str, measured: Vec<Measured>, found: String) -> Check {
        Check::new(name, measured.iter().all(|number| number.within), found).with(measured)
    }

    /// With the numbers. One that is not finite cannot be drawn: it stays in the words only.
    pub(crate) fn with(self, measured: Vec<Measured>) -> Check {
        let drawn = |m: &Measured| [m.value, m.limit, m.before.unwrap_or(0.0)].iter().all(|n| n.is_finite());
        Check { measured: measured.into_iter().filter(drawn).collect(), ..self }
    }
}

impl Measured {
    pub(crate) fn new(what: &str, value: f64, bound: Bound, limit: f64, unit: Unit) -> Measured {
        let within = match bound {
            Bound::AtMost => value <= limit,
            Bound::Below => value < limit,
            Bound::AtLeast => value >= limit,
        };
        Measured { what: what.to_owned(), value, limit, bound, before: None, unit, within }
    }

    /// With the number of what is in use now.
    pub(crate) fn before(self, before: f64) -> Measured {
        Measured { before: Some(before), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_passes_where_every_number_keeps_to_its_limit() {
        let number = |value, bound| Measured::new("n", value, bound, 1.0, Unit::Count);
        let passed = |numbers: &[Measured]| Check::of("c", numbers.to_vec(), String::new()).passed;
        assert!(passed(&[
            number(1.0, Bound::AtMost),
            number(1.0, Bound::AtLeast),
            number(0.9, Bound::Below)
        ]));
        assert!(!passed(&[number(0.0, Bound::AtMost), number(0.9, Bound::AtLeast)]));
        assert!(!passed(&[number(1.0, Bound::Below)]));
        let undefined = Check::of("c", vec![number(f64::NAN, Bound::AtMost)], String::new());
        assert!(!undefined.passed && undefined.measured.is_empty(), "JSON has no such number");
    }

    #[test]
    fn reports_of_earlier_versions_are_read() {
        let old = r#"{"name":"sanity: finite","passed":true,"found":"all values are numbers"}"#;
        let check: Check = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&check).unwrap(), old);
    }
}
