//! Tables and indexes of an embedded store: one table for a collection, one expression index for each of its indexes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::collection::{Collection, Index, OnlyWhere};
use crate::error::StoreError;

/// Marks a database file as a store (`CnMn`).
const APPLICATION: i32 = 0x436E_4D6E;
/// Counts the layouts of the file; this program reads and writes this one.
const LAYOUT: i32 = 1;

/// Makes the tables and indexes that are missing, and replaces or drops the indexes that are declared otherwise.
pub(super) fn prepare(
    connection: &mut Connection,
    collections: &'static [&'static Collection],
) -> Result<(), StoreError> {
    let doing = "preparing the database";
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(StoreError::backend(doing))?;
    check_layout(&transaction)?;
    build(&transaction, collections).map_err(StoreError::backend(doing))?;
    transaction.commit().map_err(StoreError::backend(doing))
}

fn check_layout(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let pragma =
        |name: &str| transaction.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0));
    let doing = "reading the database's layout";
    let application = pragma("application_id").map_err(StoreError::backend(doing))?;
    let layout = pragma("user_version").map_err(StoreError::backend(doing))?;
    let tables: i64 = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(StoreError::backend(doing))?;
    match (application, layout) {
        (0, 0) if tables == 0 => Ok(()),
        (APPLICATION, LAYOUT) => Ok(()),
        (APPLICATION, other) => Err(StoreError::WrongVersion {
            reason: format!("the file has layout {other}, and the program knows layout {LAYOUT}"),
        }),
        _ => {
            Err(StoreError::WrongVersion { reason: "store.sqlite is another program's database".to_owned() })
        }
    }
}

fn build(transaction: &Transaction<'_>, collections: &[&Collection]) -> Result<(), rusqlite::Error> {
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    let mut present: BTreeMap<String, String> = transaction
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for collection in collections {
        let table = collection.name;
        transaction.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"{table}\" \
             (id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, doc TEXT NOT NULL) STRICT"
        ))?;
        for index in collection.indexes {
            let name = index_name(collection, index);
            let sql = create_index(collection, index);
            match present.remove(&name) {
                Some(known) if known == sql => {}
                Some(_) => transaction.execute_batch(&format!("DROP INDEX \"{name}\"; {sql}"))?,
                None => transaction.execute_batch(&sql)?,
            }
        }
    }
    // An index that is no longer declared must not go on refusing or slowing writes.
    for (name, _) in present {
        transaction.execute_batch(&format!("DROP INDEX \"{name}\""))?;
    }
    Ok(())
}

fn create_index(collection: &Collection, index: &Index) -> String {
    let mut sql = format!(
        "CREATE {}INDEX \"{}\" ON \"{}\" (",
        if index.unique { "UNIQUE " } else { "" },
        index_name(collection, index),
        collection.name
    );
    sql.push_str(&index.fields.iter().map(|field| expression(field)).collect::<Vec<_>>().join(", "));
    if !index.unique {
        sql.push_str(", id");
    }
    sql.push(')');
    let condition = coverage(index);
    if !condition.is_empty() {
        let _ = write!(sql, " WHERE {condition}");
    }
    sql
}

/// Names an index in the file, where the names of all tables' indexes share one space.
pub(super) fn index_name(collection: &Collection, index: &Index) -> String {
    format!("{}__{}", collection.name, index.name)
}

/// Writes the expression of a field. Index and query must write it alike, or SQLite does not see that they agree.
pub(super) fn expression(path: &str) -> String {
    format!("json_extract(doc, '$.{path}')")
}

/// Writes the condition under which an index covers a document; empty where it covers all.
pub(super) fn coverage(index: &Index) -> String {
    let mut terms = Vec::new();
    if let Some(OnlyWhere { field, any_of }) = index.only_where {
        let values =
            any_of.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect::<Vec<_>>();
        terms.push(format!("{} IN ({})", expression(field), values.join(", ")));
    }
    if index.unique {
        terms.extend(index.fields.iter().map(|field| format!("{} IS NOT NULL", expression(field))));
    }
    terms.join(" AND ")
}
