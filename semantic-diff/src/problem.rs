//! What is wrong with a file's form.

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Problem {
    /// One-based line.
    pub line: u32,
    /// One-based column, in characters.
    pub column: u32,
    /// The key concerned, as a dotted path, where there is one.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
}
