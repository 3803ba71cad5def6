//! A piece of a file that can be found and cited, and why it was found.

use serde::{Deserialize, Serialize};
use store::index::PassageRow;

/// A piece of an indexed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// The indexed folder, absolute.
    pub root: String,
    /// The file, relative to the root, with `/`.
    pub path: String,
    /// First and last line, counted from 1.
    pub lines: (u32, u32),
    /// Language or format: `rust`, `markdown`, `text`.
    pub language: String,
    /// What it is: `function`, `type`, `section`, `lines`.
    pub kind: String,
    /// Where it stands in the file: `Parser::next`, or the path of headings.
    pub name: Option<String>,
    /// First line of a function or type.
    pub signature: Option<String>,
    /// The text itself, as in the file.
    pub text: String,
}

/// A passage that answers a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// What was found.
    pub passage: Passage,
    /// Fused score: higher is better, comparable within one answer only.
    pub score: f32,
    /// Why it ranks where it does.
    pub why: Why,
}

/// The reasons for a rank.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// Place among the results by words, counted from 1.
    pub words: Option<u32>,
    /// Place among the results by vectors, counted from 1.
    pub vectors: Option<u32>,
    /// Words of the query that stand in the passage.
    pub matched: Vec<String>,
    /// Cosine of the vectors.
    pub similarity: Option<f32>,
}

impl From<PassageRow> for Passage {
    fn from(row: PassageRow) -> Passage {
        let PassageRow { root, path, language, lines, kind, name, signature, text, .. } = row;
        Passage { root, path, lines, language, kind, name, signature, text }
    }
}
