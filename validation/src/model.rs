//! The files of one tree together: what is declared, and where each reference leads.

use crate::declared::{Taken, Things, member_of};
use crate::facts::{FileFacts, Member, Reference, Target};
use crate::nearest::did_you_mean;
use crate::thing::{MemberKind, Thing, shown};
use conman_domain::changeset::Finding;
use semantic_diff::SemanticConfigType as Type;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;
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
    pub(crate) things: Things,
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
    things: &'a Things,
    /// Of the entities that were asked for.
    shapes: RefCell<HashMap<String, Option<Rc<Shape<'a>>>>>,
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
    fn link_in_order(files: Vec<Arc<FileFacts>>) -> Self {
        let (things, taken) = Things::of(&files);
        let duplicates = taken.iter().map(|taken| twice(taken, &files)).collect();
        let edges = Linker::new(&files, &things).edges(0..files.len());
        Self { files, things, edges, duplicates }
    }

    /// The same tree with one file as it is being typed, of which alone there are edges and duplicates. Whoever types a
    /// name that is taken is told, wherever it is.
    pub(crate) fn typing(&self, facts: FileFacts) -> (Self, usize) {
        let mut files = self.files.clone();
        let number = match files.binary_search_by(|file| file.path.cmp(&facts.path)) {
            Ok(number) => {
                files[number] = Arc::new(facts);
                number
            }
            Err(_) => {
                files.push(Arc::new(facts));
                files.len() - 1
            }
        };
        let (things, taken) = self.things.typing(number, &files[number]);
        let duplicates = taken.iter().map(|taken| twice(taken, &files)).collect();
        let edges = Linker::new(&files, &things).edges(number..number + 1);
        (Self { files, things, edges, duplicates }, number)
    }

    /// What would be wrong with a file, were it like this.
    pub fn findings_with(&self, facts: FileFacts) -> Vec<Finding> {
        let (tree, number) = self.typing(facts);
        tree.findings_of(number..number + 1)
    }

    /// What is wrong: each file by itself, names that are declared twice, references that lead nowhere.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings_of(0..self.files.len())
    }

    fn findings_of(&self, files: Range<usize>) -> Vec<Finding> {
        let own = self.files[files].iter().flat_map(|file| file.findings.iter().cloned());
        let broken = self.edges.iter().filter(|edge| edge.is_broken()).take(MAX_BROKEN).enumerate();
        let broken = broken.filter_map(|(at, edge)| {
            let missing = edge.missing.as_ref()?;
            let (file, reference) = (&self.files[edge.file], self.reference(edge));
            let things = || self.things.iter().map(|(thing, _)| thing);
            let names = || things().filter(|thing| thing.is_like(missing)).map(Thing::name);
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

    /// The fields and relations below a way through relations that begins at an entity; an empty way is the entity itself.
    pub(crate) fn fields_below(&self, entity: &str, way: &str) -> Vec<(String, Thing)> {
        let linker = Linker::new(&self.files, &self.things);
        let mut entity = entity.to_owned();
        for name in way.split('.').filter(|name| !name.is_empty()) {
            let shape = linker.shape(&entity);
            let member = shape.as_ref().and_then(|shape| shape.members.get(name));
            let Some(next) = member.and_then(|(_, member)| member.leads_to.clone()) else {
                return Vec::new();
            };
            entity = next;
        }
        let shape = linker.shape(&entity);
        let members = shape.iter().flat_map(|shape| &shape.members);
        members
            .map(|(name, (owner, member))| ((*name).to_owned(), member_of(Type::Entity, owner, member)))
            .collect()
    }

    pub(crate) fn reference(&self, edge: &Edge) -> &Reference {
        &self.files[edge.file].references[edge.reference]
    }
}

fn twice(taken: &Taken<'_>, files: &[Arc<FileFacts>]) -> Finding {
    let Taken { thing, file, place, by: (first, first_place) } = taken;
    let first = shown(files[*first].path.as_str());
    let message = format!("{thing} is declared already, in `{first}`, line {}", first_place.line);
    Finding {
        column: Some(place.column),
        hint: Some("give one of the two another name".to_owned()),
        ..Finding::error("duplicate_name", &file.path, Some(place.line), message)
    }
}

impl<'a> Linker<'a> {
    fn new(files: &'a [Arc<FileFacts>], things: &'a Things) -> Self {
        let has_catalog = files.iter().any(|file| !file.parameters.is_empty());
        let has_roles = files.iter().any(|file| !file.roles.is_empty());
        Self { files, things, shapes: RefCell::default(), has_catalog, has_roles }
    }

    fn edges(&self, of: Range<usize>) -> Vec<Edge> {
        let mut edges = Vec::new();
        for file in of {
            for (reference, found) in self.files[file].references.iter().enumerate() {
                let (leads_to, missing) = self.follow(&found.target);
                edges.push(Edge { file, reference, leads_to, missing });
            }
        }
        edges
    }

    /// The file of an entity.
    fn entity(&self, name: &str) -> Option<&'a Arc<FileFacts>> {
        let (file, _) = self.things.get(&Thing::Config(Type::Entity, name.to_owned()))?;
        Some(&self.files[file])
    }

    /// What a reference depends on, and what of that is not there.
    fn follow(&self, target: &Target) -> (Vec<Thing>, Option<Thing>) {
        match target {
            Target::Field { entity, path } => return self.follow_field(entity, path),
            // Where the config is not there, that is told, and nothing more.
            Target::Member { of, config, .. }
                if !self.things.contains(&Thing::Config(*of, config.clone())) =>
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
        if self.things.contains(&thing) { (vec![thing], None) } else { (Vec::new(), Some(thing)) }
    }

    fn follow_field(&self, entity: &str, path: &str) -> (Vec<Thing>, Option<Thing>) {
        let (mut entity, mut leads_to) = (entity.to_owned(), Vec::new());
        for name in path.split('.') {
            let Some(shape) = self.shape(&entity) else { return (leads_to, None) };
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

    /// What of an entity can be named; `None` where there is no such entity.
    fn shape(&self, name: &str) -> Option<Rc<Shape<'a>>> {
        if let Some(known) = self.shapes.borrow().get(name) {
            return known.clone();
        }
        let shape = self.entity(name).map(|file| Rc::new(self.shape_of(file)));
        self.shapes.borrow_mut().insert(name.to_owned(), shape.clone());
        shape
    }

    /// The members of an entity and of its partials, the own ones first.
    fn shape_of(&self, entity: &'a Arc<FileFacts>) -> Shape<'a> {
        let mut shape = Shape { members: HashMap::new(), is_complete: true };
        let own_name = entity.config.as_ref().map_or("", |config| config.name.as_str());
        let (mut waiting, mut seen) = (vec![own_name], HashSet::new());
        while let Some(name) = waiting.pop() {
            if !seen.insert(name) {
                continue;
            }
            let Some(file) = self.entity(name).filter(|_| seen.len() <= MAX_PARTIALS) else {
                shape.is_complete = false;
                continue;
            };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schemas;
    use conman_domain::RepoPath;
    use proptest::prelude::*;

    fn facts((path, text): &(String, String)) -> FileFacts {
        FileFacts::read(&RepoPath::parse(path).unwrap(), text.as_bytes(), &Schemas::shipped())
    }

    /// A file of a small world, so that names meet: entities with fields, relations and partials, roles, a catalog.
    fn file() -> impl Strategy<Value = (String, String)> {
        let (name, other) = (0..4_u8, 0..5_u8);
        let entity = (0..5_u8, name, other, 0..3_u8, any::<bool>()).prop_map(
            |(path, name, other, field, has_partial)| {
                let partial = if has_partial { format!("partials: [e{other}]\n") } else { String::new() };
                let text = format!(
                    "type: entity\nname: e{name}\n{partial}fields:\n  - name: f{field}\n    type: string\nrelations:\n  \
                     - name: r\n    kind: belongs_to\n    entity: e{other}\n"
                );
                (format!("entities/{path}.yml"), text)
            },
        );
        let page = (0..3_u8, 0..5_u8, 0..3_u8).prop_map(|(path, entity, field)| {
            let text = format!(
                "type: page\nname: p{path}\nentity: e{entity}\ncomponents:\n  - type: table\n    columns: [f{field}, r.f{field}]\n"
            );
            (format!("pages/{path}.yml"), text)
        });
        let tenant = (0..2_u8, 0..3_u8).prop_map(|(path, role)| {
            (format!("tenants/{path}.yml"), format!("type: tenant\nname: t\nroles: [r{role}, r1]\n"))
        });
        let catalog = (0..2_u8, 0..3_u8).prop_map(|(path, name)| {
            let text = format!("parameters:\n  - {{name: n{name}, type: int, default: 1}}\n");
            (format!("catalog/{path}.yml"), text)
        });
        prop_oneof![4 => entity, 3 => page, 1 => tenant, 1 => catalog]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        /// A file that is being typed has wrong what it would have wrong as the last of the tree's files.
        #[test]
        fn typing_costs_one_file_and_finds_the_same(
            files in prop::collection::btree_map("[0-9]", file(), 0..12),
            typed in file(),
        ) {
            let files: std::collections::BTreeMap<String, String> = files.into_values().collect();
            let files: Vec<Arc<FileFacts>> = files.into_iter().map(|file| Arc::new(facts(&file))).collect();
            let typed = facts(&typed);
            let others = files.iter().filter(|file| file.path != typed.path).cloned();
            let whole = Model::link_in_order(others.chain([Arc::new(typed.clone())]).collect());
            let mut expected = whole.findings();
            expected.retain(|finding| finding.path.as_ref() == Some(&typed.path));
            let linked = Model::link(files);
            let (tree, number) = linked.typing(typed.clone());
            prop_assert_eq!(&tree.findings_of(number..number + 1), &expected);
            let edges = |model: &Model| -> Vec<_> {
                let own = model.edges.iter().filter(|edge| model.files[edge.file].path == typed.path);
                own.map(|edge| (edge.reference, edge.leads_to.clone(), edge.missing.clone())).collect()
            };
            prop_assert_eq!(edges(&tree), edges(&whole));
            let all = |model: &Model| -> std::collections::BTreeMap<Thing, String> {
                let things = model.things.iter();
                things.map(|(thing, (file, at))| (thing.clone(), format!("{} {at:?}", model.files[file].path))).collect()
            };
            prop_assert_eq!(all(&tree), all(&whole));
        }
    }
}
