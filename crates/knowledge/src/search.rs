//! Finding passages by words and by meaning, fused by rank.

use crate::index::{Knowledge, KnowledgeError};
use crate::passage::{Hit, Passage, Why};
use crate::vectors::Near;
use crate::words::{query_words, words};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use store::index::PassageRow;

/// Candidates by words and by vectors that are fused.
const CANDIDATES: usize = 100;
/// Reciprocal rank fusion (Cormack et al. 2009): a passage gets 1 / (RANK + its place) of each list. Measured in
/// `bench/retrieval` on generated questions.
const RANK: f32 = 60.0;
/// Weight of the list by words against that by vectors.
const WORDS: f32 = 1.0;
/// The same of what the question names: it stands before what both ways find.
const NAMES: f32 = 2.1;
/// Most passages that count as named.
const NAMED: usize = 20;

/// A question to the index.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// What is looked for.
    pub text: &'a str,
    /// Most passages that are returned.
    pub count: usize,
    /// Search the indexed folder that holds this path only.
    pub project: Option<&'a Path>,
    /// Which ways to use.
    pub by: By,
}

/// Ways to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Words and vectors.
    #[default]
    Both,
    /// Words only.
    Words,
    /// Vectors only.
    Vectors,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The passages, best first.
    pub hits: Vec<Hit>,
    /// What is missing from it.
    pub note: Option<Note>,
}

/// Why an answer may be worse than it could be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// There is no model.
    #[error("found by words only: `hone pull all-minilm-l6-v2` fetches the model that finds by meaning")]
    NoEmbedder,
    /// Some passages are not embedded.
    #[error(
        "{0} passages have no vector yet and are found by words only: `hone index add` goes on with them"
    )]
    NotEmbedded(u64),
    /// The model or the vector store failed.
    #[error("found by words only: {0}")]
    Failed(String),
}

impl<'a> Query<'a> {
    /// A question to all folders.
    pub fn new(text: &'a str, count: usize) -> Query<'a> {
        Query { text, count, project: None, by: By::Both }
    }
}

impl Knowledge {
    /// The passages that answer a question best. A model or a vector store that fails leaves the words.
    pub fn search(&self, query: &Query<'_>) -> Result<Answer, KnowledgeError> {
        let root = match query.project {
            Some(path) => {
                let root = self.folder_of(path)?;
                Some(root.ok_or_else(|| KnowledgeError::NotIndexed(path.to_path_buf()))?)
            }
            None => None,
        };
        let asked = query_words(query.text);
        let by_words = match query.by {
            By::Vectors => ByWords::default(),
            _ => self.by_words(query.text, &asked, root.as_ref().map(|(id, _)| *id))?,
        };
        let (near, note) = match query.by {
            By::Words => (Vec::new(), None),
            _ => self.by_vectors(query.text, root.as_ref().map(|(_, path)| path.as_str())),
        };
        let ranked = fuse(&by_words, &near);
        let ids: Vec<i64> = ranked.iter().map(|(id, ..)| *id).collect();
        let mut hits = Vec::new();
        let mut seen = Seen::default();
        // Rows are fetched as they are needed: few are looked at twice.
        for (part, rest) in ids.chunks(query.count.max(1)).zip(ranked.chunks(query.count.max(1))) {
            let rows: HashMap<i64, PassageRow> =
                self.index.passages(part)?.into_iter().map(|row| (row.id, row)).collect();
            let fresh = rest.iter().filter_map(|(id, score, why)| Some((rows.get(id)?, *score, why)));
            for (row, score, why) in fresh.filter(|(row, ..)| seen.is_new(row)) {
                let why = Why { matched: matched(&asked, row), ..why.clone() };
                hits.push(Hit { passage: Passage::from(row.clone()), score, why });
            }
            if hits.len() >= query.count {
                break;
            }
        }
        hits.truncate(query.count);
        Ok(Answer { hits, note })
    }

    /// What the question names comes first, then what has its words.
    fn by_words(&self, text: &str, asked: &[String], root: Option<i64>) -> Result<ByWords, KnowledgeError> {
        let mut ids = self.named(text, root, NAMED)?;
        let named = ids.len();
        let others = self.index.by_words(asked, root, CANDIDATES)?;
        ids.extend(others.into_iter().filter(|id| !ids[..named].contains(id)).collect::<Vec<_>>());
        Ok(ByWords { ids, named })
    }

    fn by_vectors(&self, text: &str, root: Option<&str>) -> (Vec<Near>, Option<Note>) {
        let Some(semantic) = &self.semantic else { return (Vec::new(), Some(Note::NoEmbedder)) };
        let vectors = semantic.embedder.embed(&[text]).map_err(|e| e.to_string());
        let near = vectors.and_then(|vectors| {
            let query = vectors.first().ok_or("the model gave no vector")?;
            let store = self.vectors(semantic).map_err(|e| e.to_string())?;
            store.nearest(query, CANDIDATES, root).map_err(|e| e.to_string())
        });
        match near {
            Ok(near) => {
                let missing = self.index.without_vector(None).unwrap_or(0);
                (near, (missing > 0).then_some(Note::NotEmbedded(missing)))
            }
            Err(error) => (Vec::new(), Some(Note::Failed(error))),
        }
    }
}

/// Passages found by their words, best first; the first of them are what the question names.
#[derive(Default)]
struct ByWords {
    ids: Vec<i64>,
    named: usize,
}

/// Both lists as one, best first.
fn fuse(words: &ByWords, near: &[Near]) -> Vec<(i64, f32, Why)> {
    let mut fused: HashMap<i64, (f32, Why)> = HashMap::new();
    for (place, id) in (1..).zip(&words.ids) {
        let (score, why) = fused.entry(*id).or_default();
        let weight = if place as usize <= words.named { NAMES } else { WORDS };
        *score += weight / (RANK + place as f32);
        why.words = Some(place);
    }
    for (place, Near { id, similarity }) in (1..).zip(near) {
        let (score, why) = fused.entry(*id).or_default();
        *score += 1.0 / (RANK + place as f32);
        (why.vectors, why.similarity) = (Some(place), Some(*similarity));
    }
    let mut ranked: Vec<_> = fused.into_iter().map(|(id, (score, why))| (id, score, why)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
}

/// Tells passages that say nothing new: copies, and lines that another folder of the index has too.
#[derive(Default)]
struct Seen {
    texts: HashSet<String>,
    lines: HashMap<PathBuf, Vec<(u32, u32)>>,
}

impl Seen {
    fn is_new(&mut self, row: &PassageRow) -> bool {
        let lines = self.lines.entry(Path::new(&row.root).join(&row.path)).or_default();
        // Parts of one long line have the same line and other texts.
        let overlaps = |other: &(u32, u32)| {
            row.lines.0 <= other.1 && other.0 <= row.lines.1 && row.lines.0 != row.lines.1
        };
        let new = !lines.iter().any(overlaps) && self.texts.insert(row.text.clone());
        if new {
            lines.push(row.lines);
        }
        new
    }
}

/// The words of the question that stand in a passage, in any of their forms.
fn matched(asked: &[String], row: &PassageRow) -> Vec<String> {
    let all = [row.name.as_deref().unwrap_or(""), &row.path, &row.text].map(words).concat();
    let there: HashSet<&str> = all.iter().map(|word| stem(word)).collect();
    asked.iter().filter(|word| there.contains(stem(word))).cloned().collect()
}

/// A word without its ending, about as the index has it.
fn stem(word: &str) -> &str {
    let endings = ["ations", "ation", "ings", "ing", "ers", "ed", "er", "es", "s", "e"];
    let cut = endings.iter().find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() >= 3));
    cut.unwrap_or(word)
}
