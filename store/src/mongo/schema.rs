//! Collections and indexes of a MongoDB database.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use futures::{TryStreamExt, stream};
use mongodb::Database;
use mongodb::error::ErrorKind;

use crate::collection::{Collection, Index, OnlyWhere};
use crate::error::StoreError;

/// How many collections are prepared at once.
const TOGETHER: usize = 4;

/// The server's code for a collection that is there already.
const NAMESPACE_EXISTS: i32 = 48;

/// Makes the collections and indexes that are missing, and replaces the indexes that are declared otherwise.
///
/// Nothing is left to be made by a transaction's first write. An index that is not declared stays: an operator may have
/// made it, or a newer server that shares the database.
pub(super) async fn prepare(
    database: &Database,
    collections: &'static [&'static Collection],
) -> Result<(), StoreError> {
    let doing = "preparing the database";
    let present: Vec<String> = database.list_collection_names().await.map_err(StoreError::backend(doing))?;
    stream::iter(collections.iter().copied().map(Ok))
        .try_for_each_concurrent(TOGETHER, |collection| {
            let known = present.iter().any(|name| name == collection.name);
            async move { prepare_one(database, collection, known).await.map_err(StoreError::backend(doing)) }
        })
        .await
}

async fn prepare_one(
    database: &Database,
    collection: &'static Collection,
    known: bool,
) -> Result<(), mongodb::error::Error> {
    if !known {
        match database.create_collection(collection.name).await {
            // Another server of the same database was quicker.
            Err(error) if code_of(&error) == Some(NAMESPACE_EXISTS) => {}
            made => made?,
        }
    }
    let mut declared: BTreeMap<&str, Document> =
        collection.indexes.iter().map(|index| (index.name, definition(index))).collect();
    let documents = database.collection::<Document>(collection.name);
    let found: Vec<mongodb::IndexModel> =
        if known { documents.list_indexes().await?.try_collect().await? } else { Vec::new() };
    for model in found {
        let options = model.options.unwrap_or_default();
        let Some(name) = options.name else { continue };
        let unique = options.unique.unwrap_or(false);
        let Some(wanted) = declared.get(name.as_str()) else {
            if unique && name != "_id_" {
                tracing::warn!(
                    collection = collection.name,
                    index = name,
                    "an undeclared unique index restricts writes"
                );
            }
            continue;
        };
        let mut present = doc! { "key": numbers_alike(model.keys), "name": &name, "unique": unique };
        present.extend(
            options
                .partial_filter_expression
                .map(|filter| ("partialFilterExpression".to_owned(), filter.into())),
        );
        if present == *wanted {
            declared.remove(name.as_str());
        } else {
            documents.drop_index(name).await?;
        }
    }
    if !declared.is_empty() {
        let indexes: Vec<Bson> = declared.into_values().map(Bson::from).collect();
        let command = doc! {
            "createIndexes": collection.name,
            "indexes": indexes,
            "writeConcern": { "w": "majority", "j": true },
        };
        database.run_command(command).await?;
    }
    Ok(())
}

/// Writes an index as MongoDB takes it.
fn definition(index: &Index) -> Document {
    // A unique index must not hold the id, which would make everything unique.
    let id = (!index.unique).then_some("_id");
    let key: Document =
        index.fields.iter().copied().chain(id).map(|name| (name.to_owned(), Bson::Int32(1))).collect();
    let mut definition = doc! { "key": key, "name": index.name, "unique": index.unique };
    let coverage = coverage(index);
    if !coverage.is_empty() {
        definition.insert("partialFilterExpression", doc! { "$and": coverage });
    }
    definition
}

/// Returns the conditions under which an index covers a document; none where it covers all.
pub(super) fn coverage(index: &Index) -> Vec<Document> {
    let mut terms = Vec::new();
    if let Some(OnlyWhere { field, any_of }) = index.only_where {
        terms.push(doc! { field: { "$in": any_of.to_vec() } });
    }
    if index.unique {
        // Every kind of value that an indexed field may hold, and so neither null nor nothing.
        let kinds = ["string", "number", "bool", "date"];
        terms.extend(index.fields.iter().map(|field| doc! { *field: { "$type": kinds.to_vec() } }));
    }
    terms
}

/// Finds the unique index that a server's duplicate key report speaks of.
pub(super) fn violated(collection: &Collection, key_pattern: &Document) -> Option<&'static str> {
    let is_it = |index: &&Index| {
        index.unique && index.fields.iter().copied().eq(key_pattern.keys().map(String::as_str))
    };
    collection.indexes.iter().find(is_it).map(|index| index.name)
}

/// Writes a key's directions as 32-bit numbers, whatever form the server gives them in.
fn numbers_alike(keys: Document) -> Document {
    let alike = |value: Bson| match value {
        Bson::Int64(1) => Bson::Int32(1),
        Bson::Double(1.0) => Bson::Int32(1),
        other => other,
    };
    keys.into_iter().map(|(name, value)| (name, alike(value))).collect()
}

/// Returns the server's code for why it refused a command.
pub(super) fn code_of(error: &mongodb::error::Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}
