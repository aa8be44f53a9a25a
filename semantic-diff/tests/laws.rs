//! Laws that hold for any two files.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it needs has failed")]

use imara_diff::{Algorithm, Diff, InternedInput};
use proptest::prelude::*;
use semantic_diff::document::Document;
use semantic_diff::{FilePair, Format, SemanticChange, SemanticOperation, diff};
use serde_json::Value;

fn compare(path: &str, old: &str, new: &str) -> Vec<SemanticChange> {
    let pair = FilePair { path, old_path: None, old: Some(old.as_bytes()), new: Some(new.as_bytes()) };
    diff("a", "b", &[pair]).changes
}

/// The hunks of the raw line diff: lines from 1, the last one included; none where a side has no lines in it.
fn hunks(old: &str, new: &str) -> Vec<(Option<Range>, Option<Range>)> {
    let input = InternedInput::new(old.as_bytes(), new.as_bytes());
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let lines = |range: std::ops::Range<u32>| (!range.is_empty()).then_some((range.start + 1, range.end));
    diff.hunks().map(|hunk| (lines(hunk.before), lines(hunk.after))).collect()
}

type Range = (u32, u32);

/// All lines that a change names, of the base and of the head.
fn named(change: &SemanticChange) -> (Vec<Range>, Vec<Range>) {
    let pair = |value: &Value| Some((value.get(0)?.as_u64()? as u32, value.get(1)?.as_u64()? as u32));
    let (mut base, mut head) = (Vec::new(), Vec::new());
    if let (Some(start), Some(end)) = (change.line_start, change.line_end) {
        let side = if change.operation == SemanticOperation::Removed { &mut base } else { &mut head };
        side.push((start, end));
    }
    base.extend(change.details.get("baseLines").and_then(pair));
    for range in change.details.get("ranges").and_then(Value::as_array).into_iter().flatten() {
        base.extend(pair(&range["base"]));
        head.extend(pair(&range["head"]));
    }
    (base, head)
}

/// Nothing is lost, and nothing is invented: whatever changed is in the lines of a change, and every change has lines
/// that changed.
fn holds(path: &str, old: &str, new: &str) {
    let changes = compare(path, old, new);
    assert_eq!(changes.is_empty(), old == new, "{path}\n{old}\n----\n{new}\n{changes:#?}");
    let hunks = hunks(old, new);
    let meets = |ranges: &[Range], lines: Option<Range>| {
        lines.is_some_and(|(start, end)| ranges.iter().any(|range| range.0 <= end && start <= range.1))
    };
    let all: Vec<_> = changes.iter().map(named).collect();
    for (before, after) in &hunks {
        let covered = all.iter().any(|(base, head)| meets(base, *before) || meets(head, *after));
        assert!(covered, "the hunk {before:?} {after:?} is lost\n{old}\n----\n{new}\n{changes:#?}");
    }
    for (change, (base, head)) in changes.iter().zip(&all) {
        let real = hunks.iter().any(|(before, after)| meets(base, *before) || meets(head, *after));
        assert!(real, "nothing changed there: {change:#?}\n{old}\n----\n{new}");
        assert!(change.line_start <= change.line_end, "{change:?}");
        assert!(change.description.chars().all(|c| !c.is_control()), "{change:?}");
    }
    meaning_decides(path, old, new, &changes);
    let ids: std::collections::HashSet<&str> = changes.iter().map(|change| change.id.as_str()).collect();
    assert_eq!(ids.len(), changes.len(), "ids are unique");
    let again = compare(path, old, new);
    assert_eq!(serde_json::to_string(&changes).unwrap(), serde_json::to_string(&again).unwrap());
}

/// Where both sides can be read, changes are cosmetic exactly if both mean the same.
fn meaning_decides(path: &str, old: &str, new: &str, changes: &[SemanticChange]) {
    let Some(format) = Format::of(path) else { return };
    let (Ok(old), Ok(new)) = (Document::read(format, old.as_bytes()), Document::read(format, new.as_bytes()))
    else {
        return;
    };
    let meaning = |document: &Document<'_>| -> Vec<u64> {
        document.roots().iter().map(|root| document.hash(*root)).collect()
    };
    let same = meaning(&old) == meaning(&new);
    let cosmetic = changes.iter().all(|change| change.details.contains_key("cosmetic"));
    assert_eq!(same, cosmetic, "{changes:#?}");
}

/// A YAML text of nested mappings and lists with comments.
fn yaml() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        "[a-c]{1,2}",
        Just("true".to_owned()),
        Just("'q'".to_owned()),
        "[0-9]{1,2}",
        Just("|\n      t\n      u".to_owned())
    ];
    let line = prop_oneof![
        4 => ("[a-d]", scalar.clone()).prop_map(|(key, value)| format!("{key}: {value}\n")),
        1 => "[a-c]".prop_map(|text| format!("# {text}\n")),
        2 => ("[e-g]", prop::collection::vec(("[a-d]", scalar.clone()), 1..4)).prop_map(|(key, items)| {
            let items: String = items.iter().map(|(name, value)| format!("  - name: {name}\n    v: {value}\n")).collect();
            format!("{key}:\n{items}")
        }),
        1 => ("[h-i]", prop::collection::vec("[a-d]", 0..4))
            .prop_map(|(key, items)| format!("{key}: [{}]\n", items.join(", "))),
        1 => ("[j-k]", prop::collection::vec("[a-d]", 1..4))
            .prop_map(|(key, items)| format!("{key}:\n{}", items.iter().map(|i| format!("- {i}\n")).collect::<String>())),
    ];
    prop::collection::vec(line, 0..9).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_between_generated_files(old in yaml(), new in yaml()) {
        holds("pages/a.yml", &old, &new);
        holds("assets/a.yml", &old, &new);
    }

    #[test]
    fn any_text_gets_an_answer(old in "[ -~\\n\\t:\\[\\]{}&*!|>'\"é\u{feff}-]{0,60}", new in "\\PC{0,40}") {
        for path in ["a.yml", "a.json", "a.txt"] {
            holds(path, &old, &new);
            holds(path, &new, &old);
        }
    }
}

/// Real files, each against variants of itself with a line left out, doubled, indented or put elsewhere.
#[test]
fn nothing_is_lost_between_variants_of_real_files() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/clinical-lab/files");
    let mut read = 0;
    for folder in [
        "entities",
        "pages/quality",
        "queues",
        "providers",
        "workflows",
        "tenants",
        "menus",
        "catalog",
        "assets",
    ] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
            let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            read += 1;
            for at in (read % 7..lines.len()).step_by(7) {
                let without: String = [&lines[..at], &lines[at + 1..]].concat().concat();
                let doubled: String = [&lines[..=at], &lines[at..]].concat().concat();
                let indented = format!("{}  {}{}", lines[..at].concat(), lines[at], lines[at + 1..].concat());
                let turned: String = [&lines[at..], &lines[..at]].concat().concat();
                for variant in [without, doubled, indented, turned, text.replace('\n', "\r\n")] {
                    holds(&path, &text, &variant);
                    holds(&path, &variant, &text);
                }
            }
        }
    }
    assert!(read > 100, "{read} files");
}
