//! What the files of a tree declare, and where.

use crate::facts::{FileFacts, Member, Place};
use crate::thing::{MemberKind, Thing};
use semantic_diff::SemanticConfigType as Type;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Where a thing is declared, by the number of the file and the place in it.
pub(crate) type Declared = (usize, Place);

/// All things, each where it is declared first. One of the files can be as it is being typed, at the cost of that file
/// alone: of what it declares twice with another file, the other one keeps the name.
#[derive(Debug, Default)]
pub(crate) struct Things {
    all: Arc<BTreeMap<Thing, Places>>,
    typed: Option<Typed>,
}

#[derive(Debug)]
struct Places {
    first: Declared,
    /// In the order of the files.
    further: Vec<Declared>,
}

#[derive(Debug)]
struct Typed {
    file: usize,
    own: BTreeMap<Thing, Place>,
}

/// A name that was taken already.
pub(crate) struct Taken<'a> {
    pub(crate) thing: Thing,
    pub(crate) file: &'a FileFacts,
    pub(crate) place: Place,
    /// Who has it.
    pub(crate) by: Declared,
}

impl Things {
    /// Puts together what files declare; also what is declared twice, without what several may declare alike.
    pub(crate) fn of(files: &[Arc<FileFacts>]) -> (Self, Vec<Taken<'_>>) {
        let (mut all, mut taken) = (BTreeMap::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            for (thing, place, is_shared) in declared(file) {
                match all.entry(thing) {
                    Entry::Vacant(entry) => {
                        entry.insert(Places { first: (at, place), further: Vec::new() });
                    }
                    Entry::Occupied(mut entry) => {
                        if !is_shared {
                            let by = entry.get().first;
                            taken.push(Taken { thing: entry.key().clone(), file, place, by });
                        }
                        entry.get_mut().further.push((at, place));
                    }
                }
            }
        }
        (Self { all: Arc::new(all), typed: None }, taken)
    }

    /// The same with a file as it is being typed, under its old number or a new one; also what it declares twice.
    pub(crate) fn typing<'a>(&self, number: usize, file: &'a FileFacts) -> (Self, Vec<Taken<'a>>) {
        let mut taken = Vec::new();
        let mut things =
            Self { all: Arc::clone(&self.all), typed: Some(Typed { file: number, own: BTreeMap::new() }) };
        for (thing, place, is_shared) in declared(file) {
            match things.get(&thing) {
                Some(by) if !is_shared => taken.push(Taken { thing, file, place, by }),
                Some(_) => {}
                None => {
                    if let Some(typed) = &mut things.typed {
                        typed.own.insert(thing, place);
                    }
                }
            }
        }
        (things, taken)
    }

    /// Where a thing is declared first.
    pub(crate) fn get(&self, thing: &Thing) -> Option<Declared> {
        let of_all = self.all.get(thing).and_then(|places| self.first_of(places));
        of_all.or_else(|| {
            let typed = self.typed.as_ref()?;
            typed.own.get(thing).map(|place| (typed.file, *place))
        })
    }

    pub(crate) fn contains(&self, thing: &Thing) -> bool {
        self.get(thing).is_some()
    }

    /// All things in their order, each where it is declared first; those that are being typed come last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Thing, Declared)> {
        let all = self.all.iter().filter_map(|(thing, places)| Some((thing, self.first_of(places)?)));
        let own = self
            .typed
            .iter()
            .flat_map(|typed| typed.own.iter().map(|(thing, place)| (thing, (typed.file, *place))));
        all.chain(own)
    }

    /// Where the file that is being typed does not count as it was.
    fn first_of(&self, places: &Places) -> Option<Declared> {
        let Some(typed) = &self.typed else { return Some(places.first) };
        [places.first].iter().chain(&places.further).find(|(file, _)| *file != typed.file).copied()
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

/// A member of a config as a thing.
pub(crate) fn member_of(of: Type, config: &str, member: &Member) -> Thing {
    Thing::Member { of, config: config.to_owned(), kind: member.kind, name: member.name.clone() }
}
