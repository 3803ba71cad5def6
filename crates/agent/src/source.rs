//! What was found for a question, and what an answer cites.

use crate::seam::WebResult;
use knowledge::passage::{Hit, Why};
use serde::{Deserialize, Serialize};
use store::Provenance;

/// Something that an answer may cite as `[number]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its number in this turn, from 1.
    pub number: usize,
    /// `file` or `web`.
    pub origin: Provenance,
    /// `src/main.rs:10-24`, or a web address.
    pub place: String,
    /// Name of the function, heading or page.
    pub title: String,
    /// The indexed folder, for files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Why a passage was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

/// A source with its text, which is data.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where it is from. The number is given by the turn.
    pub source: Source,
    /// What it says.
    pub text: String,
}

impl Found {
    /// A page or file by its place.
    pub fn new(
        origin: Provenance,
        place: impl Into<String>,
        title: impl Into<String>,
        text: String,
    ) -> Found {
        let (place, title) = (place.into(), title.into());
        Found { source: Source { number: 0, origin, place, title, root: None, why: None }, text }
    }
}

impl From<Hit> for Found {
    fn from(Hit { passage, why, .. }: Hit) -> Found {
        let (first, last) = passage.lines;
        let title = passage.name.or(passage.signature).unwrap_or_else(|| passage.kind.clone());
        let mut found =
            Found::new(Provenance::File, format!("{}:{first}-{last}", passage.path), title, passage.text);
        found.source.root = Some(passage.root);
        found.source.why = Some(why);
        found
    }
}

impl From<WebResult> for Found {
    fn from(result: WebResult) -> Found {
        Found::new(Provenance::Web, result.url, result.title, result.text)
    }
}

/// The sources of one turn, numbered in the order in which the model sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// Gives each its number; what was there already keeps the one that it has. Returns what is new.
    pub(crate) fn number(&mut self, found: &mut [Found]) -> Vec<Source> {
        let before = self.0.len();
        for source in found.iter_mut().map(|found| &mut found.source) {
            let known = self.0.iter().find(|known| known.place == source.place && known.root == source.root);
            source.number = known.map_or(self.0.len() + 1, |known| known.number);
            if source.number > self.0.len() {
                self.0.push(source.clone());
            }
        }
        self.0[before..].to_vec()
    }

    /// All of them, by number.
    pub(crate) fn all(&self) -> &[Source] {
        &self.0
    }

    /// Those that `text` cites.
    pub(crate) fn cited(&self, text: &str) -> Vec<usize> {
        self.0.iter().map(|source| source.number).filter(|n| text.contains(&format!("[{n}]"))).collect()
    }
}
