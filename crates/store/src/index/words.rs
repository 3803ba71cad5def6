//! Finding passages by their words.

use super::{Index, IndexError};
use rusqlite::{Connection, params};

/// A word in more passages than this tells little, and costs a look at each of them.
const COMMON: i64 = 5_000;

/// Weights of words in the name, the path and the text.
const WEIGHTS: &str = "4.0, 2.0, 1.0";

impl Index {
    /// The best passages by BM25, best first, that hold any of the words; of one root if it is given. A word is
    /// letters and digits only. Words in more than [`COMMON`] passages count only where
    /// no other is found.
    pub fn by_words(
        &self,
        words: &[String],
        root: Option<i64>,
        count: usize,
    ) -> Result<Vec<i64>, IndexError> {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let mut quoted: Vec<String> = words.iter().map(|w| format!("\"{}\"", w.replace('"', ""))).collect();
        let reader = self.reader();
        let telling = telling(&reader, &quoted)?;
        if telling.contains(&true) {
            let mut telling = telling.into_iter();
            quoted.retain(|_| telling.next().unwrap_or(true));
        }
        let filter = match root {
            Some(_) => {
                "AND (SELECT root_id FROM passage JOIN file ON file.id = file_id WHERE passage.id = word.rowid) = ?2"
            }
            None => "AND ?2 IS NULL",
        };
        let mut statement = reader.prepare_cached(&format!(
            "SELECT rowid FROM word WHERE word MATCH ?1 {filter} ORDER BY bm25(word, {WEIGHTS}), rowid LIMIT ?3"
        ))?;
        let rows = statement.query_map(params![quoted.join(" OR "), root, count as i64], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Index {
    /// Passages whose name (that of a function or type) or path has one of the phrases `names`, and those whose path has one
    /// of `paths`, best first; of one root if it is given. A phrase is words of letters and digits, with spaces.
    pub fn named(
        &self,
        names: &[String],
        paths: &[String],
        root: Option<i64>,
        count: usize,
    ) -> Result<Vec<i64>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!(
            "SELECT word.rowid FROM word JOIN passage ON passage.id = word.rowid JOIN file ON file.id = file_id
             WHERE word MATCH ?1 AND (?2 OR kind <> 'section') AND (?3 IS NULL OR root_id = ?3)
             ORDER BY bm25(word, {WEIGHTS}), word.rowid LIMIT ?4"
        ))?;
        let mut found: Vec<i64> = Vec::new();
        for (columns, phrases, sections) in [("name path", names, false), ("path", paths, true)] {
            let quoted: Vec<String> =
                phrases.iter().map(|phrase| format!("\"{}\"", phrase.replace('"', ""))).collect();
            if quoted.is_empty() {
                continue;
            }
            let asked = format!("{{{columns}}} : ({})", quoted.join(" OR "));
            let rows = statement.query_map(params![asked, sections, root, count as i64], |row| row.get(0))?;
            for id in rows {
                let id = id?;
                found.extend((!found.contains(&id)).then_some(id));
            }
        }
        found.truncate(count);
        Ok(found)
    }
}

/// Which words are in a passage, and in at most [`COMMON`].
fn telling(reader: &Connection, words: &[String]) -> rusqlite::Result<Vec<bool>> {
    let sql = "SELECT count(*) BETWEEN 1 AND ?2 FROM (SELECT 1 FROM word WHERE word MATCH ?1 LIMIT ?2 + 1)";
    let mut statement = reader.prepare_cached(sql)?;
    words.iter().map(|word| statement.query_row(params![word, COMMON], |row| row.get(0))).collect()
}
