//! The diff as text for a terminal.

use crate::print::printable;
use semantic_diff::{SemanticChange, SemanticDiffResponse, SemanticOperation};
use serde_json::Value;
use std::fmt::Write as _;

/// How the table looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Signs and headings are coloured.
    pub(crate) colour: bool,
    /// It ends with how many changes there are.
    pub(crate) summary: bool,
}

impl Look {
    /// For all that was compared.
    pub(crate) fn whole() -> Self {
        Self { colour: false, summary: true }
    }

    /// For one file of many.
    pub(crate) fn part() -> Self {
        Self { colour: false, summary: false }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Writes a line per change beneath the file's name: its sign, its lines, what happened.
pub(crate) fn table(response: &SemanticDiffResponse, look: Look) -> String {
    if response.changes.is_empty() {
        return if look.summary { "No changes.\n".to_owned() } else { String::new() };
    }
    let mut text = String::new();
    for changes in response.changes.chunk_by(|a, b| a.file_path == b.file_path) {
        let width = changes.iter().map(|change| lines(change).len()).max().unwrap_or(0);
        if !text.is_empty() {
            text.push('\n');
        }
        let path = changes.first().map_or("", |change| &change.file_path);
        let _ = writeln!(text, "{}", look.paint("1", &printable(path)));
        for change in changes {
            let (sign, code) = sign(change);
            let (sign, lines) =
                (look.paint(code, sign), look.paint("2", &format!("{:<width$}", lines(change))));
            let said = printable(&change.description.replace('`', ""));
            let gap = if width == 0 { "" } else { "  " };
            let _ = writeln!(text, "  {sign} {lines}{gap}{said}");
        }
    }
    let end = if look.summary { look.paint("1", &summary(response)) + "\n" } else { String::new() };
    text + "\n" + &end
}

fn sign(change: &SemanticChange) -> (&'static str, &'static str) {
    if change.details.get("cosmetic") == Some(&Value::Bool(true)) {
        return ("·", "2");
    }
    match change.operation {
        SemanticOperation::Added => ("+", "32"),
        SemanticOperation::Removed => ("-", "31"),
        SemanticOperation::Modified => ("~", "33"),
        SemanticOperation::Moved => (">", "36"),
    }
}

fn lines(change: &SemanticChange) -> String {
    match (change.line_start, change.line_end) {
        (Some(start), Some(end)) if start != end => format!("{start}-{end}"),
        (Some(line), _) | (None, Some(line)) => line.to_string(),
        (None, None) => String::new(),
    }
}

/// Such as `3 changes: 2 entity, 1 page`.
fn summary(response: &SemanticDiffResponse) -> String {
    let total = response.summary.total_changes;
    let kinds: Vec<String> = response
        .summary
        .by_config_type
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(kind, count)| format!("{count} {}", kind.name()))
        .collect();
    format!("{total} {}: {}", if total == 1 { "change" } else { "changes" }, kinds.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use semantic_diff::{FilePair, diff};

    fn response(files: &[(&str, Option<&str>, Option<&str>)]) -> SemanticDiffResponse {
        let pairs: Vec<FilePair<'_>> = files
            .iter()
            .map(|(path, old, new)| FilePair {
                path,
                old_path: None,
                old: old.map(str::as_bytes),
                new: new.map(str::as_bytes),
            })
            .collect();
        diff("base", "head", &pairs)
    }

    #[test]
    fn files_head_their_changes_and_the_sum_ends_them() {
        let response = response(&[
            ("a.txt", Some("one\ntwo\n"), Some("one\n2\n")),
            ("b.txt", None, Some("new\n")),
            ("c.txt", Some("gone\n"), None),
        ]);
        let text = table(&response, Look::whole());
        let firsts: Vec<&str> = text.lines().map(|line| line.get(..3).unwrap_or(line)).collect();
        assert_eq!(firsts, ["a.t", "  ~", "", "b.t", "  +", "", "c.t", "  -", "", "3 c"], "{text}");
        assert!(text.ends_with("3 changes: 3 asset\n"), "{text}");
        assert!(!text.contains('`') && !text.contains('\x1b'), "{text}");
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let response = response(&[("a.yml", Some("a: 1\n"), Some("a: 1\n"))]);
        assert_eq!(table(&response, Look::whole()), "No changes.\n");
        assert_eq!(table(&response, Look::part()), "");
    }

    #[test]
    fn colours_are_all_that_steers_the_terminal() {
        let response = response(&[("a\x1b[2J.txt", None, Some("x\n"))]);
        let text = table(&response, Look { colour: true, summary: true });
        assert!(text.starts_with("\x1b[1ma\\u{1b}[2J.txt\x1b[0m\n  \x1b[32m+\x1b[0m "), "{text:?}");
    }
}
