//! Findings as text for a terminal.

use crate::check::run::Report;
use crate::print::printable;
use conman_domain::changeset::{Finding, Severity};
use std::fmt::Write as _;

/// Writes a line per finding beneath the file's name, and what to do beneath that; no line break at the end.
pub(crate) fn table(report: &Report, colour: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut text = String::new();
    for findings in report.findings.chunk_by(|a, b| a.path == b.path) {
        let Some(first) = findings.first() else { continue };
        let width = findings.iter().map(|finding| place(finding).len()).max().unwrap_or(0);
        let path = first.path.as_ref().map_or("(all files)", |path| path.as_str());
        let _ = writeln!(text, "{}", paint("1", &printable(path)));
        for finding in findings {
            let (word, code) = match finding.severity {
                Severity::Error => ("error  ", "31"),
                Severity::Warning => ("warning", "33"),
                Severity::Info => ("info   ", "36"),
            };
            let place = paint("2", &format!("{:<width$}", place(finding)));
            let rule = paint("2", &finding.rule);
            let said = printable(&finding.message);
            let _ = writeln!(text, "  {place}  {}  {said}  {rule}", paint(code, word));
            if let Some(hint) = &finding.hint {
                let _ = writeln!(text, "  {:width$}           {}", "", paint("2", &printable(hint)));
            }
        }
        text.push('\n');
    }
    let files = counted(report.files, "file");
    let end = if report.findings.is_empty() {
        paint("32", &format!("{files} checked, nothing found"))
    } else {
        let code = if report.errors > 0 { "31" } else { "33" };
        let (errors, warnings) = (counted(report.errors, "error"), counted(report.warnings, "warning"));
        paint(code, &format!("{errors}, {warnings} in {files}"))
    };
    text + &end
}

/// Such as `12:5`.
fn place(finding: &Finding) -> String {
    match (finding.line, finding.column) {
        (Some(line), Some(column)) => format!("{line}:{column}"),
        (Some(line), None) => line.to_string(),
        (None, _) => String::new(),
    }
}

fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
