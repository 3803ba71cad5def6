//! What the gate has found about an adapter, as clients see it.

use learn::gate::{Bound, Change, Check, Decision, Measured, Report, Unit};
use serde::Serialize;
use utoipa::ToSchema;

/// The report of a judging.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GateReport {
    /// What became of the candidate.
    #[schema(value_type = GateDecision)]
    decision: Decision,
    /// Why, in one sentence.
    because: String,
    /// The model.
    model: String,
    /// What it was compared with: an adapter, or the model alone.
    against: String,
    /// What the update was multiplied with.
    scale: f32,
    /// Whether it is the second attempt.
    retried: bool,
    /// Examples that were learned.
    learned: usize,
    /// Examples that were held back to judge with.
    held: usize,
    /// Conversations that they come from.
    chats: Vec<String>,
    /// Questions of the examples that weigh most, shortened.
    from: Vec<String>,
    /// Taught rules of which no text can tell whether they are obeyed.
    unprobed: Vec<String>,
    /// The checks, in their order.
    checks: Vec<GateCheck>,
    /// What became of the new examples, the best first.
    changes: Vec<GateChange>,
    /// Training losses, step by step.
    losses: Vec<f64>,
    /// Of everything.
    seconds: f64,
}

/// What became of a candidate.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "for the API document")]
enum GateDecision {
    Promote,
    Hold,
    Reject,
}

/// One check.
#[derive(Debug, Serialize, ToSchema)]
struct GateCheck {
    /// What was looked at: `not worse: facts`.
    name: String,
    /// Whether it is as it must be.
    passed: bool,
    /// What was found, and what was allowed or asked for, in words.
    found: String,
    /// The numbers beside their limits; none where nothing is compared, or the report is an old one.
    measured: Vec<GateMeasured>,
}

/// A number beside its limit.
#[derive(Debug, Serialize, ToSchema)]
struct GateMeasured {
    /// What was measured.
    what: String,
    /// The number of the candidate.
    value: f64,
    /// What it is held to.
    limit: f64,
    /// On which side of the limit it must be.
    #[schema(value_type = GateBound)]
    bound: Bound,
    /// The number of what was in use.
    #[schema(required)]
    before: Option<f64>,
    /// Of all three numbers.
    #[schema(value_type = GateUnit)]
    unit: Unit,
    /// Whether it keeps to the limit.
    within: bool,
}

/// On which side of its limit a number must be.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "for the API document")]
enum GateBound {
    AtMost,
    Below,
    AtLeast,
}

/// What numbers count: nats a token, things, shares from 0 to 1, probabilities.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "for the API document")]
enum GateUnit {
    Nats,
    Count,
    Share,
    Chance,
}

/// What became of one new example.
#[derive(Debug, Serialize, ToSchema)]
struct GateChange {
    /// What was asked.
    question: String,
    /// What the user wants.
    wanted: String,
    /// What was answered before.
    before: String,
    /// What the candidate answers.
    after: String,
    /// How much its loss fell, in nats a token.
    gain: f64,
    /// How much less of the answer must be edited, as a share of it.
    less_to_edit: f64,
}

impl From<Report> for GateReport {
    fn from(report: Report) -> GateReport {
        GateReport {
            decision: report.decision,
            because: report.because,
            model: report.model,
            against: report.against,
            scale: report.scale,
            retried: report.again.is_some(),
            learned: report.learned,
            held: report.held,
            chats: report.chats,
            from: report.from,
            unprobed: report.unprobed,
            checks: report.checks.into_iter().map(GateCheck::from).collect(),
            changes: report.changes.into_iter().map(GateChange::from).collect(),
            losses: report.losses,
            seconds: report.seconds.1,
        }
    }
}

impl From<Check> for GateCheck {
    fn from(Check { name, passed, found, measured }: Check) -> GateCheck {
        GateCheck { name, passed, found, measured: measured.into_iter().map(GateMeasured::from).collect() }
    }
}

impl From<Measured> for GateMeasured {
    fn from(number: Measured) -> GateMeasured {
        let Measured { what, value, limit, bound, before, unit, within } = number;
        GateMeasured { what, value, limit, bound, before, unit, within }
    }
}

impl From<Change> for GateChange {
    fn from(change: Change) -> GateChange {
        let Change { question, wanted, before, after, gain, less_to_edit } = change;
        GateChange { question, wanted, before, after, gain, less_to_edit }
    }
}
