//! What an editor shows while somebody types.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it needs has failed")]

use conman_domain::RepoPath;
use conman_validation::{FileFacts, Model, Schemas, SuggestionKind};
use proptest::prelude::*;
use std::sync::Arc;

const PATIENT: &str = "type: entity\nname: patient\nfields:\n  - name: code\n    type: string\n  - name: born\n    type: date\n";
const SAMPLE: &str = "type: entity\nname: sample\nfields:\n  - name: barcode\n    type: string\nrelations:\n  - name: patient\n    kind: belongs_to\n    entity: patient\n";

fn tree(files: &[(&str, &str)]) -> Model {
    let schemas = Schemas::shipped();
    let facts =
        files.iter().map(|(path, text)| Arc::new(FileFacts::read(&at(path), text.as_bytes(), &schemas)));
    Model::link(facts)
}

fn lab() -> Model {
    tree(&[
        ("entities/patient.yml", PATIENT),
        ("entities/sample.yml", SAMPLE),
        ("tenants/lab.yml", "type: tenant\nname: lab\nroles: [pathologist, technologist]\n"),
        ("catalog/limits.yml", "parameters:\n  - name: warning_days\n    type: int\n    default: 3\n"),
        ("scripts/pages/sample.js", "x\n"),
    ])
}

fn at(path: &str) -> RepoPath {
    RepoPath::parse(path).unwrap()
}

/// The line and column of the bar, and the text without it.
fn cursor(text: &str) -> (String, (u32, u32)) {
    let before = text.split_once('|').expect("a bar stands for the cursor").0;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    (text.replace('|', ""), (line as u32, column as u32))
}

/// What is offered at the bar, with what each is.
fn offered_in(model: &Model, path: &str, text: &str) -> Vec<(String, SuggestionKind)> {
    let (text, place) = cursor(text);
    let suggestions = model.suggestions(&Schemas::shipped(), &at(path), &text, place);
    suggestions.into_iter().map(|suggestion| (suggestion.text, suggestion.kind)).collect()
}

fn names(text: &str) -> Vec<String> {
    let offered = offered_in(&lab(), "pages/sample.yml", text);
    offered.into_iter().filter(|(_, kind)| *kind == SuggestionKind::Name).map(|(text, _)| text).collect()
}

#[test]
fn names_are_those_that_the_validation_would_take() {
    assert_eq!(names("type: page\nname: sample\nentity: |\n"), ["patient", "sample"]);
    assert_eq!(names("type: page\nname: sample\nentity: sam|\n"), ["patient", "sample"]);
    assert_eq!(names("type: page\nname: s\nroles: [|]\n"), ["pathologist", "technologist"]);
    assert_eq!(names("type: page\nname: s\nparameters:\n  - |\n"), ["warning_days"]);
    assert_eq!(
        names("type: page\nname: s\nactions:\n  - name: a\n    when: param.|\n"),
        ["param.warning_days"]
    );
    // Of the entity that the page is about, also by way of its relations.
    assert_eq!(names("type: page\nname: s\nentity: sample\nfields:\n  - name: |\n"), ["barcode", "patient"]);
    assert_eq!(
        names("type: page\nname: s\nentity: sample\nfields:\n  - name: patient.|\n"),
        ["patient.born", "patient.code"]
    );
    // What the text itself declares counts as it is typed, not as it was saved.
    let page =
        "type: page\nname: s\ndata_sources:\n  - name: rows\n    entity: sample\nchart:\n  source: |\n";
    assert_eq!(names(page), ["rows"]);
}

#[test]
fn keys_and_values_are_those_of_the_schema() {
    let offered = |path: &str, text: &str| offered_in(&lab(), path, text);
    let keys = offered("pages/s.yml", "type: page\nname: s\nentity: sample\n|\n");
    assert!(keys.iter().all(|(_, kind)| *kind == SuggestionKind::Key), "{keys:?}");
    let keys: Vec<&str> = keys.iter().map(|(text, _)| text.as_str()).collect();
    assert!(keys.contains(&"sections") && keys.contains(&"route"), "{keys:?}");
    assert!(!keys.contains(&"entity"), "what stands there already is not offered: {keys:?}");
    // Within an item of a list, through a reference inside of the schema.
    let keys = offered("pages/s.yml", "type: page\nname: s\nsections:\n  - name: a\n    |\n");
    assert!(keys.contains(&("fields".to_owned(), SuggestionKind::Key)), "{keys:?}");
    let values = offered("pages/s.yml", "type: page\nname: s\nsort:\n  - field: code\n    direction: |\n");
    assert_eq!(values.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["asc", "desc"]);
    let types = offered("new.yml", "type: |\n");
    assert!(types.contains(&("workflow".to_owned(), SuggestionKind::Value)), "{types:?}");
}

#[test]
fn what_is_not_known_is_not_guessed() {
    for text in ["kind: Pod\nspec: |\n", "type: page\n\tname: |\n", "type: page\nx: [1, |\n", "|"] {
        let found = offered_in(&lab(), "deploy/pod.yml", text);
        assert!(found.iter().all(|(_, kind)| *kind != SuggestionKind::Name), "{text:?}: {found:?}");
    }
    assert_eq!(offered_in(&lab(), "notes.txt", "type: |"), []);
    let far = lab().suggestions(&Schemas::shipped(), &at("pages/s.yml"), "type: page\n", (9, 1));
    assert_eq!(far, []);
}

#[test]
fn what_stands_there_is_told() {
    let told = |path: &str, text: &str| {
        let (text, place) = cursor(text);
        lab().meaning(&Schemas::shipped(), &at(path), &text, place)
    };
    let entity = told("pages/s.yml", "type: page\nname: s\nentity: sam|ple\n").unwrap();
    assert_eq!(entity.title, "entity `sample`");
    assert_eq!(entity.declared, Some((at("entities/sample.yml"), 2)));
    assert_eq!((entity.line, entity.columns), (3, (9, 15)));
    let field =
        told("pages/s.yml", "type: page\nname: s\nentity: sample\nfields:\n  - name: patient.bo|rn\n");
    let field = field.unwrap();
    assert_eq!(field.title, "field `born` of entity `patient`");
    assert_eq!(field.declared, Some((at("entities/patient.yml"), 6)));
    let gone = told("pages/s.yml", "type: page\nname: s\nentity: |patent\n").unwrap();
    assert_eq!((gone.title.as_str(), gone.declared), ("entity `patent` is not there", None));
    let key = told("pages/s.yml", "type: page\nname: s\nsort:\n  - dir|ection: asc\n").unwrap();
    assert_eq!(key.title, "sort[].direction");
    assert_eq!(key.allowed.as_deref(), Some("`asc`, `desc`"));
    assert_eq!(told("pages/s.yml", "type: page\nname: s\nours: |1\n"), None);
    assert_eq!(told("pages/s.yml", "type: page\n|\n"), None);
}

#[test]
fn schemas_that_go_in_circles_end() {
    let schema = br##"{"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#"}],
        "properties": {"deep": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"}"##;
    let schemas = Schemas::of_app([(&at("schemas/page.json"), schema.as_slice())]);
    let (text, place) = cursor("type: page\nname: s\ndeep:\n  deep:\n    |\n");
    let found = lab().suggestions(&schemas, &at("pages/s.yml"), &text, place);
    assert!(found.iter().any(|suggestion| suggestion.text == "deep"), "{found:?}");
}

proptest! {
    /// Wherever the cursor is in whatever text, there is an answer.
    #[test]
    fn no_place_breaks_it(text in "[a-z:\\-\\[\\]{}&*!|>'\" \n\u{2038}é]{0,80}", line in 0_u32..6, column in 0_u32..40) {
        let whole = format!("type: page\nentity: sample\n{text}");
        let model = lab();
        for path in ["pages/s.yml", "pages/s.json"] {
            for text in [&text, &whole] {
                model.suggestions(&Schemas::shipped(), &at(path), text, (line, column));
                model.meaning(&Schemas::shipped(), &at(path), text, (line, column));
            }
        }
    }
}
