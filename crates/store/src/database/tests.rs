//! Migrations with a copy first, and changes that share a commit.

use super::{Database, Kind, backup};
use crate::StoreError;
use std::path::Path;

const OLD: Kind = Kind {
    application: 7,
    migrations: &["CREATE TABLE notes (text TEXT NOT NULL) STRICT"],
    precious: true,
    synchronous: "FULL",
    prepare: |_| Ok(()),
};
const NEW: Kind = Kind {
    migrations: &[OLD.migrations[0], "ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 3"],
    ..OLD
};
/// Its second step fails in the middle.
const BROKEN: Kind =
    Kind { migrations: &[OLD.migrations[0], "DELETE FROM notes; CREATE TABLE notes (x)"], ..OLD };

fn add(database: &Database, text: &str) -> Result<(), StoreError> {
    let text = text.to_owned();
    database.write(move |connection| {
        connection.execute("INSERT INTO notes (text) VALUES (?1)", [text])?;
        Ok(())
    })
}

fn texts(database: &Database) -> Vec<String> {
    let read = database.read(|connection| {
        let mut statement = connection.prepare("SELECT text FROM notes ORDER BY rowid")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    });
    read.unwrap()
}

fn copies(path: &Path) -> usize {
    std::fs::read_dir(backup::folder(path)).map_or(0, Iterator::count)
}

#[test]
fn a_migration_keeps_the_rows_and_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    add(&Database::open(&path, OLD).unwrap(), "one").unwrap();
    assert_eq!(copies(&path), 0, "there was nothing to copy");

    assert!(matches!(Database::open(&path, BROKEN).map(drop), Err(StoreError::Internal(_))));
    assert_eq!(texts(&Database::open(&path, OLD).unwrap()), ["one"], "a step that fails changes nothing");

    let database = Database::open(&path, NEW).unwrap();
    assert_eq!(texts(&database), ["one"]);
    assert_eq!(copies(&path), 1);
    drop(database);
    assert!(matches!(
        Database::open(&path, OLD).map(drop),
        Err(StoreError::Newer { found: 2, known: 1, .. })
    ));
    let copy = std::fs::read_dir(backup::folder(&path)).unwrap().next().unwrap().unwrap().path();
    assert_eq!(texts(&Database::open(&copy, OLD).unwrap()), ["one"]);
    let another = Kind { application: 8, ..NEW };
    assert!(matches!(Database::open(&path, another).map(drop), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_change_that_fails_takes_only_itself_back() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("x.db"), OLD).unwrap();
    std::thread::scope(|scope| {
        for n in 0..32 {
            let database = &database;
            scope.spawn(move || match n % 4 {
                0 => add(database, &n.to_string()).unwrap(),
                kind => {
                    let failed: Result<(), StoreError> = database.write(move |connection| {
                        connection.execute("INSERT INTO notes (text) VALUES ('never')", [])?;
                        match kind {
                            1 => Err(StoreError::Invalid("no".into())),
                            2 => panic!("a mistake"),
                            _ => Ok(connection.execute_batch("INSERT INTO notes (text) VALUES (NULL)")?),
                        }
                    });
                    assert!(
                        matches!(failed, Err(StoreError::Invalid(_) | StoreError::Internal(_))),
                        "{failed:?}"
                    );
                }
            });
        }
    });
    let mut found = texts(&database);
    found.sort_by_key(|text| text.parse::<u32>().unwrap());
    assert_eq!(found, ["0", "4", "8", "12", "16", "20", "24", "28"]);
}

#[test]
fn readers_see_one_state_and_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("x.db"), OLD).unwrap();
    let counted = database.read(|connection| {
        let count = || connection.query_row("SELECT count(*) FROM notes", [], |row| row.get::<_, u32>(0));
        let before = count()?;
        add(&database, "while it reads")?;
        Ok((before, count()?))
    });
    assert_eq!(counted.unwrap(), (0, 0));
    assert_eq!(texts(&database), ["while it reads"]);
    let written = database.read(|connection| Ok(connection.execute("DELETE FROM notes", [])?));
    assert!(written.is_err());
    assert_eq!(texts(&database).len(), 1);
}
