//! Reading: one document by its id, or the page that a plan finds.

use rusqlite::types::Value as Bind;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::schema::{coverage, expression, index_name};
use crate::backend::{Body, Found, Stored};
use crate::collection::Collection;
use crate::query::{Last, Plan};
use crate::value::FieldValue;

/// Reads one document.
pub(super) fn one(
    connection: &Connection,
    collection: &'static Collection,
    id: String,
) -> Result<Option<Stored>, rusqlite::Error> {
    connection
        .prepare_cached(&format!(
            "SELECT id, version, doc FROM \"{}\" WHERE id = ?1",
            collection.name
        ))?
        .query_row([id], stored)
        .optional()
}

/// Reads the page that a plan finds, and counts, as of one moment.
pub(super) fn page(connection: &Connection, plan: &Plan) -> Result<Found, rusqlite::Error> {
    let snapshot = connection.unchecked_transaction()?;
    let filter = Filter::of(plan);
    let source = format!(
        "FROM \"{}\" INDEXED BY \"{}\"{}",
        plan.collection.name,
        index_name(plan.collection, plan.index),
        filter.sql
    );
    let total = if plan.total {
        let count: i64 = snapshot
            .prepare_cached(&format!("SELECT count(*) {source}"))?
            .query_row(params_from_iter(&filter.binds), |row| row.get(0))?;
        Some(u64::try_from(count).unwrap_or_default())
    } else {
        None
    };
    let largest = |count: u64| Bind::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let mut binds = filter.binds;
    binds.push(plan.limit.map_or(Bind::Integer(-1), largest));
    binds.push(largest(plan.skip));
    let sql = format!(
        "SELECT id, version, doc {source} ORDER BY {} LIMIT ? OFFSET ?",
        order(plan)
    );
    let items = snapshot
        .prepare_cached(&sql)?
        .query_map(params_from_iter(&binds), stored)?
        .collect::<Result<Vec<Stored>, rusqlite::Error>>()?;
    snapshot.commit()?;
    Ok(Found { items, total })
}

fn stored(row: &Row<'_>) -> Result<Stored, rusqlite::Error> {
    Ok(Stored {
        id: row.get(0)?,
        version: row.get(1)?,
        body: Body::Text(row.get(2)?),
    })
}

fn order(plan: &Plan) -> String {
    let id = plan.order_needs_id().then(|| "id".to_owned());
    let direction = if plan.descending { " DESC" } else { "" };
    let mut terms: Vec<String> = plan
        .order()
        .iter()
        .map(|field| expression(field))
        .chain(id)
        .map(|term| term + direction)
        .collect();
    if terms.is_empty() {
        // All fields of a unique index are bound: there is at most one document to sort.
        terms.push("id".to_owned());
    }
    terms.join(", ")
}

/// Is the condition of a plan, with the values to bind to it.
struct Filter {
    sql: String,
    binds: Vec<Bind>,
}

impl Filter {
    fn of(plan: &Plan) -> Self {
        let mut terms = Vec::new();
        let mut binds = Vec::new();
        for (field, value) in plan.equal_fields() {
            if *value == FieldValue::Null {
                terms.push(format!("{} IS NULL", expression(field)));
            } else {
                terms.push(format!("{} = ?", expression(field)));
                binds.push(bind(value));
            }
        }
        if let Some(field) = plan.last_field() {
            let field = expression(field);
            match &plan.last {
                Last::Free => {}
                Last::AnyOf(values) => {
                    let places = vec!["?"; values.len()].join(", ");
                    terms.push(format!("{field} IN ({places})"));
                    binds.extend(values.iter().map(bind));
                }
                Last::Range { lower, upper } => {
                    for (end, strict, inclusive) in [(lower, ">", ">="), (upper, "<", "<=")] {
                        if let Some(end) = end {
                            let sign = if end.inclusive { inclusive } else { strict };
                            terms.push(format!("{field} {sign} ?"));
                            binds.push(bind(&end.value));
                        }
                    }
                }
            }
        }
        // SQLite uses a partial index only where the query repeats its condition.
        let covered = coverage(plan.index);
        if !covered.is_empty() {
            terms.push(covered);
        }
        let sql = if terms.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", terms.join(" AND "))
        };
        Self { sql, binds }
    }
}

fn bind(value: &FieldValue) -> Bind {
    match value {
        FieldValue::Null => Bind::Null,
        // json_extract gives booleans as 0 and 1.
        FieldValue::Bool(value) => Bind::Integer(i64::from(*value)),
        FieldValue::Integer(number) => Bind::Integer(*number),
        FieldValue::Real(number) => Bind::Real(*number),
        FieldValue::Text(text) => Bind::Text(text.clone()),
    }
}
