//! The laws on every file of the fuzz corpus (what was thought of beforehand, and what fuzzing has found), and on all cases.

#[path = "law/input.rs"]
mod input;
mod law;

use std::path::Path;

#[test]
fn the_laws_hold_for_the_whole_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/diff");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 30, "{} files", files.len());
    for file in files {
        let input = std::fs::read(&file).unwrap();
        let outcome = std::panic::catch_unwind(|| input::check(&input));
        assert!(outcome.is_ok(), "see above: {}", file.display());
    }
}

#[test]
fn the_laws_hold_for_all_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for folder in std::fs::read_dir(folder).unwrap().flatten() {
        for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let parts: Vec<&str> = text.splitn(4, "=====\n").collect();
            let path = parts[0].trim_end().rsplit(" -> ").next().unwrap();
            let absent = parts[1..3].contains(&"(no such file)\n");
            let (old, new) = (parts[1].as_bytes(), parts[2].as_bytes());
            let outcome = std::panic::catch_unwind(|| absent || !law::holds(path, old, new).is_empty());
            assert!(outcome.is_ok(), "see above: {}", file.path().display());
        }
    }
}
