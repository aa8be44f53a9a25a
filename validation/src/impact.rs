//! What a change may break: the places that refer to what it changed.

use crate::facts::{Place, Target};
use crate::model::{Edge, Model};
use crate::thing::{Thing, shown};
use conman_domain::RepoPath;
use semantic_diff::{SemanticChange, SemanticOperation};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The most places that are named for one change; all are counted.
const MAX_PLACES: usize = 50;

/// How much a change matters to what refers to what it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImpactSeverity {
    /// What refers to it works as before, and may show something else.
    Info,
    /// What refers to it still finds it, and may behave otherwise.
    Warning,
    /// What refers to it does not find it any more.
    Critical,
}

/// What one semantic change may break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// The id of the semantic change.
    pub change_id: String,
    /// How much it matters.
    pub severity: ImpactSeverity,
    /// What was changed, such as "field `email` of entity `patient`".
    pub subject: String,
    /// One sentence about what it may break.
    pub description: String,
    /// The places that refer to it, the worst first; cut after the first 50.
    pub places: Vec<ImpactedPlace>,
    /// How many places there are.
    pub total_places: u32,
}

/// A place that refers to something that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImpactedPlace {
    /// The file, in the newer tree.
    pub path: RepoPath,
    /// One-based line.
    pub line: u32,
    /// One-based column, in characters.
    pub column: u32,
    /// The way to it, such as `columns[name=email]`.
    pub key: String,
    /// Whether it leads nowhere now.
    pub broken: bool,
}

/// What each change between two trees may break, by the references of the newer one; the worst first.
///
/// The changes are those of [`semantic_diff`] between the same two trees.
pub fn impacts(base: &Model, head: &Model, changes: &[SemanticChange]) -> Vec<Impact> {
    let (base_index, head_index) = (Index::new(base), Index::new(head));
    let broken = newly_broken(base, head);
    let used = by_thing(head);
    let mut told = BTreeSet::new();
    let mut impacts: Vec<Impact> = Vec::new();
    for change in changes {
        let cosmetic = change.details.get("cosmetic").is_some_and(|value| value == true);
        if cosmetic {
            continue;
        }
        // What is gone: declared in the lines of the base, and nowhere in the head.
        let gone = lost(change, &base_index, head);
        for thing in gone {
            if let Some(places) = broken.get(thing).filter(|_| told.insert((*thing).clone())) {
                impacts.push(impact(change, ImpactSeverity::Critical, thing, head, places));
            }
        }
        if change.operation == SemanticOperation::Removed {
            continue;
        }
        // What is another: the innermost that holds the changed lines.
        let Some(thing) = head_index.innermost(&change.file_path, change.line_start, change.line_end) else {
            continue;
        };
        if !base.things.contains(thing) {
            continue;
        }
        if let Some(places) = used.get(thing) {
            let severity = if only_shown(change) { ImpactSeverity::Info } else { ImpactSeverity::Warning };
            impacts.push(impact(change, severity, thing, head, places));
        }
    }
    // The order of the changes stays within a severity.
    impacts.sort_by_key(|impact| std::cmp::Reverse(impact.severity));
    impacts
}

/// The things that a change takes away.
fn lost<'a>(change: &SemanticChange, base: &Index<'a>, head: &Model) -> Vec<&'a Thing> {
    let old_path = change.details.get("from").and_then(|from| from.as_str());
    let (start, end) = match change.operation {
        SemanticOperation::Removed => (change.line_start, change.line_end),
        SemanticOperation::Added | SemanticOperation::Modified | SemanticOperation::Moved => {
            let lines = change.details.get("baseLines").and_then(|lines| lines.as_array());
            let line = |at: usize| lines?.get(at)?.as_u64().and_then(|line| u32::try_from(line).ok());
            (line(0), line(1))
        }
    };
    let whole = change.operation == SemanticOperation::Removed && change.target == change.file_path;
    let moved = change.operation == SemanticOperation::Moved && change.target == change.file_path;
    let path = old_path.filter(|_| moved).unwrap_or(&change.file_path);
    let range =
        if whole || moved { Some((0, u32::MAX)) } else { start.map(|start| (start, end.unwrap_or(start))) };
    let Some((start, end)) = range else { return Vec::new() };
    let declared = base.by_file.get(path).into_iter().flatten();
    declared
        .filter(|(thing, place)| {
            let inside = place.line >= start && place.line <= end;
            let file = matches!(thing, Thing::File(_));
            (inside || file && (whole || moved)) && !head.things.contains(thing)
        })
        .map(|(thing, _)| *thing)
        .collect()
}

/// Whether a change is of what people read, and of nothing that programs go by.
fn only_shown(change: &SemanticChange) -> bool {
    const SHOWN: [&str; 5] = ["label", "title", "description", "icon", "help"];
    let last = change.target.rsplit(['.', ']']).next().unwrap_or_default();
    SHOWN.contains(&last) || change.operation == SemanticOperation::Moved
}

/// What is not there, and was: with the places that look for it.
fn newly_broken<'a>(base: &'a Model, head: &'a Model) -> HashMap<&'a Thing, Vec<&'a Edge>> {
    // A field may have been declared by a partial of the entity that is asked for it.
    let mut led_to: HashMap<&Target, &Thing> = HashMap::new();
    for edge in base.edges.iter().filter(|edge| !edge.is_broken()) {
        if let (target @ Target::Field { .. }, Some(last)) =
            (&base.reference(edge).target, edge.leads_to.last())
        {
            led_to.insert(target, last);
        }
    }
    let mut broken: HashMap<&Thing, Vec<&Edge>> = HashMap::new();
    for edge in &head.edges {
        let Some(missing) = &edge.missing else { continue };
        broken.entry(missing).or_default().push(edge);
        if let Some(last) = led_to.get(&head.reference(edge).target).filter(|last| **last != missing) {
            broken.entry(last).or_default().push(edge);
        }
    }
    broken
}

/// The references by what they lead to.
fn by_thing(model: &Model) -> BTreeMap<&Thing, Vec<&Edge>> {
    let mut by_thing: BTreeMap<&Thing, Vec<&Edge>> = BTreeMap::new();
    for edge in &model.edges {
        for thing in &edge.leads_to {
            by_thing.entry(thing).or_default().push(edge);
        }
    }
    by_thing
}

fn impact(
    change: &SemanticChange,
    severity: ImpactSeverity,
    thing: &Thing,
    head: &Model,
    edges: &[&Edge],
) -> Impact {
    let place = |edge: &&Edge| {
        let reference = head.reference(edge);
        ImpactedPlace {
            path: head.files[edge.file].path.clone(),
            line: reference.at.line,
            column: reference.at.column,
            key: reference.key.clone(),
            broken: edge.is_broken(),
        }
    };
    let places: Vec<ImpactedPlace> = edges.iter().take(MAX_PLACES).map(place).collect();
    let count = edges.len();
    let who = if count == 1 { "1 place refers".to_owned() } else { format!("{count} places refer") };
    let first = places.first().map_or_else(String::new, |place| {
        format!(", such as `{}` in `{}`", shown(&place.key), shown(place.path.as_str()))
    });
    let description = match severity {
        ImpactSeverity::Critical => format!("{thing} is not there any more, and {who} to it{first}"),
        ImpactSeverity::Warning => format!("{thing} changed, and {who} to it{first}"),
        ImpactSeverity::Info => format!("{thing} is shown otherwise, and {who} to it{first}"),
    };
    Impact {
        change_id: change.id.clone(),
        severity,
        subject: thing.to_string(),
        description,
        places,
        total_places: u32::try_from(count).unwrap_or(u32::MAX),
    }
}

/// What each file declares.
struct Index<'a> {
    by_file: HashMap<&'a str, Vec<(&'a Thing, Place)>>,
}

impl<'a> Index<'a> {
    fn new(model: &'a Model) -> Self {
        let mut by_file: HashMap<&str, Vec<(&Thing, Place)>> = HashMap::new();
        for (thing, (file, place)) in model.things.iter() {
            by_file.entry(model.files[file].path.as_str()).or_default().push((thing, place));
        }
        Self { by_file }
    }

    /// The innermost thing of a file that holds some lines; the config, where it is a part of that.
    fn innermost(&self, path: &str, start: Option<u32>, end: Option<u32>) -> Option<&'a Thing> {
        let declared = self.by_file.get(path)?;
        let start = start.unwrap_or(1);
        let end = end.unwrap_or(start);
        let member = declared
            .iter()
            .filter(|(thing, _)| !matches!(thing, Thing::File(_) | Thing::Config(..)))
            .filter(|(_, place)| place.line <= start && end <= place.end_line)
            .min_by_key(|(_, place)| place.end_line - place.line);
        let config = || declared.iter().find(|(thing, _)| matches!(thing, Thing::Config(..)));
        let file = || declared.iter().find(|(thing, _)| matches!(thing, Thing::File(_)));
        member.or_else(config).or_else(file).map(|(thing, _)| *thing)
    }
}
