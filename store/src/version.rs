//! Document versions, the precondition of every write.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// Counts the writes of one document: 1 when it is inserted, one more with each replacement.
///
/// A version says nothing across a deletion: a document inserted again under the same id starts at 1 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// Is the version of a document that was just inserted.
    pub const FIRST: Self = Self(1);

    /// Wraps a number that [`Version::get`] gave, such as one that a client sent back.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the version that a replacement of this one has.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the number as both databases hold it, or `None` where no stored document can have it.
    pub(crate) fn stored(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Is a document as it was read, with the version that a write based on it states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The document.
    pub doc: T,
    /// The version at which it was read.
    pub version: Version,
}

impl<T> Versioned<T> {
    /// Separates the document from its version.
    #[must_use]
    pub fn into_parts(self) -> (T, Version) {
        (self.doc, self.version)
    }
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.doc
    }
}
