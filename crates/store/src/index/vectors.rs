//! Vectors of passages.

use super::passages::passage;
use super::{Index, IndexError, PassageRow};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::PoisonError;

/// The place of vectors that are in the index itself.
pub const HERE: &str = "here";

/// A name that no other set has.
const NEW_SET: &str = "VALUES ('vectors', lower(hex(randomblob(8))))";

/// Forgets all vectors.
fn begin_anew(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM vector", [])?;
    connection.execute("DELETE FROM gone", [])?; // the trigger has written what was kept elsewhere
    connection.execute(&format!("INSERT OR REPLACE INTO meta {NEW_SET}"), []).map(drop)
}

impl Index {
    /// Says which embedder's vectors are used, and where they are kept: [`HERE`], or an address. Those of another are
    /// forgotten; where they are elsewhere, that is noted in [`Index::left`].
    pub fn use_embedder(&self, embedder: &str, place: &str) -> Result<(), IndexError> {
        let id = format!("{embedder} in {place}");
        let mut writer = self.writer();
        let sql = "SELECT value FROM meta WHERE key = 'embedder'";
        let known: Option<String> = writer.query_row(sql, [], |row| row.get(0)).optional()?;
        if known.as_ref() == Some(&id) {
            return Ok(());
        }
        let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        if let Some((_, before)) = known.as_deref().and_then(|known| known.rsplit_once(" in "))
            && before != HERE
        {
            let sql =
                "INSERT OR REPLACE INTO meta SELECT 'left ' || value, ? FROM meta WHERE key = 'vectors'";
            transaction.execute(sql, [before])?;
        }
        begin_anew(&transaction)?;
        transaction.execute("INSERT OR REPLACE INTO meta VALUES ('embedder', ?)", [id])?;
        Ok(transaction.commit()?)
    }

    /// Forgets all vectors, because they are gone from where they were kept. They make a new set from here on.
    pub fn begin_vectors(&self) -> Result<(), IndexError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        begin_anew(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// The name of the set of vectors of this index: another one for each index, and whenever it is begun anew.
    pub fn vector_set(&self) -> Result<String, IndexError> {
        let sql = "SELECT value FROM meta WHERE key = 'vectors'";
        let known = self.reader().query_row(sql, [], |row| row.get(0)).optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        let writer = self.writer();
        writer.execute(&format!("INSERT OR IGNORE INTO meta {NEW_SET}"), [])?;
        Ok(writer.query_row(sql, [], |row| row.get(0))?)
    }

    /// Sets of vectors that are no longer used and may still be kept elsewhere: name and place.
    pub fn left(&self) -> Result<Vec<(String, String)>, IndexError> {
        let reader = self.reader();
        let mut statement = reader
            .prepare_cached("SELECT substr(key, 6), value FROM meta WHERE key LIKE 'left %' ORDER BY key")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets that this set was left, once it is gone.
    pub fn forget_left(&self, set: &str) -> Result<(), IndexError> {
        self.writer().execute("DELETE FROM meta WHERE key = 'left ' || ?", [set])?;
        Ok(())
    }

    /// How many passages have no vector; of one root if it is given.
    pub fn without_vector(&self, root: Option<i64>) -> Result<u64, IndexError> {
        if root.is_some() {
            return self.count_without_vector(root);
        }
        let generation = self.generation()?;
        let mut known = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((then, missing)) if then == generation => Ok(missing),
            _ => {
                let missing = self.count_without_vector(None)?;
                *known = Some((generation, missing));
                Ok(missing)
            }
        }
    }

    fn count_without_vector(&self, root: Option<i64>) -> Result<u64, IndexError> {
        Ok(self.reader().query_row(
            "SELECT count(*) FROM passage JOIN file ON file.id = file_id
             WHERE (?1 IS NULL OR root_id = ?1) AND passage.id NOT IN (SELECT passage_id FROM vector)",
            [root],
            |row| row.get(0),
        )?)
    }

    /// Up to `count` passages without vector, with ids above `after`, by id; of one root if it is given.
    pub fn next_without_vector(
        &self,
        root: Option<i64>,
        after: i64,
        count: usize,
    ) -> Result<Vec<PassageRow>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT passage.id, root.path, file.path, language, first, last, kind, name, signature, text
             FROM passage JOIN file ON file.id = file_id JOIN root ON root.id = root_id
             WHERE passage.id > ?1 AND (?2 IS NULL OR root_id = ?2)
                 AND NOT EXISTS (SELECT 1 FROM vector WHERE passage_id = passage.id)
             ORDER BY passage.id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![after, root, count as i64], passage)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that vectors of these passages are kept, here or elsewhere.
    pub fn mark_embedded(&self, ids: &[i64]) -> Result<(), IndexError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for id in ids {
            // One that is gone meanwhile must go where it is kept, too.
            transaction
                .prepare_cached("INSERT OR IGNORE INTO vector SELECT id, NULL FROM passage WHERE id = ?")?
                .execute([id])?;
            transaction
                .prepare_cached("INSERT OR IGNORE INTO gone SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM passage WHERE id = ?1)")?
                .execute([id])?;
        }
        Ok(transaction.commit()?)
    }

    /// Keeps vectors, in one transaction. Passages that are gone meanwhile are left out.
    pub fn put_vectors(&self, vectors: &[(i64, Vec<u8>)]) -> Result<(), IndexError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for (id, data) in vectors {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO vector SELECT id, ?2 FROM passage WHERE id = ?1")?
                .execute(params![id, data])?;
        }
        Ok(transaction.commit()?)
    }

    /// Ids of the passages with a vector, and of their roots, by id of the passage.
    pub fn vector_ids(&self) -> Result<Vec<(i64, i64)>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT passage_id, root_id FROM vector JOIN passage ON passage.id = passage_id
             JOIN file ON file.id = file_id ORDER BY passage_id",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads the vectors with ids of at least `from` in the order of ids, until `each` returns false.
    pub fn read_vectors(
        &self,
        from: i64,
        each: &mut dyn FnMut(i64, &[u8]) -> bool,
    ) -> Result<(), IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT passage_id, data FROM vector WHERE passage_id >= ? AND data IS NOT NULL ORDER BY passage_id",
        )?;
        let mut rows = statement.query([from])?;
        while let Some(row) = rows.next()? {
            let data = row.get_ref(1)?.as_blob().unwrap_or_default();
            if !each(row.get(0)?, data) {
                break;
            }
        }
        Ok(())
    }

    /// Vectors by id; none where there is none here.
    pub fn vectors(&self, ids: &[i64]) -> Result<Vec<Option<Vec<u8>>>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT data FROM vector WHERE passage_id = ?")?;
        let found = ids.iter().map(|id| statement.query_row([id], |row| row.get(0)).optional());
        Ok(found.map(|row| row.map(Option::flatten)).collect::<Result<_, _>>()?)
    }

    /// Changes with every commit of any process.
    pub fn generation(&self) -> Result<i64, IndexError> {
        // `data_version` of a connection that never writes counts all commits of others.
        Ok(self.reader().pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Passages that are gone, whose vectors are kept elsewhere.
    pub fn gone(&self) -> Result<Vec<i64>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT passage_id FROM gone ORDER BY passage_id")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Forgets passages that are gone, once their vectors are.
    pub fn forget(&self, ids: &[i64]) -> Result<(), IndexError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        for id in ids {
            transaction.prepare_cached("DELETE FROM gone WHERE passage_id = ?")?.execute([id])?;
        }
        Ok(transaction.commit()?)
    }
}
