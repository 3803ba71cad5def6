//! What hone was taught: lasting instructions with a scope.

mod likeness;
mod remember;
mod uses;

use crate::{Id, Store, StoreError, Time, audit};
pub use likeness::{Likeness, Resemblance};
pub use remember::Remembered;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::json;
pub use uses::RuleUse;

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name in the store.
    pub id: Id,
    /// The instruction.
    pub text: String,
    /// Where it holds.
    #[serde(flatten)]
    pub scope: Scope,
    /// Whether it holds.
    pub state: RuleState,
    /// How it came here.
    pub source: RuleSource,
    /// The message or the file that it is from.
    pub origin: Option<String>,
    /// The rule whose place it has taken.
    pub supersedes: Option<Id>,
    /// When it was taught.
    pub created: Time,
    /// When it was last changed.
    pub updated: Time,
}

/// Where a rule holds. Everywhere, where nothing is set; both together: in these files of the project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// A project: its folder, absolute.
    pub project: Option<String>,
    /// Files: a pattern such as `*.py` or `src/**/*.ts`.
    pub files: Option<String>,
}

/// Whether a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleState {
    /// Offered by hone, not accepted yet.
    Draft,
    /// It holds.
    Active,
    /// A newer one has taken its place.
    Replaced,
}
text_enum!(RuleState, Draft "draft", Active "active", Replaced "replaced");

/// How a rule came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleSource {
    /// `hone remember`, or a form.
    Typed,
    /// Said in a conversation.
    Chat,
    /// Taken over from a file by the user.
    File,
}
text_enum!(RuleSource, Typed "typed", Chat "chat", File "file");

/// A rule to come.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// The instruction.
    pub text: String,
    /// Where it holds.
    pub scope: Scope,
    /// A draft, or active.
    pub state: RuleState,
    /// How it came here.
    pub source: RuleSource,
    /// The message or the file that it is from.
    pub origin: Option<String>,
    /// The rule whose place it takes.
    pub replaces: Option<Id>,
}

impl NewRule {
    /// An active rule that the user has typed; it holds everywhere.
    pub fn typed(text: impl Into<String>) -> NewRule {
        let (scope, state, source) = (Scope::default(), RuleState::Active, RuleSource::Typed);
        NewRule { text: text.into(), scope, state, source, origin: None, replaces: None }
    }
}

/// The longest rule, in characters: rules stand in every prompt.
pub const LONGEST_RULE: usize = 2000;

/// The rules of a [`Store`].
pub struct Rules<'a>(pub(crate) &'a Store);

const COLUMNS: &str = "id, text, project, files, state, source, origin, supersedes, created, updated";

impl Rules<'_> {
    /// Teaches one. It is kept beside whatever it resembles ([`Rules::like`] says what that is), except for the one it
    /// replaces.
    pub fn add(&self, new: NewRule) -> Result<Rule, StoreError> {
        let (text, by) = (checked(&new.text)?, self.0.by);
        self.0.write(move |connection| {
            if let Some(old) = new.replaces {
                get(connection, old)?;
                let sql = "UPDATE rules SET state = 'replaced', updated = ?2 WHERE id = ?1";
                connection.execute(sql, params![old, Time::now()])?;
            }
            let sql = format!(
                "INSERT INTO rules ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9) RETURNING {COLUMNS}"
            );
            let Scope { project, files } = new.scope;
            let values = params![
                Id::new(), text, project, files, new.state, new.source, new.origin, new.replaces, Time::now()
            ];
            let rule = connection.prepare_cached(&sql)?.query_row(values, rule)?;
            let kind = if rule.state == RuleState::Draft { "rule offered" } else { "rule taught" };
            audit::insert(connection, by, kind, json!({ "rule": rule.id, "replaces": new.replaces }))?;
            Ok(rule)
        })
    }

    /// Rules that hold or are offered, which say the same as `text` or the opposite, where both can hold at once.
    pub fn like(&self, text: &str, scope: &Scope) -> Result<Vec<Resemblance>, StoreError> {
        let rules = self.list(&[RuleState::Active, RuleState::Draft])?;
        Ok(likeness::among(text, scope, rules))
    }

    /// Rules in these states (in all, where none is named), the oldest first.
    pub fn list(&self, states: &[RuleState]) -> Result<Vec<Rule>, StoreError> {
        self.0.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM rules ORDER BY id");
            let mut rules: Vec<Rule> =
                connection.prepare_cached(&sql)?.query_map([], rule)?.collect::<Result<_, _>>()?;
            rules.retain(|rule| states.is_empty() || states.contains(&rule.state));
            Ok(rules)
        })
    }

    /// One of them.
    pub fn get(&self, id: Id) -> Result<Rule, StoreError> {
        self.0.read(|connection| get(connection, id))
    }

    /// The one with this id, or whose id ends so (4 characters at least).
    pub fn find(&self, text: &str) -> Result<Rule, StoreError> {
        let id = text.to_ascii_lowercase();
        let mut found = self.list(&[])?;
        found.retain(|rule| rule.id.to_string().ends_with(&id) && id.len() >= 4);
        match (found.pop(), found.is_empty()) {
            (Some(rule), true) => Ok(rule),
            (None, _) => Err(StoreError::not_found("rule", text)),
            _ => Err(StoreError::Invalid(format!("several rules end in `{text}`: give more of the id"))),
        }
    }

    /// Changes text and scope; `None` leaves it as it is.
    pub fn edit(&self, id: Id, text: Option<&str>, scope: Option<Scope>) -> Result<Rule, StoreError> {
        let (text, by) = (text.map(checked).transpose()?, self.0.by);
        self.0.write(move |connection| {
            let old = get(connection, id)?;
            let (text, scope) =
                (text.unwrap_or_else(|| old.text.clone()), scope.unwrap_or_else(|| old.scope.clone()));
            if (&text, &scope) == (&old.text, &old.scope) {
                return Ok(old);
            }
            audit::insert(connection, by, "rule changed", json!({ "rule": id }))?;
            let sql = "UPDATE rules SET text = ?2, project = ?3, files = ?4, updated = ?5 WHERE id = ?1";
            connection.execute(sql, params![id, text, scope.project, scope.files, Time::now()])?;
            get(connection, id)
        })
    }

    /// Makes a draft hold, or a replaced rule hold again. `replaces` stops holding.
    pub fn accept(&self, id: Id, replaces: Option<Id>) -> Result<Rule, StoreError> {
        let by = self.0.by;
        self.0.write(move |connection| {
            get(connection, id)?;
            audit::insert(connection, by, "rule accepted", json!({ "rule": id, "replaces": replaces }))?;
            if let Some(old) = replaces {
                get(connection, old)?;
                let sql = "UPDATE rules SET state = 'replaced', updated = ?2 WHERE id = ?1";
                connection.execute(sql, params![old, Time::now()])?;
            }
            let sql = "UPDATE rules SET state = 'active', supersedes = coalesce(?2, supersedes), updated = ?3 WHERE id = ?1";
            connection.execute(sql, params![id, replaces, Time::now()])?;
            get(connection, id)
        })
    }

    /// Forgets one. The rule that it had replaced stays replaced.
    pub fn remove(&self, id: Id) -> Result<(), StoreError> {
        self.0.remove(move |connection| {
            match connection.execute("DELETE FROM rules WHERE id = ?1", [id])? {
                0 => Err(StoreError::not_found("rule", id)),
                _ => Ok(()),
            }
        })?;
        self.0.audit().note("rule forgotten", json!({ "rule": id }));
        Ok(())
    }
}

/// Without white space around it; not empty and not longer than a rule may be.
fn checked(text: &str) -> Result<String, StoreError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(StoreError::Invalid("a rule needs a text".into()));
    }
    if text.chars().count() > LONGEST_RULE {
        let why = format!("a rule has at most {LONGEST_RULE} characters: it stands in every prompt");
        return Err(StoreError::Invalid(why));
    }
    Ok(text.to_owned())
}

fn get(connection: &Connection, id: Id) -> Result<Rule, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM rules WHERE id = ?1");
    let found = connection.prepare_cached(&sql)?.query_row([id], rule).optional()?;
    found.ok_or_else(|| StoreError::not_found("rule", id))
}

fn rule(row: &Row<'_>) -> rusqlite::Result<Rule> {
    Ok(Rule {
        id: row.get(0)?,
        text: row.get(1)?,
        scope: Scope { project: row.get(2)?, files: row.get(3)? },
        state: row.get(4)?,
        source: row.get(5)?,
        origin: row.get(6)?,
        supersedes: row.get(7)?,
        created: row.get(8)?,
        updated: row.get(9)?,
    })
}
