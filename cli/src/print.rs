//! Writing for people and programs: results on standard output, progress on standard error.

use std::io::Write as _;

/// Prints a line of the result.
///
/// # Errors
///
/// Fails when nobody reads any more.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Tells a person how far it is. A closed terminal is no reason to stop.
pub(crate) fn progress(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}
