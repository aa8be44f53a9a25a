//! What an editor shows while somebody types: what could stand at a place, and what stands there.
//!
//! Both look through the same eyes as the validation. To find what could stand at the cursor, a mark is put there and
//! the text is read as ever: the reference whose name holds the mark is the one that is being typed, and the node that
//! holds it has a place in its type's schema.

use super::place::{self, Spot};
use super::schema_walk::Parts;
use crate::facts::{FileFacts, Target};
use crate::model::Model;
use crate::schemas::Schemas;
use crate::thing::Thing;
use conman_domain::RepoPath;
use semantic_diff::document::Document;
use semantic_diff::{Format, SemanticConfigType as Type, named_config};
use std::collections::BTreeMap;

/// Stands where the cursor is. Letters only, so that every rule takes it for a part of a name.
const MARK: &str = "zqTheCursorIsHereQz";
/// The most suggestions for one place.
const MAX_SUGGESTIONS: usize = 500;

/// Something that could stand where somebody types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// What would stand there: a key without its colon, a value, a name.
    pub text: String,
    /// What it is.
    pub kind: SuggestionKind,
    /// One sentence about it, or where it is declared.
    pub about: Option<String>,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuggestionKind {
    /// A name of something that files declare.
    Name,
    /// A value that the schema lists.
    Value,
    /// A key that means something there.
    Key,
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// What it is: a thing that is referred to, or the way to a key.
    pub title: String,
    /// What the schema says of it.
    pub about: Option<String>,
    /// What may stand there, where the schema says.
    pub allowed: Option<String>,
    /// Where the thing is declared, with its line from 1; `None` for a key, and for what is not there.
    pub declared: Option<(RepoPath, u32)>,
    /// Where it stands: its line, and its first column and the one after its last, all from 1, in characters.
    pub line: u32,
    /// See [`Meaning::line`].
    pub columns: (u32, u32),
}

impl Model {
    /// What could stand at a line and column (both from 1, in characters) of a text that is to be one of the tree's files.
    ///
    /// Empty where the rest of the text cannot be read, and where nothing is known.
    pub fn suggestions(
        &self,
        schemas: &Schemas,
        path: &RepoPath,
        text: &str,
        (line, column): (u32, u32),
    ) -> Vec<Suggestion> {
        let (Some(format), Some(at)) = (Format::of(path.file_name()), place::offset(text, line, column))
        else {
            return Vec::new();
        };
        if text.contains(MARK) {
            return Vec::new();
        }
        // A name alone on its line is the beginning of a key.
        let endings: &[&str] = if format == Format::Yaml { &["", ":"] } else { &[""] };
        endings
            .iter()
            .find_map(|ending| {
                let typed = format!("{}{MARK}{ending}{}", &text[..at], &text[at..]);
                let document = Document::read(format, typed.as_bytes()).ok()?;
                let spot = Spot::find(&document, |_, scalar| scalar.contains(MARK))?;
                Some(self.suggestions_at(schemas, path, &typed, &document, &spot))
            })
            .unwrap_or_default()
    }

    fn suggestions_at(
        &self,
        schemas: &Schemas,
        path: &RepoPath,
        typed: &str,
        document: &Document<'_>,
        spot: &Spot,
    ) -> Vec<Suggestion> {
        let mut found: BTreeMap<String, (SuggestionKind, Option<String>)> = BTreeMap::new();
        let mut add = |text: String, kind: SuggestionKind, about: Option<String>| {
            if found.len() < MAX_SUGGESTIONS && !text.contains(MARK) {
                found.entry(text).or_insert((kind, about));
            }
        };
        let facts = FileFacts::read(path, typed.as_bytes(), schemas);
        let targets: Vec<Target> = facts
            .references
            .iter()
            .map(|reference| reference.target.clone())
            .filter(|target| target.name().contains(MARK))
            .collect();
        if !targets.is_empty() {
            let scalar = document.text(spot.node).unwrap_or_default();
            let (tree, _) = self.typing(facts);
            for target in targets {
                for (name, about) in tree.names_for(&target) {
                    // In a condition, a parameter is named with a word before it.
                    let is_part = !scalar.starts_with(target.name()) && scalar.contains("param.");
                    add(if is_part { format!("param.{name}") } else { name }, SuggestionKind::Name, about);
                }
            }
        }
        let kind = named_config(path.as_str(), Some(document)).map(|(kind, _)| kind);
        if !spot.is_key && spot.is_at_root_key("type") {
            for kind in Type::ALL {
                add(kind.name().to_owned(), SuggestionKind::Value, schemas.title(kind));
            }
        }
        if let Some(schema) = kind.and_then(|kind| schemas.text(kind)) {
            let holder = Parts::of(schema).follow(&spot.way);
            if !spot.is_key {
                for (value, about) in holder.values() {
                    add(value, SuggestionKind::Value, about);
                }
            }
            // What is an only word yet can become a mapping's first key.
            let names = if spot.is_key || spot.may_open { holder.keys() } else { Vec::new() };
            for (name, about) in names {
                if !spot.is_key || spot.parent.is_none_or(|parent| document.entry(parent, &name).is_none()) {
                    add(name, SuggestionKind::Key, about);
                }
            }
        }
        let mut found: Vec<Suggestion> =
            found.into_iter().map(|(text, (kind, about))| Suggestion { text, kind, about }).collect();
        found.sort_by_key(|suggestion| suggestion.kind);
        found
    }

    /// What stands at a line and column (both from 1, in characters) of a text that is to be one of the tree's files.
    pub fn meaning(
        &self,
        schemas: &Schemas,
        path: &RepoPath,
        text: &str,
        (line, column): (u32, u32),
    ) -> Option<Meaning> {
        let document = Document::read(Format::of(path.file_name())?, text.as_bytes()).ok()?;
        let columns = |node| {
            let (_, first) = document.position(node);
            let length = document.text(node).map_or(0, |text| text.chars().count());
            (first, first.saturating_add(u32::try_from(length).unwrap_or(u32::MAX)))
        };
        let spot = Spot::find(&document, |node, _| {
            let (first, after) = columns(node);
            document.position(node).0 == line && (first..after).contains(&column)
        })?;
        let columns = columns(spot.node);
        let (tree, _) = self.typing(FileFacts::read(path, text.as_bytes(), schemas));
        if let Some((thing, declared)) = tree.referred_at(path, document.position(spot.node)) {
            let (title, about) = match declared {
                Some(_) => (thing.to_string(), None),
                None => (format!("{thing} is not there"), None),
            };
            return Some(Meaning { title, about, allowed: None, declared, line, columns });
        }
        let (kind, _) = named_config(path.as_str(), Some(&document))?;
        let here = Parts::of(schemas.text(kind)?).follow(&spot.way);
        let here = match (spot.is_key, document.text(spot.node)) {
            (true, Some(key)) => here.follow(&[place::Way::Key(key.to_owned())]),
            _ => here,
        };
        let about = here.description();
        let allowed = here.allowed().filter(|allowed| about.as_ref() != Some(allowed));
        if about.is_none() && allowed.is_none() {
            return None;
        }
        let title = spot.title(&document);
        Some(Meaning { title, about, allowed, declared: None, line, columns })
    }

    /// The names that a reference of this kind can have, with where each is declared.
    fn names_for(&self, target: &Target) -> Vec<(String, Option<String>)> {
        let place = |thing: &Thing| {
            self.things.get(thing).map(|(file, at)| format!("{}, line {}", self.files[file].path, at.line))
        };
        let like = match target {
            Target::Field { entity, path } => {
                let before = path.rsplit_once('.').map_or("", |(before, _)| before);
                let fields = self.fields_below(entity, before);
                return fields
                    .into_iter()
                    .map(|(name, thing)| {
                        let whole = if before.is_empty() { name } else { format!("{before}.{name}") };
                        (whole, place(&thing))
                    })
                    .collect();
            }
            other => other.thing(),
        };
        let things = self.things.iter().map(|(thing, _)| thing);
        let alike = things.filter(|thing| like.as_ref().is_some_and(|like| thing.is_like(like)));
        alike.map(|thing| (thing.name().to_owned(), place(thing))).collect()
    }

    /// What is referred to at a place of a file, and where that is declared.
    fn referred_at(
        &self,
        path: &RepoPath,
        (line, column): (u32, u32),
    ) -> Option<(Thing, Option<(RepoPath, u32)>)> {
        let edge = self.edges.iter().find(|edge| {
            let at = self.reference(edge).at;
            self.files[edge.file].path == *path && (at.line, at.column) == (line, column)
        })?;
        if let Some(missing) = &edge.missing {
            return Some((missing.clone(), None));
        }
        let thing = edge.leads_to.last()?;
        let (file, at) = self.things.get(thing)?;
        Some((thing.clone(), Some((self.files[file].path.clone(), at.line))))
    }
}
