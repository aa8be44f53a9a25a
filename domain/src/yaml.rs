//! Typed loading of YAML: the one place that chooses the parser.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::ops::Range;

/// The largest document that typed loading takes, in bytes.
pub const MAX_BYTES: usize = 5 * 1024 * 1024;

/// Says why a document does not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// One-based line, where the parser knows it.
    pub line: Option<u32>,
    /// One-based column, where the parser knows it.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
}

/// A value, and where it stands in its document.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Placed<T>(serde_saphyr::Spanned<T>);

impl<T> Placed<T> {
    /// One-based line and column.
    pub fn at(&self) -> (Option<u32>, Option<u32>) {
        let at = self.0.referenced;
        (Some(at.line() as u32), Some(at.column() as u32))
    }

    /// The bytes of the document that it stands in, quotes and all, for a scalar; for others, where they begin. None where
    /// it is not known, or where the value comes from elsewhere (an alias, a merge).
    pub fn span(&self, text: &str) -> Option<Range<usize>> {
        if self.0.referenced != self.0.defined {
            return None;
        }
        let span = self.0.referenced.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
        text.get(start..end).map(|_| start..end)
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.0.value
    }

    /// The value alone.
    pub fn into_value(self) -> T {
        self.0.value
    }
}

/// Loads one document into a type. Duplicate keys, alias bombs and depth beyond reason are errors.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, YamlError> {
    let plain = |message: &str| YamlError { line: None, column: None, message: message.to_owned() };
    if bytes.len() > MAX_BYTES {
        return Err(plain("the document is larger than 5 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| plain("the document is not valid UTF-8"))?;
    serde_saphyr::from_str(text).map_err(|error| {
        let at = error.location();
        YamlError {
            line: at.map(|l| l.line() as u32),
            column: at.map(|l| l.column() as u32),
            message: error.without_snippet().to_string(),
        }
    })
}
