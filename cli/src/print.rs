//! Writing for people and programs: results on standard output, progress on standard error.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Instant;

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

/// Tells a person how far it is, and how long that took. A closed terminal is no reason to stop.
pub(crate) fn progress(text: impl AsRef<str>) {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let seconds = BEGUN.get_or_init(Instant::now).elapsed().as_secs_f32();
    complaint(format!("{seconds:5.1} s  {}", text.as_ref()));
}

/// Tells a person what went wrong.
pub(crate) fn complaint(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}
