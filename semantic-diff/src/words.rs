//! Differences in sentences.

use crate::compare::{Edit, Spot};
use crate::document::{Document, Kind, Meaning, NodeId};
use crate::subject::Subject;
use crate::{KeyPath, SemanticOperation, Step};

/// A text in backticks, on one line and not too long.
pub(crate) fn code(text: &str) -> String {
    let cut = if text.chars().nth(80).is_some() { "…" } else { "" };
    format!("`{}{cut}`", harmless(text.chars().take(80)))
}

/// Characters as they may stand in code.
fn harmless(text: impl Iterator<Item = char>) -> String {
    let mut shown = String::new();
    for c in text {
        match c {
            '\n' => shown.push('⏎'),
            // Would end the code, or hide what stands there.
            '`' => shown.push('\''),
            c if c.is_control() || is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// True for characters that change the order of others or cannot be seen.
pub fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A value as a sentence shows it.
pub(crate) fn value(document: &Document<'_>, id: NodeId) -> String {
    if let Some(tag) = document.tag(id) {
        return code(&format!("{tag} {}", document.text(id).unwrap_or("…")));
    }
    match document.kind(id) {
        Kind::Scalar => match document.meaning(id) {
            Some(Meaning::Null) => "`null`".to_owned(),
            Some(Meaning::Text("")) => "`\"\"`".to_owned(),
            Some(Meaning::Text(text))
                if Meaning::of(text, crate::document::ScalarStyle::Plain) != Meaning::Text(text) =>
            {
                code(&format!("\"{text}\""))
            }
            _ => code(document.text(id).unwrap_or_default()),
        },
        Kind::Alias => code(&format!("*{}", document.alias(id).unwrap_or_default())),
        Kind::Sequence => {
            let items: Vec<NodeId> = document.items(id).take(7).collect();
            let texts: Option<Vec<&str>> = items
                .iter()
                .map(|item| document.text(*item).or_else(|| document.get_text(*item, "name")))
                .collect();
            match texts {
                Some(texts) if items.len() < 7 => code(&format!("[{}]", texts.join(", "))),
                _ => counted(document.items(id).count(), "item"),
            }
        }
        Kind::Mapping => match document.entries(id).count() {
            0 => "`{}`".to_owned(),
            count => counted(count, "key"),
        },
    }
}

/// What an item without a name begins with, such as "`uses: actions/cache@v4` …".
fn glance(document: &Document<'_>, id: NodeId) -> String {
    let first = document.entries(id).next();
    let shown = first.and_then(|(key, value)| Some((document.text(key)?, document.text(value)?)));
    match (shown, document.entries(id).nth(1)) {
        (Some((key, text)), None) => code(&format!("{key}: {text}")),
        (Some((key, text)), Some(_)) => format!("{} …", code(&format!("{key}: {text}"))),
        (None, _) => value(document, id),
    }
}

/// A number of things, such as "1 line" or "2 lines".
pub(crate) fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// The sentence for one difference.
pub(crate) fn sentence(subject: &Subject, edit: &Edit, base: &Document<'_>, head: &Document<'_>) -> String {
    let said = match &subject.title {
        None => plainly(edit, base, head),
        Some(_) => in_domain_words(edit, base, head),
    };
    let said = match &subject.title {
        Some(title) => format!("{title}: {said}"),
        None => said,
    };
    let told = edit.duplicate(base, head).map(|(document, spot, key)| {
        let line = document.lines(key).start;
        let name = code(document.text(key).unwrap_or_default());
        if spot.key == Some(key) {
            format!(", a duplicate key (line {line})")
        } else {
            format!(", with the duplicate key {name} (line {line})")
        }
    });
    said + &told.unwrap_or_default()
}

/// In terms of keys: "`spec.replicas`: `1` -> `2`".
fn plainly(edit: &Edit, base: &Document<'_>, head: &Document<'_>) -> String {
    let path = if edit.path.is_root() { "the whole file".to_owned() } else { code_path(&edit.path) };
    match edit.operation {
        SemanticOperation::Added => format!("added {path}{}", told(&edit.path, head, edit.head)),
        SemanticOperation::Removed => format!("removed {path}{}", told(&edit.path, base, edit.base)),
        SemanticOperation::Modified => format!("{path}: {}", arrow(edit, base, head)),
        SemanticOperation::Moved => match (&edit.from, edit.order) {
            (Some(from), _) => format!("moved {} to {path}", code_path(from)),
            (None, Some((from, to))) => format!("moved {path} from place {from} to {to}"),
            (None, None) => format!("moved {path}"),
        },
    }
}

fn code_path(path: &KeyPath) -> String {
    // A path is never cut: it is what a person looks for.
    format!("`{}`", harmless(path.to_string().chars()))
}

fn told(path: &KeyPath, document: &Document<'_>, spot: Option<Spot>) -> String {
    let nameless = matches!(path.steps().last(), Some(Step::Index(_)));
    spot.map_or_else(String::new, |spot| match document.kind(spot.value) {
        Kind::Mapping if nameless => format!(": {}", glance(document, spot.value)),
        Kind::Scalar | Kind::Sequence | Kind::Alias => format!(": {}", value(document, spot.value)),
        Kind::Mapping => format!(" ({})", value(document, spot.value)),
    })
}

fn arrow(edit: &Edit, base: &Document<'_>, head: &Document<'_>) -> String {
    let old = edit.base.map_or_else(String::new, |spot| value(base, spot.value));
    let new = edit.head.map_or_else(String::new, |spot| value(head, spot.value));
    if old == new {
        // Long values that begin alike, or one of another kind.
        return format!("{old} changed");
    }
    format!("{old} -> {new}")
}

/// A thing of the domain on the way to a difference, and the keys that lead on from there.
struct Place {
    /// Such as "field `email`", outermost first.
    things: Vec<String>,
    /// Keys below the innermost thing.
    rest: KeyPath,
    /// What items of the innermost list are called, if the path ends with one by its place.
    item: Option<String>,
}

fn place(path: &KeyPath) -> Place {
    let mut place = Place { things: Vec::new(), rest: KeyPath::root(), item: None };
    for step in path.steps() {
        place.item = None;
        match step {
            Step::Document(name) => place.things.push(code(name)),
            Step::Key(_) => place.rest.push(step.clone()),
            Step::Item { value, .. } => {
                let noun = noun(&mut place);
                place.things.push(format!("{noun} {}", code(value)));
            }
            Step::Index(index) => {
                let noun = noun(&mut place);
                place.things.push(format!("{noun} {}", index + 1));
                place.item = Some(noun);
            }
        }
    }
    place
}

/// What an item of the list is called that the path has come to; the list's key is used up.
fn noun(place: &mut Place) -> String {
    let Some(Step::Key(key)) = place.rest.steps().last().cloned() else { return "item".to_owned() };
    let noun = singular(&key);
    if noun.is_some() {
        place.rest.pop();
    }
    if !place.rest.is_root() {
        let around = place.rest.to_string();
        place.things.push(code(&around));
        place.rest = KeyPath::root();
    }
    noun.unwrap_or_else(|| "item".to_owned())
}

/// What one item of a list with this key is called; none where the key is no word to use in a sentence.
pub(crate) fn singular(list: &str) -> Option<String> {
    let word = list.replace(['_', '-'], " ");
    if word.is_empty() || word.len() > 80 || !word.chars().all(|c| c.is_alphanumeric() || c == ' ') {
        return None;
    }
    Some(in_singular(&word))
}

fn in_singular(word: &str) -> String {
    match word {
        _ if word.ends_with("ies") && word.len() > 4 => format!("{}y", &word[..word.len() - 3]),
        _ if word.ends_with("sses") || word.ends_with("xes") => word[..word.len() - 2].to_owned(),
        _ if word.ends_with('s') && !word.ends_with("ss") && word.len() > 3 => {
            word[..word.len() - 1].to_owned()
        }
        "sort" => "sort key".to_owned(),
        _ => format!("{word} item"),
    }
}

/// In the domain's words: "added field `email` (string, required)".
fn in_domain_words(edit: &Edit, base: &Document<'_>, head: &Document<'_>) -> String {
    if edit.path.is_root() {
        return arrow(edit, base, head);
    }
    if edit.is_own_name() {
        let old = edit.base.map_or_else(String::new, |spot| value(base, spot.value));
        return format!("renamed from {old}");
    }
    let place = place(&edit.path);
    let things = place.things.join(", ");
    let rest = (!place.rest.is_root()).then(|| code_path(&place.rest));
    let spot = edit.head.map(|spot| (head, spot)).or(edit.base.map(|spot| (base, spot)));
    let verb = match edit.operation {
        SemanticOperation::Added => "added",
        SemanticOperation::Removed => "removed",
        SemanticOperation::Moved => "moved",
        SemanticOperation::Modified => {
            let arrow = arrow(edit, base, head);
            return match (things.is_empty(), rest) {
                (true, Some(rest)) => format!("{rest}: {arrow}"),
                (false, Some(rest)) => format!("{things}: {rest} {arrow}"),
                (_, None) => format!("{things}: {arrow}"),
            };
        }
    };
    if edit.operation == SemanticOperation::Moved {
        return moved(edit, &place, rest, head);
    }
    let Some((document, spot)) = spot else { return verb.to_owned() };
    match (rest, place.things.split_last()) {
        // The difference is a key.
        (Some(rest), around) => {
            let said = format!("{verb} {rest}{}", told(&edit.path, document, Some(spot)));
            if around.is_some() { format!("{things}: {said}") } else { said }
        }
        // The difference is a thing.
        (None, Some((thing, around))) => {
            let said = match &place.item {
                Some(noun) if document.kind(spot.value) == Kind::Mapping => {
                    format!("{verb} {noun} {}", glance(document, spot.value))
                }
                Some(noun) => format!("{verb} {noun} {}", value(document, spot.value)),
                None => format!("{verb} {thing}{}", portrait(&edit.path, document, spot.value)),
            };
            if around.is_empty() { said } else { format!("{}: {said}", around.join(", ")) }
        }
        (None, None) => format!("{verb}{}", told(&edit.path, document, Some(spot))),
    }
}

fn moved(edit: &Edit, here: &Place, rest: Option<String>, head: &Document<'_>) -> String {
    let Some(from) = &edit.from else {
        let (from, to) = edit.order.unwrap_or_default();
        let (thing, around) = here.things.split_last().map_or(("", [].as_slice()), |(t, a)| (t.as_str(), a));
        let what = match (&here.item, edit.head) {
            (Some(noun), Some(spot)) => format!("{noun} {}", value(head, spot.value)),
            (Some(_), None) | (None, _) => thing.to_owned(),
        };
        let said = format!("moved {what} from place {from} to {to}");
        return if around.is_empty() { said } else { format!("{}: {said}", around.join(", ")) };
    };
    let there = place(from);
    let same_list = edit.path.steps().split_last().map(|(_, rest)| rest)
        == from.steps().split_last().map(|(_, rest)| rest);
    let last = |path: &KeyPath| match path.steps().last() {
        Some(Step::Item { value, .. }) => code(value),
        Some(Step::Key(key)) => code(key),
        Some(Step::Index(_) | Step::Document(_)) | None => code_path(path),
    };
    if !same_list {
        return format!("moved {} to {}", code_path(from), code_path(&edit.path));
    }
    let around = match (&rest, here.things.split_last()) {
        (Some(_), _) => here.things.as_slice(),
        (None, Some((_, around))) => around,
        (None, None) => &[],
    };
    let what = match rest {
        Some(_) => last(from),
        None => there.things.last().cloned().unwrap_or_default(),
    };
    let said = format!("renamed {what} to {}", last(&edit.path));
    if around.is_empty() { said } else { format!("{}: {said}", around.join(", ")) }
}

/// What is worth knowing of a new or lost thing at a glance, in brackets.
fn portrait(path: &KeyPath, document: &Document<'_>, id: NodeId) -> String {
    let identity = match path.steps().last() {
        Some(Step::Item { key, .. }) => key.as_str(),
        Some(Step::Document(_) | Step::Key(_) | Step::Index(_)) | None => "",
    };
    let text = |key: &str| if key == identity { None } else { document.get_text(id, key) };
    let mut parts: Vec<String> = Vec::new();
    if let (Some(method), Some(path)) = (text("method"), text("path")) {
        parts.push(code(&format!("{method} {path}")));
    }
    if let (Some(from), Some(to)) = (text("from"), text("to")) {
        parts.push(format!("{} -> {}", code(from), code(to)));
    }
    for key in ["type", "kind"] {
        parts.extend(text(key).map(plain_or_code));
    }
    for flag in ["required", "unique", "critical", "final"] {
        if text(flag) == Some("true") {
            parts.push(flag.to_owned());
        }
    }
    for key in ["page", "queue", "entity", "workflow", "transition", "field", "default", "url"] {
        parts.extend(text(key).map(|text| format!("{key} {}", code(text))));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn plain_or_code(text: &str) -> String {
    let word = text.len() <= 24 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if word { text.to_owned() } else { code(text) }
}
