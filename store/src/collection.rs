//! Declarations: collections, their indexes and the documents they hold.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::error::StoreError;

/// Is a type whose values one collection holds.
///
/// It serialises to a JSON object. Where the object has a field `id`, that is the document's id.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The collection that holds the type's documents, and no others.
    const COLLECTION: &'static Collection;

    /// Returns the id: 1 to 1,024 bytes without NUL, unique in the collection.
    fn id(&self) -> String;
}

/// Names a collection and declares every index, and so every query, that it has.
#[derive(Debug, PartialEq, Eq)]
pub struct Collection {
    /// The name in the database: lower-case letters, digits and `_`.
    pub name: &'static str,
    /// The indexes, each with its own name.
    pub indexes: &'static [Index],
}

/// Declares one index: what it orders, whether it is unique, and which documents it covers.
///
/// The fields hold text, numbers or booleans, always of one kind per field, or are null or absent; a list or an object
/// in one of them is refused. **A unique index covers only the documents in which each of its fields is present and not
/// null**, and a query over it sees only these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// The name, unique in its collection: lower-case letters, digits and `_`.
    pub name: &'static str,
    /// Dotted paths of plain field names, such as `status.state`.
    pub fields: &'static [&'static str],
    /// Whether no two covered documents may agree in all the fields.
    pub unique: bool,
    /// The documents that the index covers, where not all.
    pub only_where: Option<OnlyWhere>,
}

/// Restricts an index to the documents in which a text field has one of some values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlyWhere {
    /// The dotted path of the field.
    pub field: &'static str,
    /// The values of which it has one.
    pub any_of: &'static [&'static str],
}

impl Collection {
    /// Declares a collection.
    #[must_use]
    pub const fn new(name: &'static str, indexes: &'static [Index]) -> Self {
        Self { name, indexes }
    }
}

impl Index {
    /// Declares an index over fields, in the order in which a query binds them and is sorted by them.
    #[must_use]
    pub const fn on(name: &'static str, fields: &'static [&'static str]) -> Self {
        Self { name, fields, unique: false, only_where: None }
    }

    /// Makes the index unique.
    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Restricts the index to the documents whose text field is one of the values.
    #[must_use]
    pub const fn only_where(mut self, field: &'static str, any_of: &'static [&'static str]) -> Self {
        self.only_where = Some(OnlyWhere { field, any_of });
        self
    }

    /// Tells whether a document's fields put it under this index.
    pub(crate) fn covers(&self, document: &Json) -> bool {
        let filtered = self.only_where.is_none_or(|only| {
            at_path(document, only.field)
                .and_then(Json::as_str)
                .is_some_and(|text| only.any_of.contains(&text))
        });
        let complete = !self.unique
            || self.fields.iter().all(|field| at_path(document, field).is_some_and(|value| !value.is_null()));
        filtered && complete
    }
}

/// Finds the value at a dotted path, through objects only.
pub(crate) fn at_path<'a>(document: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(document, |inside, name| inside.as_object()?.get(name))
}

/// Checks that both databases can hold what is declared.
///
/// # Errors
/// [`StoreError::BadDeclaration`] names the collection and what is wrong with it.
pub(crate) fn check_declarations(collections: &[&Collection]) -> Result<(), StoreError> {
    let mut names = BTreeSet::new();
    for collection in collections {
        let refuse = |reason: String| StoreError::BadDeclaration { collection: collection.name, reason };
        if !is_name(collection.name)
            || collection.name.starts_with("sqlite")
            || collection.name.starts_with("system")
        {
            return Err(refuse("a collection's name is lower-case letters, digits and _".to_owned()));
        }
        if !names.insert(collection.name) {
            return Err(refuse("two collections share this name".to_owned()));
        }
        check_indexes(collection).map_err(refuse)?;
    }
    Ok(())
}

fn check_indexes(collection: &Collection) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut unique_fields = BTreeSet::new();
    for index in collection.indexes {
        let name = index.name;
        if !is_name(name) || !names.insert(name) {
            return Err(format!(
                "index \"{name}\" needs a name of its own, lower-case letters, digits and _"
            ));
        }
        let filtered = index.only_where.map(|only| only.field);
        if let Some(path) = index.fields.iter().copied().chain(filtered).find(|path| !is_path(path)) {
            return Err(format!("index {name}: \"{path}\" is not a dotted path of plain field names"));
        }
        // The id has an index of its own, and ends the order of every other one.
        if index.fields.contains(&"id") {
            return Err(format!("index {name}: the id needs no index"));
        }
        if index.fields.is_empty() || index.fields.iter().collect::<BTreeSet<_>>().len() != index.fields.len()
        {
            return Err(format!("index {name} needs at least one field, and each only once"));
        }
        if index.only_where.is_some_and(|only| only.any_of.is_empty()) {
            return Err(format!("index {name} covers nothing: its condition allows no value"));
        }
        // MongoDB reports a violated index by its fields, so two unique ones must differ in them.
        if index.unique && !unique_fields.insert(index.fields) {
            return Err(format!("index {name}: another unique index has the same fields"));
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    name.len() <= 60
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_path(path: &str) -> bool {
    path.split('.').all(|name| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refuses_declarations_that_a_database_could_not_hold() {
        const GOOD: Index = Index::on("by_a", &["a", "b.c"]);
        static FINE: Collection = Collection::new("things", &[GOOD]);
        static NAMED_BADLY: Collection = Collection::new("Things; drop", &[]);
        static PATH: Collection = Collection::new("paths", &[Index::on("by_a", &["a'b"])]);
        static TWICE: Collection = Collection::new("twice", &[GOOD, GOOD]);
        static OF_IDS: Collection = Collection::new("of_ids", &[Index::on("by_id", &["a", "id"])]);
        static NOTHING: Collection =
            Collection::new("nothing", &[Index::on("by_a", &["a"]).only_where("s", &[])]);
        static SAME: Collection =
            Collection::new("same", &[Index::on("one", &["a"]).unique(), Index::on("two", &["a"]).unique()]);

        assert!(check_declarations(&[&FINE]).is_ok());
        assert!(check_declarations(&[&FINE, &FINE]).is_err());
        for bad in [&NAMED_BADLY, &PATH, &TWICE, &OF_IDS, &NOTHING, &SAME] {
            assert!(check_declarations(&[bad]).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_unique_index_covers_complete_documents_only() {
        let index = Index::on("by_tag", &["tag.name"]).unique().only_where("state", &["open", "held"]);
        assert!(index.covers(&json!({"tag": {"name": "r1"}, "state": "held"})));
        assert!(!index.covers(&json!({"tag": {"name": null}, "state": "held"})));
        assert!(!index.covers(&json!({"tag": {"name": "r1"}, "state": "shut"})));
        assert!(!index.covers(&json!({"tag": [{"name": "r1"}], "state": "open"})));
    }
}
