//! Writing for people and programs: results on standard output, progress on standard error.

use std::io::{IsTerminal as _, Write as _};
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

/// True when a person looks, and has not asked for plain text.
pub(crate) fn is_colourful() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !plain && std::io::stdout().is_terminal()
}

/// Escapes what would steer a terminal instead of being shown by it, or turn the order of what is shown.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let steers = match c {
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
            '\u{2060}'..='\u{206f}' | '\u{feff}' => true,
            c => c.is_control(),
        };
        if steers { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        assert_eq!(
            printable("a\x1b]0;b\x07\r\n\u{9b}c\u{202e}"),
            "a\\u{1b}]0;b\\u{7}\\r\\n\\u{9b}c\\u{202e}"
        );
        assert_eq!(printable("plain – text → é"), "plain – text → é");
    }
}
