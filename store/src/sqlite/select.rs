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
        .prepare_cached(&format!("SELECT id, version, doc FROM \"{}\" WHERE id = ?1", collection.name))?
        .query_row([id], stored)
        .optional()
}

/// Reads the documents of these ids that are there.
pub(super) fn many(
    connection: &Connection,
    collection: &'static Collection,
    ids: &[String],
) -> Result<Vec<Stored>, rusqlite::Error> {
    // One parameter for however many there are, so that the statement is prepared once.
    let ids = serde_json::to_string(ids).expect("a list of texts is JSON");
    let wanted = "SELECT value FROM json_each(?1)";
    connection
        .prepare_cached(&format!(
            "SELECT id, version, doc FROM \"{}\" WHERE id IN ({wanted})",
            collection.name
        ))?
        .query_map([ids], stored)?
        .collect()
}

/// Reads the page that a plan finds, and counts, as of one moment.
pub(super) fn page(connection: &Connection, plan: &Plan) -> Result<Found, rusqlite::Error> {
    let snapshot = connection.unchecked_transaction()?;
    let filter = Filter::of(plan);
    let source = source(plan, &filter);
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
    let items = snapshot
        .prepare_cached(&select(plan, &source))?
        .query_map(params_from_iter(&binds), stored)?
        .collect::<Result<Vec<Stored>, rusqlite::Error>>()?;
    snapshot.commit()?;
    Ok(Found { items, total })
}

/// Writes where to look. An index that cannot serve the query makes SQLite refuse it, instead of reading the whole table.
fn source(plan: &Plan, filter: &Filter) -> String {
    let index = index_name(plan.collection, plan.index);
    format!("FROM \"{}\" INDEXED BY \"{index}\"{}", plan.collection.name, filter.sql)
}

fn select(plan: &Plan, source: &str) -> String {
    format!("SELECT id, version, doc {source}{} LIMIT ? OFFSET ?", order(plan))
}

fn stored(row: &Row<'_>) -> Result<Stored, rusqlite::Error> {
    Ok(Stored { id: row.get(0)?, version: row.get(1)?, body: Body::Text(row.get(2)?) })
}

/// Writes what to sort by; nothing where the query finds one document at most.
fn order(plan: &Plan) -> String {
    let id = plan.order_needs_id().then(|| "id".to_owned());
    let direction = if plan.descending { " DESC" } else { "" };
    let terms: Vec<String> =
        plan.order().iter().map(|field| expression(field)).chain(id).map(|term| term + direction).collect();
    if terms.is_empty() { String::new() } else { format!(" ORDER BY {}", terms.join(", ")) }
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
        let sql = if terms.is_empty() { String::new() } else { format!(" WHERE {}", terms.join(" AND ")) };
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

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::super::schema;
    use super::*;
    use crate::collection::{Document, Index};
    use crate::query::Query;

    const BY_STATE: Index = Index::on("by_state", &["app_id", "status.state", "created_at"]);
    const BY_NUMBER: Index = Index::on("by_number", &["app_id", "number"]).unique();
    const ONE_OPEN: Index =
        Index::on("one_open", &["app_id"]).unique().only_where("status.state", &["open", "it's"]);
    static NOTES: Collection = Collection::new("notes", &[BY_STATE, BY_NUMBER, ONE_OPEN]);
    static ALL: &[&Collection] = &[&NOTES];

    #[derive(Clone, Serialize, Deserialize)]
    struct Note {
        id: String,
    }

    impl Document for Note {
        const COLLECTION: &'static Collection = &NOTES;

        fn id(&self) -> String {
            self.id.clone()
        }
    }

    #[test]
    fn every_shape_of_query_is_served_by_its_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection, ALL).unwrap();
        let all = |index| Query::<Note>::on(index);
        for (query, is_sorted_in_memory) in [
            (all(&BY_STATE), false),
            (all(&BY_STATE).descending(), false),
            (all(&BY_STATE).eq("a").after("b"), false),
            (all(&BY_STATE).eq("a").eq(FieldValue::Null).descending(), false),
            (all(&BY_STATE).eq("a").eq("b").eq("2026-01-01T00:00:00.000Z"), false),
            // What several values find is put in one order.
            (all(&BY_STATE).eq("a").any_of(["b", "c"]), true),
            (all(&BY_NUMBER), false),
            (all(&BY_NUMBER).eq("a").at_most(3).descending(), false),
            (all(&BY_NUMBER).eq("a").eq(3), false),
            (all(&ONE_OPEN), false),
            (all(&ONE_OPEN).eq("a"), false),
        ] {
            let plan = query.into_plan().unwrap();
            let filter = Filter::of(&plan);
            let sql = format!("EXPLAIN QUERY PLAN {}", select(&plan, &source(&plan, &filter)));
            let binds = filter.binds.into_iter().chain([Bind::Integer(-1), Bind::Integer(0)]);
            let steps: Vec<String> = connection
                .prepare(&sql)
                .unwrap()
                .query_map(params_from_iter(binds), |row| row.get("detail"))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let steps = steps.join("; ");
            assert!(steps.contains(&format!("USING INDEX notes__{}", plan.index.name)), "{sql}: {steps}");
            assert_eq!(steps.contains("TEMP B-TREE"), is_sorted_in_memory, "{sql}: {steps}");
        }
    }
}
