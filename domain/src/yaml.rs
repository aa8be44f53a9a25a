//! Typed loading of YAML: the one place that chooses the parser.

use serde::Deserialize;
use serde::de::DeserializeOwned;

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
