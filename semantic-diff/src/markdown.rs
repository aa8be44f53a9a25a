//! A semantic diff as Markdown, for notes and mails.

use crate::{SemanticDiffResponse, SemanticOperation};
use std::fmt::Write as _;

/// Writes the changes as a list per file.
pub fn to_markdown(response: &SemanticDiffResponse) -> String {
    let mut text = String::new();
    let mut file = None;
    for change in &response.changes {
        if file != Some(&change.file_path) {
            let gap = if file.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}### {}\n", crate::words::code(&change.file_path));
            file = Some(&change.file_path);
        }
        let mark = match change.operation {
            SemanticOperation::Added => "**+**",
            SemanticOperation::Removed => "**−**",
            SemanticOperation::Modified => "**~**",
            SemanticOperation::Moved => "**→**",
        };
        let _ = writeln!(text, "- {mark} {}", change.description);
    }
    if file.is_none() {
        text.push_str("No changes.\n");
    }
    text
}
