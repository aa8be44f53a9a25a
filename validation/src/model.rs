//! The files of one tree together: what is declared, and where each reference leads.

use crate::facts::{FileFacts, Member, Place, Reference, Target};
use crate::nearest::did_you_mean;
use crate::thing::{MemberKind, Thing, shown};
use conman_domain::RepoPath;
use conman_domain::changeset::Finding;
use semantic_diff::SemanticConfigType as Type;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The most broken references that are told.
const MAX_BROKEN: usize = 10_000;
/// The most of them for which a name is looked for that could have been meant.
const MAX_HINTS: usize = 200;
/// How many entities may lend their fields to one.
const MAX_PARTIALS: usize = 100;

/// The reference graph of a tree.
#[derive(Debug)]
pub struct Model {
    pub(crate) files: Vec<Arc<FileFacts>>,
    /// Where each thing is declared first, by file and place.
    pub(crate) things: BTreeMap<Thing, (usize, Place)>,
    /// Each reference, by file and number in the file.
    pub(crate) edges: Vec<Edge>,
    duplicates: Vec<Finding>,
}

/// One reference, and what it leads to.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) file: usize,
    pub(crate) reference: usize,
    /// All that it depends on: a field by way of relations depends on each of them.
    pub(crate) leads_to: Vec<Thing>,
    /// What is not there, if something is not.
    pub(crate) missing: Option<Thing>,
}

/// What of an entity can be named: its own members, and those of its partials.
struct Shape<'a> {
    /// By name: the entity that declares it, and the member.
    members: HashMap<&'a str, (&'a str, &'a Member)>,
    /// False where a partial is not there, so that not all is known.
    is_complete: bool,
}

struct Linker<'a> {
    files: &'a [Arc<FileFacts>],
    things: &'a BTreeMap<Thing, (usize, Place)>,
    /// The file of each entity.
    entities: HashMap<&'a str, usize>,
    shapes: HashMap<String, Shape<'a>>,
    has_catalog: bool,
    has_roles: bool,
}

impl Model {
    /// Puts the facts of all files of a tree together.
    pub fn link(files: impl IntoIterator<Item = Arc<FileFacts>>) -> Self {
        let mut files: Vec<Arc<FileFacts>> = files.into_iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self::link_in_order(files)
    }

    /// Of what is declared twice, the first file keeps the name, and the other is told.
    pub(crate) fn link_in_order(files: Vec<Arc<FileFacts>>) -> Self {
        let (mut things, mut duplicates) = (BTreeMap::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            for (thing, place, is_shared) in declared(file) {
                match things.entry(thing) {
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert((at, place));
                    }
                    std::collections::btree_map::Entry::Occupied(entry) if !is_shared => {
                        let (first, first_place): &(usize, Place) = entry.get();
                        duplicates.push(twice(entry.key(), file, place, &files[*first].path, *first_place));
                    }
                    std::collections::btree_map::Entry::Occupied(_) => {}
                }
            }
        }
        let edges = Linker::new(&files, &things).edges();
        Self { files, things, edges, duplicates }
    }

    /// What is wrong: each file by itself, names that are declared twice, references that lead nowhere.
    pub fn findings(&self) -> Vec<Finding> {
        let own = self.files.iter().flat_map(|file| file.findings.iter().cloned());
        let broken = self.edges.iter().filter(|edge| edge.is_broken()).take(MAX_BROKEN).enumerate();
        let broken = broken.filter_map(|(at, edge)| {
            let missing = edge.missing.as_ref()?;
            let (file, reference) = (&self.files[edge.file], self.reference(edge));
            let names = || self.things.keys().filter(|thing| thing.is_like(missing)).map(Thing::name);
            let message = format!("`{}` refers to {missing}, which is not there", shown(&reference.key));
            Some(Finding {
                severity: reference.severity,
                column: Some(reference.at.column),
                hint: if at < MAX_HINTS { did_you_mean(missing.name(), names()) } else { None },
                ..Finding::error("reference", &file.path, Some(reference.at.line), message)
            })
        });
        let mut findings: Vec<Finding> = own.chain(self.duplicates.iter().cloned()).chain(broken).collect();
        findings.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        findings
    }

    /// What is wrong with one of the files.
    pub fn findings_in(&self, path: &RepoPath) -> Vec<Finding> {
        let mut findings = self.findings();
        findings.retain(|finding| finding.path.as_ref() == Some(path));
        findings
    }

    /// The fields and relations below a way through relations that begins at an entity; an empty way is the entity itself.
    pub(crate) fn fields_below(&self, entity: &str, way: &str) -> Vec<(String, Thing)> {
        let linker = Linker::new(&self.files, &self.things);
        let mut entity = entity;
        for name in way.split('.').filter(|name| !name.is_empty()) {
            let member = linker.shapes.get(entity).and_then(|shape| shape.members.get(name));
            let Some(next) = member.and_then(|(_, member)| member.leads_to.as_deref()) else {
                return Vec::new();
            };
            entity = next;
        }
        let members = linker.shapes.get(entity).into_iter().flat_map(|shape| &shape.members);
        members
            .map(|(name, (owner, member))| ((*name).to_owned(), member_of(Type::Entity, owner, member)))
            .collect()
    }

    pub(crate) fn reference(&self, edge: &Edge) -> &Reference {
        &self.files[edge.file].references[edge.reference]
    }
}

/// What a file declares; true for what several files may declare alike.
fn declared(file: &FileFacts) -> impl Iterator<Item = (Thing, Place, bool)> + '_ {
    let itself = (Thing::File(file.path.as_str().to_owned()), Place::TOP, false);
    let config = file.config.as_ref();
    let of_config = config.map(|config| (Thing::Config(config.kind, config.name.clone()), config.at, false));
    let members = file.members.iter().filter_map(move |member| {
        let config = config?;
        // A relation and the column that holds its key may have one name.
        Some((member_of(config.kind, &config.name, member), member.at, member.kind == MemberKind::Relation))
    });
    let roles = file.roles.iter().map(|(name, at)| (Thing::Role(name.clone()), *at, true));
    // The catalog tells itself what is declared twice.
    let parameters = file.parameters.iter().map(|(name, at)| (Thing::Parameter(name.clone()), *at, true));
    [itself].into_iter().chain(of_config).chain(members).chain(roles).chain(parameters)
}

fn member_of(of: Type, config: &str, member: &Member) -> Thing {
    Thing::Member { of, config: config.to_owned(), kind: member.kind, name: member.name.clone() }
}

fn twice(thing: &Thing, file: &FileFacts, at: Place, first: &RepoPath, first_at: Place) -> Finding {
    let message =
        format!("{thing} is declared already, in `{}`, line {}", shown(first.as_str()), first_at.line);
    Finding {
        column: Some(at.column),
        hint: Some("give one of the two another name".to_owned()),
        ..Finding::error("duplicate_name", &file.path, Some(at.line), message)
    }
}

impl<'a> Linker<'a> {
    fn new(files: &'a [Arc<FileFacts>], things: &'a BTreeMap<Thing, (usize, Place)>) -> Self {
        let mut entities = HashMap::new();
        for (at, file) in files.iter().enumerate() {
            if let Some(config) = file.config.as_ref().filter(|config| config.kind == Type::Entity) {
                entities.entry(config.name.as_str()).or_insert(at);
            }
        }
        let has_catalog = files.iter().any(|file| !file.parameters.is_empty());
        let has_roles = files.iter().any(|file| !file.roles.is_empty());
        let mut linker = Self { files, things, entities, shapes: HashMap::new(), has_catalog, has_roles };
        let names: Vec<&str> = linker.entities.keys().copied().collect();
        for name in names {
            let shape = linker.shape(name);
            linker.shapes.insert(name.to_owned(), shape);
        }
        linker
    }

    fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (file, facts) in self.files.iter().enumerate() {
            for (reference, found) in facts.references.iter().enumerate() {
                let (leads_to, missing) = self.follow(&found.target);
                edges.push(Edge { file, reference, leads_to, missing });
            }
        }
        edges
    }

    /// What a reference depends on, and what of that is not there.
    fn follow(&self, target: &Target) -> (Vec<Thing>, Option<Thing>) {
        match target {
            Target::Field { entity, path } => return self.follow_field(entity, path),
            // Where the config is not there, that is told, and nothing more.
            Target::Member { of, config, .. }
                if !self.things.contains_key(&Thing::Config(*of, config.clone())) =>
            {
                return (Vec::new(), None);
            }
            Target::Parameter(_) if !self.has_catalog => return (Vec::new(), None),
            Target::Role(_) if !self.has_roles => return (Vec::new(), None),
            Target::Config(..)
            | Target::Member { .. }
            | Target::Parameter(_)
            | Target::Role(_)
            | Target::File(_) => {}
        }
        let Some(thing) = target.thing() else { return (Vec::new(), None) };
        if self.things.contains_key(&thing) { (vec![thing], None) } else { (Vec::new(), Some(thing)) }
    }

    fn follow_field(&self, entity: &str, path: &str) -> (Vec<Thing>, Option<Thing>) {
        let (mut entity, mut leads_to) = (entity.to_owned(), Vec::new());
        for name in path.split('.') {
            let Some(shape) = self.shapes.get(&entity) else { return (leads_to, None) };
            let Some((owner, member)) = shape.members.get(name) else {
                // Every record has an id, and what is not known cannot be wrong.
                if name == "id" || !shape.is_complete || shape.members.is_empty() {
                    return (leads_to, None);
                }
                let kind = MemberKind::Field;
                let missing = Thing::Member { of: Type::Entity, config: entity, kind, name: name.to_owned() };
                return (leads_to, Some(missing));
            };
            leads_to.push(member_of(Type::Entity, owner, member));
            match &member.leads_to {
                Some(next) => entity.clone_from(next),
                // What stands below a field of JSON is not known, and a plain field has nothing below it.
                None if member.is_open => return (leads_to, None),
                None => {
                    let rest = path.rsplit('.').next().is_some_and(|last| last != name);
                    let missing = rest.then(|| Thing::Member {
                        of: Type::Entity,
                        config: entity,
                        kind: MemberKind::Field,
                        name: path.to_owned(),
                    });
                    return (leads_to, missing);
                }
            }
        }
        (leads_to, None)
    }

    /// The members of an entity and of its partials, the own ones first.
    fn shape(&self, name: &'a str) -> Shape<'a> {
        let mut shape = Shape { members: HashMap::new(), is_complete: true };
        let (mut waiting, mut seen) = (vec![name], HashSet::new());
        while let Some(name) = waiting.pop() {
            if !seen.insert(name) {
                continue;
            }
            let Some(file) = self.entities.get(name).filter(|_| seen.len() <= MAX_PARTIALS) else {
                shape.is_complete = false;
                continue;
            };
            let file = &self.files[*file];
            // A relation says more than a field of its name.
            let (relations, fields): (Vec<&Member>, Vec<&Member>) =
                file.members.iter().partition(|member| member.kind == MemberKind::Relation);
            for member in relations.into_iter().chain(fields) {
                shape.members.entry(member.name.as_str()).or_insert((name, member));
            }
            waiting.extend(file.partials.iter().map(String::as_str));
        }
        shape
    }
}

impl Edge {
    pub(crate) fn is_broken(&self) -> bool {
        self.missing.is_some()
    }
}
