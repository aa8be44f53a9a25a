//! Expected results as files: `tests/cases/<type>/<name>.txt` shows two versions of a file and what must be told.
//!
//! Each has the path, the base, the head and the changes, divided by `=====` lines. A change is its operation, its target,
//! its lines and its sentence. With `CONMAN_WRITE_CASES=1` the changes are written anew, for reading before committing.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it needs has failed")]

use semantic_diff::{FilePair, SemanticConfigType, diff};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const RULE: &str = "=====\n";

fn told(path: &str, base: &str, head: &str) -> String {
    let (old_path, path) = path.split_once(" -> ").map_or((None, path), |(old, new)| (Some(old), new));
    // A side that is not there is said so, a side that is empty is empty.
    let side = |text: &'static str, content: &str| -> Option<String> {
        (content != text).then(|| content.to_owned())
    };
    let (old, new) = (side("(no such file)\n", base), side("(no such file)\n", head));
    let (old, new) = (old.as_deref().map(str::as_bytes), new.as_deref().map(str::as_bytes));
    let response = diff("base", "head", &[FilePair { path, old_path, old, new }]);
    let mut text = String::new();
    for change in &response.changes {
        let lines = match (change.line_start, change.line_end) {
            (Some(start), Some(end)) if start == end => format!("line {start}"),
            (Some(start), Some(end)) => format!("lines {start}-{end}"),
            _ => "no line".to_owned(),
        };
        let (operation, kind) = (change.operation.name(), change.config_type.name());
        let _ = writeln!(text, "{operation} {kind} {} ({lines})", change.target);
        let _ = writeln!(text, "  {}", change.description);
    }
    text
}

fn cases() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for folder in std::fs::read_dir(root).unwrap().flatten() {
        files.extend(std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()));
    }
    files.sort();
    files
}

#[test]
fn every_case_is_told_as_its_file_says() {
    let write = std::env::var_os("CONMAN_WRITE_CASES").is_some();
    let mut wrong = Vec::new();
    for file in cases() {
        let text = std::fs::read_to_string(&file).unwrap();
        let parts: Vec<&str> = text.splitn(4, RULE).collect();
        let [path, base, head, expected] = parts.as_slice() else {
            panic!("{} has four parts", file.display())
        };
        let told = told(path.trim_end(), base, head);
        if write {
            std::fs::write(&file, [path, base, head, told.as_str()].join(RULE)).unwrap();
        } else if told != *expected {
            wrong.push(format!("{}\nexpected:\n{expected}told:\n{told}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_config_type_has_cases() {
    for kind in SemanticConfigType::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(kind.name());
        assert!(
            std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()),
            "{}",
            folder.display()
        );
    }
}
