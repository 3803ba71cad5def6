//! Brings a file to the newest layout, one transaction a step, with a copy of the file first.

use super::{Kind, backup};
use crate::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Applies the migrations that the file, of layout `found`, has not seen. `PRAGMA user_version` counts them.
pub(super) fn run(
    connection: &mut Connection,
    path: &Path,
    kind: Kind,
    found: u32,
) -> Result<(), StoreError> {
    let known = kind.migrations.len() as u32;
    if found == known {
        return Ok(());
    }
    if found > 0 && kind.precious {
        backup::before_migration(connection, path, found)?;
    }
    for step in found..known {
        // Another process may have been faster: it is looked at again inside of the transaction.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&transaction)? == step {
            transaction.execute_batch(kind.migrations[step as usize])?;
            transaction.pragma_update(None, "application_id", kind.application)?;
            transaction.pragma_update(None, "user_version", step + 1)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

/// The layout of the file, which is only read; 0 is an empty one. Fails where it is not ours, or newer.
pub(super) fn check(connection: &Connection, path: &Path, kind: Kind) -> Result<u32, StoreError> {
    let known = kind.migrations.len() as u32;
    let found = version(connection)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let foreign = application != kind.application && (found > 0 || application != 0 || tables > 0);
    if foreign {
        let why = "it is a database of another program".into();
        return Err(StoreError::Corrupt { path: path.to_path_buf(), why });
    }
    if found > known {
        return Err(StoreError::Newer { path: path.to_path_buf(), found, known });
    }
    Ok(found)
}

fn version(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}
