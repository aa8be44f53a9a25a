//! What holds for any two files, whatever is in them.
//!
//! Shared by the tests of this crate and the fuzz target `diff`.

use imara_diff::{Algorithm, Diff, InternedInput};
use semantic_diff::document::Document;
use semantic_diff::{FilePair, Format, SemanticChange, SemanticOperation, diff};
use serde_json::Value;

/// Lines from 1, the last one included.
pub(crate) type Range = (u32, u32);

/// The most changes that one file is told in: 10,000 differences, and what is said beside them.
const MOST: usize = 10_010;

/// Compares a file that was changed, and checks the laws:
///
/// - It has an answer: no change exactly if both sides are the same, and never more than bounded ones.
/// - Nothing is lost: every hunk of the raw line diff is in the lines of a change.
/// - Nothing is invented: every change has lines of such a hunk.
/// - What only means the same is cosmetic, and nothing else is.
/// - Ids are unique, sentences are one line, and the same input gives the same answer.
pub(crate) fn holds(path: &str, old: &[u8], new: &[u8]) -> Vec<SemanticChange> {
    let file = FilePair { path, old_path: None, old: Some(old), new: Some(new) };
    let changes = answer(&file);
    let shown = || format!("{path}\n{}\n----\n{}\n{changes:#?}", text(old), text(new));
    assert_eq!(changes.is_empty(), old == new, "{}", shown());
    if is_binary(old) || is_binary(new) {
        assert!(changes.len() <= 1, "a binary file has no parts: {}", shown());
        return changes;
    }
    let hunks = hunks(old, new);
    let all: Told = changes.iter().map(named).collect();
    for (before, after) in &hunks {
        let covered = is_told(&all, (*before, *after));
        assert!(covered, "the hunk {before:?} {after:?} is lost: {}", shown());
    }
    for (change, (base, head)) in changes.iter().zip(&all) {
        let real = hunks.iter().any(|(before, after)| meets(base, *before) || meets(head, *after));
        assert!(real, "nothing changed there: {change:#?}\n{}", shown());
    }
    meaning_decides(path, old, new, &changes);
    changes
}

/// The lines that changes name, of the base and of the head.
pub(crate) type Told = Vec<(Vec<Range>, Vec<Range>)>;

/// True if a change names a line of the hunk.
pub(crate) fn is_told(told: &Told, (before, after): (Option<Range>, Option<Range>)) -> bool {
    told.iter().any(|(base, head)| meets(base, before) || meets(head, after))
}

/// Checks the laws of a file that is new, that is gone, and that has another path besides.
pub(crate) fn holds_elsewhere(path: &str, old: &[u8], new: &[u8]) {
    let file = |old_path, old, new| FilePair { path, old_path, old, new };
    assert_eq!(answer(&file(None, None, Some(new))).len(), 1, "a new file is one change");
    assert_eq!(answer(&file(None, Some(old), None)).len(), 1, "a lost file is one change");
    for other in ["elsewhere/b.yml", "b.json", "b.txt"] {
        let changes = answer(&file(Some(other), Some(old), Some(new)));
        let moved = changes.iter().filter(|c| c.details.get("from") == Some(&Value::from(other))).count();
        assert!(moved == 1 && (changes.len() > 1) == (old != new), "{path} {changes:#?}");
    }
}

/// The changes of one file, once it is known that they are told the same again.
fn answer(file: &FilePair<'_>) -> Vec<SemanticChange> {
    let changes = diff("a", "b", &[*file]).changes;
    let json = |changes: &[SemanticChange]| serde_json::to_string(changes).expect("changes are JSON");
    assert_eq!(json(&changes), json(&diff("a", "b", &[*file]).changes), "the same again");
    assert!(changes.len() <= MOST, "{} changes", changes.len());
    let ids: std::collections::HashSet<&str> = changes.iter().map(|change| change.id.as_str()).collect();
    assert_eq!(ids.len(), changes.len(), "ids are unique");
    for change in &changes {
        assert!(change.line_start <= change.line_end, "{change:?}");
        assert!(!change.description.is_empty(), "{change:?}");
        assert!(change.description.chars().all(|c| !c.is_control()), "{change:?}");
    }
    changes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// True for content that git does not show as text.
fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8000)].contains(&0)
}

/// The hunks of the raw line diff; none where a side has no lines in it.
fn hunks(old: &[u8], new: &[u8]) -> Vec<(Option<Range>, Option<Range>)> {
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let lines = |range: std::ops::Range<u32>| (!range.is_empty()).then_some((range.start + 1, range.end));
    diff.hunks().map(|hunk| (lines(hunk.before), lines(hunk.after))).collect()
}

/// True if one of the ranges has a line of these.
fn meets(ranges: &[Range], lines: Option<Range>) -> bool {
    lines.is_some_and(|(start, end)| ranges.iter().any(|range| range.0 <= end && start <= range.1))
}

/// All lines that a change names, of the base and of the head.
pub(crate) fn named(change: &SemanticChange) -> (Vec<Range>, Vec<Range>) {
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

/// Where both sides can be read, changes are cosmetic exactly if both mean the same.
fn meaning_decides(path: &str, old: &[u8], new: &[u8], changes: &[SemanticChange]) {
    let Some(format) = Format::of(path) else { return };
    both_ways_agree(format, old);
    both_ways_agree(format, new);
    let (Ok(old), Ok(new)) = (Document::read(format, old), Document::read(format, new)) else {
        return;
    };
    let meaning = |document: &Document<'_>| -> Vec<u64> {
        document.roots().iter().map(|root| document.hash(*root)).collect()
    };
    let same = meaning(&old) == meaning(&new);
    let cosmetic = changes.iter().all(|change| change.details.contains_key("cosmetic"));
    assert_eq!(same, cosmetic, "{changes:#?}");
}

/// The short way through plain files tells what the parser tells.
fn both_ways_agree(format: Format, bytes: &[u8]) {
    match (Document::read(format, bytes), Document::read_by_parser(format, bytes)) {
        (Ok(short), Ok(parsed)) => assert!(short.is_same_as(&parsed), "{}", text(bytes)),
        (Err(short), Err(parsed)) => assert_eq!(short, parsed, "{}", text(bytes)),
        (short, parsed) => panic!("{:?} and {:?} of {}", short.err(), parsed.err(), text(bytes)),
    }
}
