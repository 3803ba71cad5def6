//! What a turn needs from outside of this crate. The real parts are in `knowledge`, `store` and `remote`; tests
//! bring their own.

pub use crate::intent::{Intent, Judgement};
use knowledge::passage::Hit;
use knowledge::rules::{applying, files_named};
use knowledge::search::Query;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use store::{Likeness, NewRule, RuleSource, RuleState, Scope, Store};

/// Judges messages, in milliseconds.
pub trait Judge: Send + Sync {
    /// What `text` asks for.
    fn judge(&self, text: &str) -> Judgement;
}

/// Judges a message. One that names something of the indexed folders needs the user's code, whatever else it says.
pub fn judge(judge: &dyn Judge, knowledge: &dyn Knowledge, text: &str, within: Option<&Path>) -> Judgement {
    let judgement = judge.judge(text);
    let named = || {
        knowledge.names(text, within).unwrap_or_else(|error| {
            tracing::warn!(%error, "the index could not be asked for names");
            false
        })
    };
    Judgement { needs_code: judgement.needs_code || named(), ..judgement }
}

/// Finds passages in the indexed folders.
pub trait Knowledge: Send + Sync {
    /// The best passages for a query, best first, in the folder `within` if one is given.
    fn search(&self, query: &str, within: Option<&Path>, limit: usize) -> Result<Vec<Hit>, SeamError>;

    /// Whether a text names something of the indexed folders, or of the folder `within` if one is given: a function, a
    /// type, a file. Cheap enough to be asked of every message.
    fn names(&self, text: &str, within: Option<&Path>) -> Result<bool, SeamError>;

    /// The text of an indexed file, and its folder. `path` is as passages show it, in the folder `within` if one is
    /// given. What indexing leaves out, like secrets, and whatever lies outside cannot be read.
    fn read(&self, path: &str, within: Option<&Path>) -> Result<(PathBuf, String), SeamError>;
}

impl Knowledge for knowledge::Knowledge {
    fn search(&self, query: &str, within: Option<&Path>, limit: usize) -> Result<Vec<Hit>, SeamError> {
        let query = Query { project: within, ..Query::new(query, limit) };
        let answer = self.search(&query).map_err(SeamError::of)?;
        if let Some(note) = answer.note {
            tracing::debug!(%note, "a search could be better");
        }
        Ok(answer.hits)
    }

    fn names(&self, text: &str, within: Option<&Path>) -> Result<bool, SeamError> {
        self.names(text, within).map_err(SeamError::of)
    }

    fn read(&self, path: &str, within: Option<&Path>) -> Result<(PathBuf, String), SeamError> {
        let roots = match within {
            Some(root) => vec![root.to_path_buf()],
            None => self.roots().map_err(SeamError::of)?.into_iter().map(|root| root.path.into()).collect(),
        };
        let mut why = SeamError("no folder is indexed; `hone index add` indexes one".to_owned());
        for root in roots {
            match self.read(Path::new(path), Some(root.as_path())) {
                Ok(text) => return Ok((root, text)),
                Err(error) => why = SeamError::of(error),
            }
        }
        Err(why)
    }
}

/// A taught rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id in the store, or the file that it is from.
    pub id: String,
    /// What it says.
    pub text: String,
}

/// Keeps taught rules.
pub trait Rules: Send + Sync {
    /// The rules that apply to a question, most important first.
    fn applying(&self, question: &str, project: Option<&Path>) -> Result<Vec<Rule>, SeamError>;

    /// Writes a rule down that has no effect until the user accepts it.
    fn draft(&self, text: &str, project: Option<&Path>) -> Result<Rule, SeamError>;

    /// The same of a preference that the user has stated; none where it is known or offered already.
    fn offer(&self, text: &str, project: Option<&Path>) -> Result<Option<Rule>, SeamError>;

    /// Writes down a rule that the user has taught in so many words; it holds everywhere and at once, unless it
    /// contradicts another one.
    fn remember(&self, text: &str) -> Result<Remembered, SeamError>;
}

/// What became of a rule that the user has taught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The rule, or the one that says the same already.
    pub rule: Rule,
    /// Whether it is new.
    pub new: bool,
    /// Whether it holds. A new one does not where it contradicts another one, until the user accepts it.
    pub holds: bool,
    /// Rules that say about the same, or the opposite.
    pub alike: Vec<Alike>,
}

/// A rule that resembles another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// The other rule.
    pub rule: Rule,
    /// In which way: `duplicate`, `near` or `contradiction`.
    pub likeness: Likeness,
    /// Why, for a person.
    pub why: String,
}

impl Rules for Store {
    fn applying(&self, question: &str, project: Option<&Path>) -> Result<Vec<Rule>, SeamError> {
        let rules = applying(self, project, &files_named(question)).map_err(SeamError::of)?;
        Ok(rules.into_iter().map(|rule| Rule { id: rule.id, text: rule.text }).collect())
    }

    fn draft(&self, text: &str, project: Option<&Path>) -> Result<Rule, SeamError> {
        let new = NewRule { state: RuleState::Draft, ..said(text, project) };
        self.rules().add(new).map(Rule::from).map_err(SeamError::of)
    }

    fn offer(&self, text: &str, project: Option<&Path>) -> Result<Option<Rule>, SeamError> {
        Ok(self.rules().offer(said(text, project)).map_err(SeamError::of)?.map(Rule::from))
    }

    fn remember(&self, text: &str) -> Result<Remembered, SeamError> {
        let store::Remembered { rule, new, alike } =
            self.rules().remember(said(text, None)).map_err(SeamError::of)?;
        let alike = alike.into_iter().filter(|other| other.rule.id != rule.id);
        let alike =
            alike.map(|other| Alike { rule: other.rule.into(), likeness: other.likeness, why: other.why });
        Ok(Remembered {
            holds: rule.state == RuleState::Active,
            new,
            alike: alike.collect(),
            rule: rule.into(),
        })
    }
}

/// A rule that was said in a conversation.
fn said(text: &str, project: Option<&Path>) -> NewRule {
    let scope = Scope { project: project.map(|project| project.display().to_string()), files: None };
    NewRule { scope, source: RuleSource::Chat, ..NewRule::typed(text) }
}

impl From<store::Rule> for Rule {
    fn from(rule: store::Rule) -> Rule {
        Rule { id: rule.id.to_string(), text: rule.text }
    }
}

/// Searches the web and fetches pages. Whoever implements it refuses secrets in what goes out, and logs it.
pub trait Web: Send + Sync {
    /// Results for a query from the first provider that answers.
    fn search(&self, query: &str, limit: usize) -> Result<WebResults, WebError>;

    /// The text of a public page.
    fn fetch(&self, url: &str) -> Result<Page, WebError>;
}

/// What a web search brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebResults {
    /// Who answered.
    pub provider: String,
    /// Best first.
    pub results: Vec<WebResult>,
    /// Whether it was asked before and no request was made.
    pub cached: bool,
    /// What it cost, where the provider says so.
    pub credits: Option<u32>,
    /// What the user should know, like a provider before this one that failed, and why.
    pub notices: Vec<String>,
}

/// One result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebResult {
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: String,
    /// An excerpt; empty where the provider gives none.
    pub text: String,
}

/// A fetched page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its address, after redirects.
    pub url: String,
    /// Its title, or the address.
    pub title: String,
    /// What it says, as plain text.
    pub text: String,
}

/// Why there is nothing from the web.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The user wants no requests.
    #[error("hone is offline (--offline or HONE_OFFLINE), so no request was made")]
    Offline,
    /// Nobody to ask.
    #[error("no web search is configured; set TAVILY_API_KEY or SEARXNG_URL, or allow Tavily without a key")]
    Unconfigured,
    /// What would have gone out holds a secret.
    #[error("the query holds what looks like {0}; it was not sent. Take it out and ask again")]
    Secret(String),
    /// The address may not be fetched.
    #[error("{url} was not fetched: {why}")]
    Refused {
        /// The address.
        url: String,
        /// Why not.
        why: String,
    },
    /// Everyone who was asked failed.
    #[error("{0}")]
    Failed(String),
}

/// Something outside of this crate failed; the text says what and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SeamError(pub String);

impl SeamError {
    fn of(error: impl std::fmt::Display) -> SeamError {
        SeamError(error.to_string())
    }
}
