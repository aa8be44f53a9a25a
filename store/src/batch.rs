//! Batches: writes that happen together or not at all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value as Json;

use crate::collection::{Collection, Document, at_path};
use crate::encode::{LARGEST_DOCUMENT, encode, stored_size};
use crate::error::{CommitError, StoreError};
use crate::version::Version;

/// Collects writes, each with what it expects of its document, to be committed together or not at all.
///
/// A batch names a document once, except that a [`Batch::check`] may stand beside a write that expects the same version.
/// Writes happen in the order given: a value that one write frees under a unique index is free for the next. What cannot
/// be stored is reported by the commit, so that calls chain.
#[derive(Debug, Default)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    writes: Vec<Write>,
    fault: Option<CommitError>,
}

/// Is one write or check.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) collection: &'static Collection,
    pub(crate) id: String,
    pub(crate) action: Action,
}

/// Is what a write does, with the version that it expects; documents are JSON objects that both databases can hold.
#[derive(Debug)]
pub(crate) enum Action {
    Insert(Json),
    Replace(Json, i64),
    Delete(i64),
    Check(i64),
}

impl Batch {
    /// Starts an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a new document, at [`Version::FIRST`]; expects that none has its id.
    pub fn insert<T: Document>(self, doc: &T) -> Self {
        self.put(doc, Action::Insert)
    }

    /// Puts a document in the place of the one with its id, at the next version; expects the version stated.
    pub fn replace<T: Document>(self, doc: &T, expected: Version) -> Self {
        let version = on_disk(expected);
        self.put(doc, |json| Action::Replace(json, version))
    }

    /// Removes a document; expects the version stated.
    pub fn delete<T: Document>(mut self, id: &str, expected: Version) -> Self {
        self.push::<T>(id.to_owned(), Action::Delete(on_disk(expected)));
        self
    }

    /// Writes nothing, and expects the version stated: a batch that writes the document cannot slip in between.
    pub fn check<T: Document>(mut self, id: &str, expected: Version) -> Self {
        self.push::<T>(id.to_owned(), Action::Check(on_disk(expected)));
        self
    }

    /// Adds another batch's writes after this one's.
    pub fn extend(mut self, other: Batch) -> Self {
        self.writes.extend(other.writes);
        self.fault = self.fault.or(other.fault);
        self
    }

    /// Tells whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.fault.is_none()
    }

    /// Counts the writes and checks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    fn put<T: Document>(mut self, doc: &T, action: impl FnOnce(Json) -> Action) -> Self {
        let id = doc.id();
        match document(T::COLLECTION, &id, doc) {
            Ok(json) => self.push::<T>(id, action(json)),
            Err(fault) => self.keep(fault),
        }
        self
    }

    fn push<T: Document>(&mut self, id: String, action: Action) {
        self.writes.push(Write { collection: T::COLLECTION, id, action });
    }

    fn keep(&mut self, fault: CommitError) {
        self.fault.get_or_insert(fault);
    }

    /// Hands over the writes of a sound batch, each document once.
    pub(crate) fn into_writes(self) -> Result<Vec<Write>, CommitError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.writes.len() < 2 {
            return Ok(self.writes);
        }
        let mut at: HashMap<(&str, String), usize> = HashMap::with_capacity(self.writes.len());
        let mut kept: Vec<Write> = Vec::with_capacity(self.writes.len());
        for write in self.writes {
            match at.entry((write.collection.name, write.id.clone())) {
                Entry::Vacant(entry) => {
                    entry.insert(kept.len());
                    kept.push(write);
                }
                Entry::Occupied(entry) => {
                    let earlier = &mut kept[*entry.get()];
                    // A check beside a write of the same version is what the write expects anyway.
                    if earlier.expects() != write.expects() {
                        return Err(write.contradicts("is expected at two different versions"));
                    }
                    match (&earlier.action, &write.action) {
                        (_, Action::Check(_)) => {}
                        (Action::Check(_), _) => *earlier = write,
                        _ => return Err(write.contradicts("is written twice")),
                    }
                }
            }
        }
        Ok(kept)
    }
}

impl Write {
    /// Returns the version that the document should have, or `None` where there should be no document.
    pub(crate) fn expects(&self) -> Option<i64> {
        match &self.action {
            Action::Insert(_) => None,
            Action::Replace(_, version) | Action::Delete(version) | Action::Check(version) => Some(*version),
        }
    }

    fn contradicts(self, reason: &'static str) -> CommitError {
        StoreError::BadBatch { collection: self.collection.name, id: self.id, reason }.into()
    }
}

/// Returns a version as both databases hold it; one that no document can have becomes -1, which none has.
fn on_disk(version: Version) -> i64 {
    version.stored().unwrap_or(-1)
}

/// Makes the JSON object of a document and checks that both databases can hold it and give it back exactly.
fn document<T: Document>(collection: &'static Collection, id: &str, doc: &T) -> Result<Json, CommitError> {
    const LONGEST_ID: usize = 1024;
    let refuse = |reason: String| -> CommitError {
        StoreError::BadDocument { collection: collection.name, id: id.to_owned(), reason }.into()
    };
    if id.is_empty() || id.len() > LONGEST_ID || id.contains('\0') {
        return Err(refuse("an id is 1 to 1,024 bytes long and has no NUL".to_owned()));
    }
    let json = encode(doc).map_err(|fault| refuse(fault.to_string()))?;
    if !json.is_object() {
        return Err(refuse("a document is an object".to_owned()));
    }
    for index in collection.indexes {
        let filter = index.only_where.iter().map(|only| &only.field);
        if let Some(path) = index.fields.iter().chain(filter).find(|path| !is_indexable(&json, path)) {
            return Err(refuse(format!("its indexed field {path} holds a list or an object")));
        }
    }
    let size = stored_size(&json);
    if size > LARGEST_DOCUMENT {
        return Err(CommitError::TooLarge {
            collection: collection.name,
            id: id.to_owned(),
            size,
            limit: LARGEST_DOCUMENT,
        });
    }
    Ok(json)
}

/// Tells whether both databases index the value at a path alike: MongoDB looks into lists, SQLite does not.
fn is_indexable(document: &Json, path: &str) -> bool {
    let mut inside = document;
    for name in path.split('.') {
        match inside {
            Json::Object(fields) => match fields.get(name) {
                Some(value) => inside = value,
                None => return true,
            },
            Json::Array(_) => return false,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return true,
        }
    }
    at_path(document, path).is_none_or(|value| !value.is_array() && !value.is_object())
}
