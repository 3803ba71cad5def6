//! Vectors for passages that have none.

use super::{Knowledge, KnowledgeError, Progress, Report, Semantic};
use crate::vectors::Entry;
use crate::words::{char_boundary, words};
use store::index::PassageRow;

/// Passages that are fetched and written at once; sorted by length, so that texts of a batch are alike.
const BATCH: usize = 256;
/// Texts that the model gets at once.
const TEXTS: usize = 32;
/// Most bytes of an embedded text: more than the window of the usual models holds.
const LONGEST: usize = 1600;

impl Knowledge {
    /// Embeds what has no vector yet. Passages of other folders that an earlier run left are done too.
    pub(super) fn embed(
        &self,
        report: &mut Report,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<(), KnowledgeError> {
        let Some(semantic) = &self.semantic else { return Ok(()) };
        if !self.vectors(semantic)?.is_there()? {
            // Nothing was sent yet, or somebody has thrown it away.
            self.index.begin_vectors()?;
        }
        self.clear_gone()?;
        self.clear_left(&*semantic.vectors)?;
        let total = self.index.without_vector(Some(report.root))?;
        let mut after = 0;
        loop {
            let passages = self.index.next_without_vector(Some(report.root), after, BATCH)?;
            let Some(last) = passages.last() else { return Ok(()) };
            after = last.id;
            self.embed_batch(semantic, &passages)?;
            report.embedded += passages.len() as u64;
            if !progress(Progress::Vectors(report.embedded, total.max(report.embedded))) {
                report.stopped = true;
                return Ok(());
            }
        }
    }

    fn embed_batch(&self, semantic: &Semantic, passages: &[PassageRow]) -> Result<(), KnowledgeError> {
        let mut texts: Vec<(String, &PassageRow)> = passages.iter().map(|p| (embedded_text(p), p)).collect();
        texts.sort_by_key(|(text, _)| text.len());
        let mut entries = Vec::with_capacity(passages.len());
        for part in texts.chunks(TEXTS) {
            let only: Vec<&str> = part.iter().map(|(text, _)| text.as_str()).collect();
            let vectors = semantic.embedder.embed(&only)?;
            let rows = part.iter().map(|(_, row)| row);
            entries.extend(rows.zip(vectors).map(|(row, vector)| Entry {
                id: row.id,
                root: row.root.clone(),
                path: row.path.clone(),
                vector,
            }));
        }
        self.vectors(semantic)?.upsert(&entries)?;
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        Ok(self.index.mark_embedded(&ids)?)
    }

    /// Takes vectors of passages that are gone out of where they are kept.
    pub(super) fn clear_gone(&self) -> Result<(), KnowledgeError> {
        if let Some(semantic) = &self.semantic {
            let gone = self.index.gone()?;
            if !gone.is_empty() {
                self.vectors(semantic)?.remove(&gone)?;
                self.index.forget(&gone)?;
            }
        }
        Ok(())
    }
}

/// What the model reads of a passage: where it is, what it is called (in words), its comment without the marks, and
/// as much of the code as fits.
pub fn embedded_text(passage: &PassageRow) -> String {
    let mut text = passage.path.clone();
    if let Some(name) = &passage.name {
        text += "\n";
        text += name;
        let parts = words(name).join(" ");
        if parts != name.to_lowercase() {
            text += " (";
            text += &parts;
            text += ")";
        }
    }
    for line in passage.text.lines() {
        let line = line.trim();
        let plain = line.trim_start_matches(['/', '*', '#', '!', '-', ';', '"', '\'']).trim();
        let is_comment = plain.len() < line.len() && !line.starts_with("#[") && !line.starts_with("#!");
        text += "\n";
        text += if is_comment { plain } else { line };
        if text.len() > LONGEST {
            break;
        }
    }
    text.truncate(char_boundary(&text, LONGEST));
    text
}
