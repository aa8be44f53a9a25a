//! What a change breaks, told by the places that refer to it.

#![expect(clippy::unwrap_used, reason = "a path of a test that is none ends it")]

use conman_domain::RepoPath;
use conman_validation::{FileFacts, Impact, ImpactSeverity, Model, Schemas, impacts};
use semantic_diff::{FilePair, diff, pair_renames};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Tree = BTreeMap<&'static str, String>;

const PATIENT: &str = "type: entity\nname: patient\npartials: [address]\nfields:\n  - name: mrn\n    type: string\n  - \
                       name: email\n    type: string\n    label: Mail\n";
const ADDRESS: &str = "type: entity\nname: address\nfields:\n  - name: city\n    type: string\n";
const PAGE: &str =
    "type: page\nname: patient\nentity: patient\nfields:\n  - name: mrn\n  - name: email\n  - name: city\n";
const QUEUE: &str = "type: queue\nname: patients\nentity: patient\ncolumns:\n  - name: email\nactions:\n  - {name: open, \
                     page: patient}\n";
const WORKFLOW: &str = "type: workflow\nname: intake\nentity: patient\ninitial: new\nstates:\n  - name: new\n  - name: \
                        done\ntransitions:\n  - {name: finish, from: new, to: done}\n";
const MENU: &str =
    "type: menu\nname: main\nitems:\n  - {name: p, page: patient}\n  - {name: q, queue: patients}\n";

fn tree() -> Tree {
    let files = [
        ("entities/patient.yml", PATIENT),
        ("entities/address.yml", ADDRESS),
        ("pages/patient.yml", PAGE),
        ("queues/patients.yml", QUEUE),
        ("workflows/intake.yml", WORKFLOW),
        ("menus/main.yml", MENU),
    ];
    files.into_iter().map(|(path, text)| (path, text.to_owned())).collect()
}

fn model(tree: &Tree) -> Model {
    let schemas = Schemas::shipped();
    Model::link(tree.iter().map(|(path, text)| {
        Arc::new(FileFacts::read(&RepoPath::parse(path).unwrap(), text.as_bytes(), &schemas))
    }))
}

fn of(base: &Tree, head: &Tree) -> Vec<Impact> {
    let only = |of: &Tree, other: &Tree| -> Vec<(&'static str, Vec<u8>)> {
        of.iter()
            .filter(|(path, _)| !other.contains_key(*path))
            .map(|(path, text)| (*path, text.clone().into_bytes()))
            .collect()
    };
    let (gone, new) = (only(base, head), only(head, base));
    let borrowed = |files: &[(&'static str, Vec<u8>)]| -> Vec<(&str, Vec<u8>)> { files.to_vec() };
    let (gone_files, new_files) = (borrowed(&gone), borrowed(&new));
    let renames = pair_renames(
        &gone_files.iter().map(|(p, b)| (*p, b.as_slice())).collect::<Vec<_>>(),
        &new_files.iter().map(|(p, b)| (*p, b.as_slice())).collect::<Vec<_>>(),
    );
    let renamed: BTreeMap<&str, &str> =
        renames.into_iter().map(|(from, to)| (new_files[to].0, gone_files[from].0)).collect();
    let sources: BTreeSet<&str> = renamed.values().copied().collect();
    let paths: BTreeSet<&str> = base.keys().chain(head.keys()).copied().collect();
    let pairs: Vec<FilePair<'_>> = paths
        .iter()
        .filter(|path| !sources.contains(*path))
        .filter(|path| base.get(*path) != head.get(*path))
        .map(|path| {
            let old_path = renamed.get(path).copied();
            FilePair {
                path,
                old_path,
                old: base.get(old_path.unwrap_or(path)).map(String::as_bytes),
                new: head.get(path).map(String::as_bytes),
            }
        })
        .collect();
    impacts(&model(base), &model(head), &diff("base", "head", &pairs).changes)
}

fn told(impacts: &[Impact]) -> Vec<String> {
    impacts
        .iter()
        .map(|impact| {
            let places: Vec<String> = impact
                .places
                .iter()
                .map(|place| format!("{}:{}{}", place.path, place.line, if place.broken { "!" } else { "" }))
                .collect();
            format!("{:?} {} [{}]", impact.severity, impact.subject, places.join(" "))
        })
        .collect()
}

fn edited(path: &str, from: &str, to: &str) -> Vec<String> {
    let base = tree();
    let mut head = base.clone();
    let text = head.get_mut(path).unwrap();
    assert!(text.contains(from), "{path} has no `{from}`");
    *text = text.replace(from, to);
    told(&of(&base, &head))
}

#[test]
fn nothing_that_the_tree_had_is_broken() {
    assert_eq!(model(&tree()).findings(), []);
}

#[test]
fn a_removed_field_breaks_what_shows_it() {
    assert_eq!(
        edited("entities/patient.yml", "  - name: email\n    type: string\n    label: Mail\n", ""),
        ["Critical field `email` of entity `patient` [pages/patient.yml:6! queues/patients.yml:5!]"]
    );
    let impacts = {
        let (base, mut head) = (tree(), tree());
        head.insert("entities/address.yml", "type: entity\nname: address\nfields: []\n".to_owned());
        of(&base, &head)
    };
    // By way of the entity that has the partial.
    assert_eq!(told(&impacts), ["Critical field `city` of entity `address` [pages/patient.yml:7!]"]);
    assert_eq!(
        impacts[0].description,
        "field `city` of entity `address` is not there any more, and 1 place refers to it, such as \
         `fields[name=city]` in `pages/patient.yml`"
    );
}

#[test]
fn a_renamed_one_breaks_it_too() {
    assert_eq!(
        edited("entities/patient.yml", "name: email", "name: mail"),
        ["Critical field `email` of entity `patient` [pages/patient.yml:6! queues/patients.yml:5!]"]
    );
    assert_eq!(
        edited("workflows/intake.yml", "  - name: done", "  - name: finished"),
        ["Critical state `done` of workflow `intake` [workflows/intake.yml:9!]"]
    );
}

#[test]
fn what_behaves_otherwise_is_a_warning_and_what_looks_otherwise_is_told() {
    assert_eq!(
        edited("entities/patient.yml", "email\n    type: string", "email\n    type: text"),
        ["Warning field `email` of entity `patient` [pages/patient.yml:6 queues/patients.yml:5]"]
    );
    assert_eq!(
        edited("entities/patient.yml", "label: Mail", "label: E-mail"),
        ["Info field `email` of entity `patient` [pages/patient.yml:6 queues/patients.yml:5]"]
    );
    // Nobody refers to what is new, and to comments.
    assert_eq!(
        edited("entities/address.yml", "fields:\n", "fields:\n  # where\n  - name: zip\n    type: string\n"),
        Vec::<String>::new()
    );
}

#[test]
fn a_removed_file_breaks_what_leads_to_it() {
    let (base, mut head) = (tree(), tree());
    head.remove("pages/patient.yml");
    assert_eq!(
        told(&of(&base, &head)),
        ["Critical page `patient` [menus/main.yml:4! queues/patients.yml:7!]"]
    );
}

#[test]
fn a_moved_file_breaks_nothing_that_goes_by_its_name() {
    let (base, mut head) = (tree(), tree());
    let page = head.remove("pages/patient.yml").unwrap();
    head.insert("pages/people/patient.yml", page);
    let impacts = of(&base, &head);
    assert!(impacts.iter().all(|impact| impact.severity == ImpactSeverity::Info), "{:?}", told(&impacts));
}

#[test]
fn who_mends_what_refers_to_it_breaks_nothing() {
    let (base, mut head) = (tree(), tree());
    for text in head.values_mut() {
        *text = text.replace("name: email", "name: mail");
    }
    let impacts = of(&base, &head);
    assert!(impacts.iter().all(|impact| impact.severity != ImpactSeverity::Critical), "{:?}", told(&impacts));
}
