//! The fixture's own claims: everything parses, fits its schema, and resolves, at the start and after each commit.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read ends the test")]

use conman_domain::RepoPath;
use conman_domain::changeset::Finding;
use conman_validation::tree_findings;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/clinical-lab")
}

fn files() -> BTreeMap<RepoPath, Vec<u8>> {
    let root = fixture().join("files");
    let mut files = BTreeMap::new();
    let mut waiting = vec![root.clone()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                files.insert(RepoPath::parse(name).unwrap(), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn findings(files: &BTreeMap<RepoPath, Vec<u8>>) -> Vec<Finding> {
    tree_findings(files)
}

fn told(findings: &[Finding]) -> Vec<String> {
    let place = |f: &Finding| {
        let path = f.path.as_ref().map_or("", |path| path.as_str());
        format!("{path}:{}:{}", f.line.unwrap_or(0), f.column.unwrap_or(0))
    };
    let hint = |f: &Finding| f.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
    findings
        .iter()
        .map(|f| format!("{} {:?} {}: {}{}", place(f), f.severity, f.rule, f.message, hint(f)))
        .collect()
}

/// Replaces a text in a file; fails if it is not there.
fn edit(files: &mut BTreeMap<RepoPath, Vec<u8>>, path: &str, from: &str, to: &str) {
    let bytes = files.get_mut(&RepoPath::parse(path).unwrap()).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(from), "{path} has no `{from}`");
    *bytes = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn the_first_tree_has_nothing_wrong() {
    let files = files();
    assert!(files.len() > 150);
    assert_eq!(told(&findings(&files)), Vec::<String>::new());
}

#[test]
fn the_tree_after_its_history_has_nothing_wrong() {
    let scenario: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixture().join("scenario.json")).unwrap()).unwrap();
    let mut files = files();
    let mut commits = 0;
    for commit in scenario["history"].as_array().unwrap() {
        apply(&mut files, commit);
        commits += 1;
        assert_eq!(told(&findings(&files)), Vec::<String>::new(), "{}", commit["message"]);
    }
    assert!(commits > 5);
    for changeset in scenario["changesets"].as_array().unwrap() {
        let mut files = files.clone();
        apply(&mut files, changeset);
        assert_eq!(told(&findings(&files)), Vec::<String>::new(), "{}", changeset["key"]);
    }
}

fn apply(files: &mut BTreeMap<RepoPath, Vec<u8>>, step: &serde_json::Value) {
    let path = |text: &str| RepoPath::parse(text).unwrap();
    for (from, to) in step["moves"].as_object().into_iter().flatten() {
        let bytes = files.remove(&path(from)).unwrap();
        files.insert(path(to.as_str().unwrap()), bytes);
    }
    for gone in step["deletes"].as_array().into_iter().flatten() {
        files.remove(&path(gone.as_str().unwrap())).unwrap();
    }
    for (written, source) in step["writes"].as_object().into_iter().flatten() {
        match source.as_str() {
            Some(source) => {
                files.insert(path(written), std::fs::read(fixture().join(source)).unwrap());
            }
            None => {
                files.remove(&path(written));
            }
        }
    }
}

#[test]
fn each_kind_of_mistake_is_told_with_its_place_and_a_way_out() {
    let cases = [
        (
            "pages/results/result-entry.yml",
            "name: value_numeric",
            "name: value_numerc",
            "pages/results/result-entry.yml:18:11 Error reference: `fields[name=value_numerc]` refers to field \
             `value_numerc` of entity `result`, which is not there (did you mean `value_numeric`?)",
        ),
        (
            "queues/calibrations-due.yml",
            "transition: start",
            "transition: begin",
            "queues/calibrations-due.yml:17:55 Error reference: `actions[name=start].transition` refers to transition \
             `begin` of workflow `calibration`, which is not there",
        ),
        (
            "workflows/calibration.yml",
            "initial: scheduled",
            "initial: planned",
            "workflows/calibration.yml:5:10 Error reference: `initial` refers to state `planned` of workflow \
             `calibration`, which is not there",
        ),
        (
            "entities/result.yml",
            "type: bool\n    required: true",
            "type: bool\n    required: yes please",
            "entities/result.yml:39:15 Error schema: `fields[name=auto_verified].required` must be `true` or `false`, \
             and is the text `yes please` (Whether every record has a value)",
        ),
        (
            "queues/calibrations-due.yml",
            "direction: asc",
            "direction: up",
            "queues/calibrations-due.yml:15:35 Error schema: `sort[0].direction` must be one of `asc`, `desc`, and is \
             `up` (`asc` or `desc`)",
        ),
        (
            "menus/administration.yml",
            "page: staff-list",
            "page: staf-list",
            "menus/administration.yml:10:15 Error reference: `groups[name=people].items[name=staff].page` refers to page \
             `staf-list`, which is not there (did you mean `staff-list`?)",
        ),
        (
            "tenants/training.yml",
            "time_zone:",
            "time_zome:",
            "tenants/training.yml:7:1 Warning unknown_key: `time_zome` is not a key that means something here (did you \
             mean `time_zone`?)",
        ),
        (
            "catalog/inventory.yml",
            "default: 14d",
            "default: 14 days",
            "catalog/inventory.yml:2:5 Error catalog: parameter `reagent_expiry_warning`: its default is refused: a \
             duration is expected, e.g. 30s, 15m, 4h or 2d",
        ),
        (
            "entities/aliquot.yml",
            "name: aliquot",
            "name: result",
            "entities/result.yml:2:7 Error duplicate_name: entity `result` is declared already, in \
             `entities/aliquot.yml`, line 2 (give one of the two another name)",
        ),
    ];
    let wrong: Vec<String> = cases
        .into_iter()
        .filter_map(|(path, from, to, expected)| {
            let mut files = files();
            edit(&mut files, path, from, to);
            let told = told(&findings(&files));
            let is_told = told.iter().any(|line| line == expected);
            (!is_told).then(|| format!("expected\n  {expected}\nof\n  {}", told.join("\n  ")))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn an_app_replaces_a_schema_and_a_bad_one_is_told() {
    let path = |text: &str| RepoPath::parse(text).unwrap();
    let page = ("pages/a.yml", "type: page\nname: a\nroute: b\n");
    let check = |schema: Option<(&str, &str)>| {
        let files = [Some(page), schema].into_iter().flatten();
        let files = files.map(|(name, text)| (path(name), text.as_bytes().to_vec())).collect();
        told(&findings(&files))
    };
    assert_eq!(
        check(None),
        [
            "pages/a.yml:3:8 Error schema: `route` is `b`, which does not match `^/` (The path in the address, which begins with `/`)"
        ]
    );
    assert_eq!(check(Some(("schemas/page.yml", "type: object\n"))), Vec::<String>::new());
    let own = "{\"required\": [\"owner\"]}";
    assert_eq!(
        check(Some(("schemas/page.json", own))),
        ["pages/a.yml:1:1 Error schema: the file has no `owner`"]
    );
    // One that is none is told, and the shipped one stays.
    let told = check(Some(("schemas/page.json", "{\"type\": \"thing\"}")));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[1].starts_with("schemas/page.json:0:0 Error schema_file: this is no JSON schema: "),
        "{told:?}"
    );
    for foreign in ["http://127.0.0.1:1/x", "file:///etc/passwd", "#/nowhere"] {
        let told = check(Some(("schemas/page.json", &format!("{{\"$ref\": \"{foreign}\"}}"))));
        assert!(told[1].contains("it must be a pointer into this file"), "{told:?}");
    }
    // A pattern that hangs others, and a schema that refers to itself.
    let slow = "{\"properties\": {\"name\": {\"pattern\": \"^(a+)+$\"}}}";
    assert!(check(Some(("schemas/page.json", slow))).is_empty());
    let endless = check(Some(("schemas/page.json", "{\"$ref\": \"#\"}")));
    assert!(endless[0].contains("refers to itself without an end"), "{endless:?}");
}

#[test]
fn hostile_files_are_answered_quickly() {
    let started = spent();
    let deep =
        |open: &str, close: &str| format!("type: menu\nitems: {}1{}\n", open.repeat(120), close.repeat(120));
    let long = "x".repeat(200_000);
    let wide: String = (0..200_000).map(|n| format!("  - {{name: f{n}, type: string}}\n")).collect();
    let long_key = format!("type: page\nentity: e\nsort:\n  - {long}: {{field: {long}}}\nfields: [{long}]\n");
    let partials = "type: entity\nname: a\npartials: [a, b, c]\n";
    let texts = [
        deep("{items: [", "]}"),
        deep("[", "]"),
        format!("type: entity\nname: e\nfields:\n{wide}"),
        format!("type: page\nname: p\nentity: e\nfields:\n{wide}"),
        long_key,
        format!("type: {long}\nname: {long}\nentity: {long}\n"),
        "type: page\nentity: {a: b}\nfields: {a: [1]}\nroles: 1\nsort: 3\n".to_owned(),
        "type: entity\nfields: &f\n  - *f\n".to_owned(),
        "type: workflow\nstates: [[[]]]\ntransitions: {a: {from: [[]], to: {}}}\n".to_owned(),
        partials.to_owned(),
        partials.replace("name: a", "name: b"),
        "- type: page\n- 1\n".to_owned(),
        "type: page\n---\ntype: page\n".to_owned(),
        "\u{feff}type: \"page\"\r\nname: \u{202e}x\r\nentity: \"a\\u0000b\"\r\n".to_owned(),
    ];
    let files = texts
        .iter()
        .enumerate()
        .map(|(n, text)| (RepoPath::parse(&format!("pages/{n}.yml")).unwrap(), text.as_bytes().to_vec()));
    let findings = findings(&files.collect());
    assert!(!findings.is_empty());
    for finding in &findings {
        assert!(finding.message.len() < 2_000, "{} characters", finding.message.len());
        assert!(!finding.message.contains(['\n', '\0']), "{finding:?}");
    }
    let took = spent().saturating_sub(started);
    assert!(took.as_secs() < 40, "{took:?} of the processor's time");
}

/// The processor's time that this thread has used: what runs beside costs nothing.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
