//! What a turn needs from outside of this crate. The real parts are in `knowledge`, `store` and `remote`; tests
//! bring their own.

use knowledge::passage::Hit;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// Write, explain or change code.
    Code,
    /// Look it up on the web.
    Search,
    /// Talk.
    Chat,
}

/// What was made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it asks for.
    pub intent: Intent,
    /// Between 0 and 1.
    pub confidence: f32,
    /// Whether the indexed code bears on it.
    pub needs_code: bool,
}

/// Judges messages, in milliseconds.
pub trait Judge: Send + Sync {
    /// What `text` asks for.
    fn judge(&self, text: &str) -> Judgement;
}

/// Finds passages in the indexed folders.
pub trait Knowledge: Send + Sync {
    /// The best passages for a query, best first, in the folder `within` if one is given.
    fn search(&self, query: &str, within: Option<&Path>, limit: usize) -> Result<Vec<Hit>, SeamError>;

    /// The indexed folders, absolute.
    fn roots(&self) -> Result<Vec<PathBuf>, SeamError>;

    /// Whether the index holds the file `path` (relative, with `/`) of this root. What was left out of the index,
    /// like files with secrets, is not to be read either.
    fn holds(&self, root: &Path, path: &str) -> Result<bool, SeamError>;
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
