//! The semantic diff of a set of files.

use crate::compare::{self, Edit};
use crate::document::{Aliases, Broken, Budget, Document, Lines, NodeId};
use crate::hunks::{Coverage, Hunk, Reach, hunks};
use crate::subject::{Subject, subject};
use crate::words::{code, counted, sentence, singular};
use crate::{
    Format, SemanticChange, SemanticConfigType, SemanticDiffResponse, SemanticOperation, SemanticSummary,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// From how many bytes on a side is read on a thread of its own.
const WORTH_A_THREAD: usize = 256 << 10;

/// A file on both sides.
#[derive(Debug, Clone, Copy)]
pub struct FilePair<'a> {
    /// Its path; the new one if it was renamed, the old one if it is gone.
    pub path: &'a str,
    /// Its former path, if it was renamed.
    pub old_path: Option<&'a str>,
    /// Its content before; none if it is new.
    pub old: Option<&'a [u8]>,
    /// Its content after; none if it is gone.
    pub new: Option<&'a [u8]>,
}

/// Compares files one after the other, so that no more than one has to be held.
///
/// It never fails, whatever the files hold. Every hunk of the raw line diff is in the lines of a change, and every change
/// has a hunk in its lines. Files that are the same on both sides make no change.
#[derive(Debug, Default)]
pub struct Differ {
    changes: Vec<SemanticChange>,
}

impl Differ {
    /// Compares one more file.
    pub fn add(&mut self, file: &FilePair<'_>) {
        self.changes.extend(of_file(file));
    }

    /// Tells the differences, in an order that does not depend on that of the files.
    pub fn finish(self, base_sha: &str, head_sha: &str) -> SemanticDiffResponse {
        let mut changes = self.changes;
        changes.sort_by(|a: &SemanticChange, b| {
            (&a.file_path, a.line_start, a.line_end, a.operation, &a.target, &a.description).cmp(&(
                &b.file_path,
                b.line_start,
                b.line_end,
                b.operation,
                &b.target,
                &b.description,
            ))
        });
        identify(&mut changes);
        let mut by_config_type: BTreeMap<_, _> =
            SemanticConfigType::ALL.into_iter().map(|kind| (kind, 0)).collect();
        for change in &changes {
            *by_config_type.entry(change.config_type).or_default() += 1;
        }
        let total_changes = changes.len() as u32;
        SemanticDiffResponse {
            base_sha: base_sha.to_owned(),
            head_sha: head_sha.to_owned(),
            summary: SemanticSummary { total_changes, by_config_type },
            changes,
        }
    }
}

/// Compares files and tells the differences in the domain's words; see [`Differ`].
pub fn diff(base_sha: &str, head_sha: &str, files: &[FilePair<'_>]) -> SemanticDiffResponse {
    let mut differ = Differ::default();
    for file in files {
        differ.add(file);
    }
    differ.finish(base_sha, head_sha)
}

/// Gives every change an id of what it is about; a second one about the same gets a number.
fn identify(changes: &mut [SemanticChange]) {
    let mut seen: HashMap<u64, u32> = HashMap::new();
    for change in changes {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let from = change.details.get("from").map(Value::to_string).unwrap_or_default();
        for part in [&change.file_path, &change.target, change.operation.name(), &from] {
            for byte in part.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        let count = seen.entry(hash).or_default();
        *count += 1;
        change.id = if *count == 1 { format!("{hash:016x}") } else { format!("{hash:016x}-{count}") };
    }
}

/// The changes of one file.
fn of_file(file: &FilePair<'_>) -> Vec<SemanticChange> {
    match (file.old, file.new) {
        (None, None) => Vec::new(),
        (None, Some(new)) => vec![whole(file, new, SemanticOperation::Added)],
        (Some(old), None) => vec![whole(file, old, SemanticOperation::Removed)],
        (Some(old), Some(new)) => {
            let mut changes = Vec::new();
            if let Some(old_path) = file.old_path.filter(|old| *old != file.path) {
                changes.push(renamed(file, old_path, new));
            }
            if old != new {
                changes.extend(contents(file, old, new));
            }
            changes
        }
    }
}

fn change(
    file: &FilePair<'_>,
    subject: &Subject,
    operation: SemanticOperation,
    target: String,
    description: String,
) -> SemanticChange {
    SemanticChange {
        id: String::new(),
        config_type: subject.config_type,
        operation,
        target,
        description,
        file_path: file.path.to_owned(),
        line_start: None,
        line_end: None,
        details: Map::new(),
    }
}

fn read<'t>(path: &str, bytes: &'t [u8]) -> Option<Result<Document<'t>, Broken>> {
    Format::of(path).map(|format| Document::read(format, bytes))
}

/// True for content that git does not show as text.
fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8000)].contains(&0)
}

fn count_lines(bytes: &[u8]) -> u32 {
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u32;
    ends + u32::from(bytes.last().is_some_and(|last| *last != b'\n'))
}

fn whole(file: &FilePair<'_>, bytes: &[u8], operation: SemanticOperation) -> SemanticChange {
    let read = read(file.path, bytes);
    let document = read.as_ref().and_then(|read| read.as_ref().ok());
    let subject = subject(file.path, document);
    let verb = operation.name();
    let mut said = match &subject.title {
        Some(title) => format!("{title}: {verb}"),
        None => format!("{verb} {}", code(file.path)),
    };
    let lines = count_lines(bytes);
    match (&read, document.and_then(|document| Some((document, document.root()?)))) {
        (Some(Err(broken)), _) => said.push_str(&format!(", but it is broken: {}", broken.problem)),
        (_, Some((document, root))) if subject.title.is_some() => {
            let lists = document.entries(root).filter_map(|(key, value)| {
                let count = document.items(value).count();
                let named =
                    document.items(value).next().is_some_and(|item| document.get(item, "name").is_some());
                let noun = singular(document.text(key)?)?;
                (count > 0 && named).then(|| counted(count, &noun))
            });
            let lists: Vec<String> = lists.take(4).collect();
            if !lists.is_empty() {
                said.push_str(&format!(" ({})", lists.join(", ")));
            }
        }
        _ if is_binary(bytes) => said.push_str(&format!(" (binary, {} bytes)", bytes.len())),
        _ => said.push_str(&format!(" ({})", counted(lines as usize, "line"))),
    }
    let mut change = change(file, &subject, operation, file.path.to_owned(), said);
    if lines > 0 && !is_binary(bytes) {
        (change.line_start, change.line_end) = (Some(1), Some(lines));
    }
    if let Some(Err(broken)) = &read {
        change.details.insert("problem".to_owned(), problem(broken));
    }
    let twice = document.and_then(|document| {
        let key = document.roots().iter().find_map(|root| document.duplicate_key(None, *root))?;
        Some((document, key))
    });
    if let Some((document, key)) = twice {
        let (name, line) = (code(document.text(key).unwrap_or_default()), document.lines(key).start);
        change.description.push_str(&format!(", with the duplicate key {name} (line {line})"));
        change.details.insert("problem".to_owned(), duplicate(document, key));
    }
    change
}

fn renamed(file: &FilePair<'_>, old_path: &str, new: &[u8]) -> SemanticChange {
    let read = read(file.path, new);
    let subject = subject(file.path, read.as_ref().and_then(|read| read.as_ref().ok()));
    let said = format!("moved {} to {}", code(old_path), code(file.path));
    let said = subject.title.as_ref().map_or_else(|| said.clone(), |title| format!("{title}: {said}"));
    let mut change = change(file, &subject, SemanticOperation::Moved, file.path.to_owned(), said);
    change.details.insert("from".to_owned(), json!(old_path));
    change
}

fn contents(file: &FilePair<'_>, old: &[u8], new: &[u8]) -> Vec<SemanticChange> {
    if is_binary(old) || is_binary(new) {
        let subject = subject(file.path, None);
        let said = format!("{}: binary content, {} -> {} bytes", code(file.path), old.len(), new.len());
        return vec![change(file, &subject, SemanticOperation::Modified, file.path.to_owned(), said)];
    }
    let old_path = file.old_path.unwrap_or(file.path);
    // The sides of a large file are read at once.
    let (hunks, base, head) = if old.len().min(new.len()) < WORTH_A_THREAD {
        (hunks(old, new), read(old_path, old), read(file.path, new))
    } else {
        std::thread::scope(|scope| {
            let base = scope.spawn(|| read(old_path, old));
            let (hunks, head) = (hunks(old, new), read(file.path, new));
            let base = base.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (hunks, base, head)
        })
    };
    match (base, head) {
        (Some(Ok(base)), Some(Ok(head))) => structured(file, &base, &head, &hunks),
        (_, Some(Err(broken))) => {
            let said = format!("is broken, so that it is compared by line only: {}", broken.problem);
            let mut change = by_line(file, None, &hunks, &said);
            change.details.insert("problem".to_owned(), problem(&broken));
            let line = broken.problem.line.min(count_lines(new).max(1));
            (change.line_start, change.line_end) = (Some(line), Some(line));
            vec![change]
        }
        (Some(Err(broken)), head) => {
            let said = format!("was broken before, so that it is compared by line only: {}", broken.problem);
            let mut change = by_line(file, head.and_then(Result::ok).as_ref(), &hunks, &said);
            change.details.insert("problem".to_owned(), problem(&broken));
            vec![change]
        }
        (None, head) => {
            let said = line_counts(&hunks);
            vec![by_line(file, head.and_then(Result::ok).as_ref(), &hunks, &said)]
        }
        // It was read, and has another format now.
        (Some(Ok(_)), None) => vec![by_line(file, None, &hunks, "is no longer YAML or JSON by its name")],
    }
}

fn line_counts(hunks: &[Hunk]) -> String {
    let added: usize = hunks.iter().map(|hunk| hunk.after.len()).sum();
    let removed: usize = hunks.iter().map(|hunk| hunk.before.len()).sum();
    format!("{} added and {removed} removed in {}", counted(added, "line"), counted(hunks.len(), "place"))
}

fn duplicate(document: &Document<'_>, key: NodeId) -> Value {
    let (line, column) = document.position(key);
    let message = format!("duplicate key {}", code(document.text(key).unwrap_or_default()));
    json!({"line": line, "column": column, "message": message})
}

fn problem(broken: &Broken) -> Value {
    let problem = &broken.problem;
    json!({"line": problem.line, "column": problem.column, "message": problem.message})
}

fn by_line(file: &FilePair<'_>, head: Option<&Document<'_>>, hunks: &[Hunk], said: &str) -> SemanticChange {
    let subject = subject(file.path, head);
    let said = format!("{}: {said}", subject.title.clone().unwrap_or_else(|| code(file.path)));
    let mut change = change(file, &subject, SemanticOperation::Modified, file.path.to_owned(), said);
    at_hunks(&mut change, hunks);
    change
}

/// A hunk's lines on both sides, from 1, the last one included; null where a side has none.
fn both_ranges(hunk: &Hunk) -> Value {
    let pair = |range: &Range<u32>| {
        if range.is_empty() { Value::Null } else { json!([range.start + 1, range.end]) }
    };
    json!({"base": pair(&hunk.before), "head": pair(&hunk.after)})
}

/// Lets a change be about some hunks.
fn at_hunks<'h>(change: &mut SemanticChange, hunks: impl IntoIterator<Item = &'h Hunk>) {
    let hunks: Vec<&Hunk> = hunks.into_iter().collect();
    if let Some(first) = hunks.first() {
        let shown = first.shown();
        (change.line_start, change.line_end) = (Some(shown.start), Some(shown.end));
    }
    let ranges = hunks.iter().map(|hunk| both_ranges(hunk)).collect();
    change.details.insert("ranges".to_owned(), Value::Array(ranges));
}

fn structured(
    file: &FilePair<'_>,
    base: &Document<'_>,
    head: &Document<'_>,
    hunks: &[Hunk],
) -> Vec<SemanticChange> {
    let subject = subject(file.path, Some(head));
    let Some(edits) = compare::compare(base, head) else {
        let said = format!("more than {} differences; {}", compare::MAX_EDITS, line_counts(hunks));
        return vec![by_line(file, Some(head), hunks, &said)];
    };
    let mut coverage = Coverage::of(hunks);
    let mut changes: Vec<SemanticChange> = edits
        .iter()
        .map(|edit| {
            let nearest = coverage.mark(reach(edit, base, head));
            told(file, &subject, edit, (base, head), nearest)
        })
        .collect();
    let left = coverage.left();
    if !left.is_empty() {
        let said = "comments or formatting only".to_owned();
        let said = format!("{}: {said}", subject.title.clone().unwrap_or_else(|| code(file.path)));
        let mut cosmetic = change(file, &subject, SemanticOperation::Modified, file.path.to_owned(), said);
        cosmetic.details.insert("cosmetic".to_owned(), Value::Bool(true));
        at_hunks(&mut cosmetic, left);
        changes.push(cosmetic);
    }
    changes
}

/// The lines that an edit is about: those of the whole list for a move within it, on both sides.
fn reach(edit: &Edit, base: &Document<'_>, head: &Document<'_>) -> Reach {
    if let Some((old, new)) = edit.around {
        return Reach { base: Some(old), head: Some(new) };
    }
    Reach { base: edit.base.map(|spot| spot.lines(base)), head: edit.head.map(|spot| spot.lines(head)) }
}

fn told(
    file: &FilePair<'_>,
    subject: &Subject,
    edit: &Edit,
    (base, head): (&Document<'_>, &Document<'_>),
    nearest: Option<&Hunk>,
) -> SemanticChange {
    let target = if edit.path.is_root() { file.path.to_owned() } else { edit.path.to_string() };
    let said = sentence(subject, edit, base, head);
    let renames = subject.title.is_some() && edit.is_own_name();
    let operation = if renames { SemanticOperation::Moved } else { edit.operation };
    let mut change = change(file, subject, operation, target, said);
    let lines = edit.head.map(|spot| spot.lines(head)).or(edit.base.map(|spot| spot.lines(base)));
    if let Some(lines) = lines {
        (change.line_start, change.line_end) = (Some(lines.start), Some(lines.end));
    }
    let details = &mut change.details;
    if let (Some(old), Some(_)) = (edit.base, edit.head) {
        let Lines { start, end } = old.lines(base);
        details.insert("baseLines".to_owned(), json!([start, end]));
    }
    if renames && let Some(old) = edit.base {
        details.insert("from".to_owned(), json!(base.text(old.value)));
    } else if operation != SemanticOperation::Moved {
        let value = |document: &Document<'_>, id| document.value(id, Aliases::Shown, Budget::SHOWN).0;
        if let Some(spot) = edit.base {
            details.insert("before".to_owned(), value(base, spot.value));
        }
        if let Some(spot) = edit.head {
            details.insert("after".to_owned(), value(head, spot.value));
        }
    }
    if let Some(from) = &edit.from {
        details.insert("from".to_owned(), json!(from.to_string()));
    }
    if let Some((document, _, key)) = edit.duplicate(base, head).filter(|_| edit.head.is_some()) {
        details.insert("problem".to_owned(), duplicate(document, key));
    }
    if let Some((from, to)) = edit.order {
        details.insert("from".to_owned(), json!(from));
        details.insert("to".to_owned(), json!(to));
    }
    if let Some(hunk) = nearest {
        // The text of the node is the same; what made it another stands in this hunk.
        details.insert("ranges".to_owned(), json!([both_ranges(hunk)]));
    } else if let Some((old, new)) = edit.around {
        details.insert(
            "ranges".to_owned(),
            json!([{"base": [old.start, old.end], "head": [new.start, new.end]}]),
        );
    }
    change
}
