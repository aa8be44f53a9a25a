//! Queries: values bound to one declared index, and the page that comes back.

use std::marker::PhantomData;

use crate::collection::{Collection, Document, Index};
use crate::error::StoreError;
use crate::value::{FieldValue, canonical_instant, holds_instants};
use crate::version::Versioned;

/// Asks for the documents of `T` that one index finds.
///
/// Values bind to the index's fields from the first on: any number of [`Query::eq`], then at most one
/// [`Query::any_of`] or one range. The answer is sorted by the fields that are left (a field bound to a range is left, one
/// bound to values is not), then by id. Nulls come first. A restricted index answers for the documents that it covers.
#[derive(Debug, Clone)]
#[must_use = "a query does nothing until the store is asked"]
pub struct Query<T> {
    plan: Plan,
    fault: Option<String>,
    of: PhantomData<fn() -> T>,
}

/// Holds one page of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The documents, sorted.
    pub items: Vec<Versioned<T>>,
    /// How many documents the query finds without skip and limit, where [`Query::with_total`] asked for it; otherwise
    /// the number of `items`.
    pub total: u64,
}

/// Is a query as a backend serves it; checked.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) collection: &'static Collection,
    pub(crate) index: &'static Index,
    pub(crate) equal: Vec<FieldValue>,
    pub(crate) last: Last,
    pub(crate) descending: bool,
    pub(crate) skip: u64,
    pub(crate) limit: Option<u64>,
    pub(crate) total: bool,
}

/// Is what a query says of the field after the equal ones.
#[derive(Debug, Clone)]
pub(crate) enum Last {
    Free,
    AnyOf(Vec<FieldValue>),
    Range { lower: Option<Bound>, upper: Option<Bound> },
}

/// Is one end of a range.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) value: FieldValue,
    pub(crate) inclusive: bool,
}

/// The most values of one `any_of`: beyond it a query should be another one.
const MOST_VALUES: usize = 10_000;

impl<T: Document> Query<T> {
    /// Asks by an index, which must be declared for the documents' collection.
    pub fn on(index: &'static Index) -> Self {
        let collection = T::COLLECTION;
        let own = collection.indexes.contains(index);
        let plan = Plan {
            collection,
            index,
            equal: Vec::new(),
            last: Last::Free,
            descending: false,
            skip: 0,
            limit: None,
            total: false,
        };
        let fault = (!own).then(|| "the collection declares no such index".to_owned());
        Self { plan, fault, of: PhantomData }
    }

    /// Binds the next field to one value; [`FieldValue::Null`] finds the documents without one.
    pub fn eq(mut self, value: impl Into<FieldValue>) -> Self {
        let value = value.into();
        if !matches!(self.plan.last, Last::Free) {
            self.refuse("eq comes before any_of and ranges");
        } else if self.field().is_none() {
            self.refuse("more values than the index has fields");
        } else if !value.is_storable() {
            self.refuse("NaN equals nothing");
        } else {
            self.plan.equal.push(value);
        }
        self
    }

    /// Binds the next field to several values, each as good as the others; none finds nothing.
    pub fn any_of<V: Into<FieldValue>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<FieldValue> = values.into_iter().map(Into::into).collect();
        if !matches!(self.plan.last, Last::Free) {
            self.refuse("one any_of or one range is all that an index serves");
        } else if self.field().is_none() {
            self.refuse("more values than the index has fields");
        } else if values.len() > MOST_VALUES {
            self.refuse("any_of takes at most 10,000 values");
        } else if values.iter().any(|value| *value == FieldValue::Null || !value.is_storable()) {
            self.refuse("any_of takes neither null nor NaN");
        } else {
            self.plan.last = Last::AnyOf(values);
        }
        self
    }

    /// Binds the next field to what comes after a value, without the value itself.
    pub fn after(self, value: impl Into<FieldValue>) -> Self {
        self.range(value.into(), false, false)
    }

    /// Binds the next field to a value and what comes after it.
    pub fn at_least(self, value: impl Into<FieldValue>) -> Self {
        self.range(value.into(), true, false)
    }

    /// Binds the next field to what comes before a value, without the value itself.
    pub fn before(self, value: impl Into<FieldValue>) -> Self {
        self.range(value.into(), false, true)
    }

    /// Binds the next field to a value and what comes before it.
    pub fn at_most(self, value: impl Into<FieldValue>) -> Self {
        self.range(value.into(), true, true)
    }

    /// Turns the whole order around, ids included.
    pub fn descending(mut self) -> Self {
        self.plan.descending = true;
        self
    }

    /// Leaves out the first documents.
    pub fn skip(mut self, count: u64) -> Self {
        self.plan.skip = count;
        self
    }

    /// Takes at most this many documents; without it, all.
    pub fn limit(mut self, count: u64) -> Self {
        self.plan.limit = Some(count);
        self
    }

    /// Has all found documents counted, as of the same moment as the page.
    pub fn with_total(mut self) -> Self {
        self.plan.total = true;
        self
    }

    /// Hands over the plan of a sound query.
    pub(crate) fn into_plan(self) -> Result<Plan, StoreError> {
        match self.fault {
            None => Ok(self.plan),
            Some(reason) => Err(StoreError::BadQuery {
                collection: self.plan.collection.name,
                index: self.plan.index.name,
                reason,
            }),
        }
    }

    fn range(mut self, value: FieldValue, inclusive: bool, upper: bool) -> Self {
        let Some(field) = self.field() else {
            self.refuse("more values than the index has fields");
            return self;
        };
        if value == FieldValue::Null || !value.is_storable() {
            self.refuse("a range has no end at null or NaN");
            return self;
        }
        if let FieldValue::Text(text) = &value
            && holds_instants(field)
            && canonical_instant(text).is_none()
        {
            self.refuse("a range of instants ends at an instant, YYYY-MM-DDTHH:MM:SS.mmmZ");
            return self;
        }
        if matches!(self.plan.last, Last::Free) {
            self.plan.last = Last::Range { lower: None, upper: None };
        }
        let end = match &mut self.plan.last {
            Last::Range { lower: end @ None, .. } if !upper => end,
            Last::Range { upper: end @ None, .. } if upper => end,
            Last::Range { .. } | Last::AnyOf(_) | Last::Free => {
                self.refuse("a range has one lower and one upper end, and does not join any_of");
                return self;
            }
        };
        *end = Some(Bound { value, inclusive });
        self
    }

    /// Returns the path that the next value binds to.
    fn field(&self) -> Option<&'static str> {
        self.plan.index.fields.get(self.plan.equal.len()).copied()
    }

    /// Keeps the first fault, so that calls chain; the store reports it.
    fn refuse(&mut self, reason: &str) {
        self.fault.get_or_insert_with(|| reason.to_owned());
    }
}

impl Plan {
    /// Returns the paths bound to one value each, with the values.
    pub(crate) fn equal_fields(&self) -> impl Iterator<Item = (&'static str, &FieldValue)> {
        self.index.fields.iter().copied().zip(&self.equal)
    }

    /// Returns the path that [`Plan::last`] speaks of.
    pub(crate) fn last_field(&self) -> Option<&'static str> {
        self.index.fields.get(self.equal.len()).copied()
    }

    /// Returns the paths that the answer is sorted by, before the id.
    pub(crate) fn order(&self) -> &'static [&'static str] {
        let bound = self.equal.len() + usize::from(matches!(self.last, Last::AnyOf(_)));
        self.index.fields.get(bound..).unwrap_or_default()
    }

    /// Tells whether the order needs the id to be total. Under a unique index equal and sorting fields settle it.
    pub(crate) fn order_needs_id(&self) -> bool {
        !self.index.unique || matches!(self.last, Last::AnyOf(_))
    }

    /// Tells that the answer is empty without looking.
    pub(crate) fn finds_nothing(&self) -> bool {
        matches!(&self.last, Last::AnyOf(values) if values.is_empty())
    }
}
