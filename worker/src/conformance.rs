//! The scenarios that every library has to pass: `worker/conformance/*.json`, explained in its README.

use crate::boundary::SectionKind;
use crate::gate::{Gate, Overview};
use crate::layered::Layered;
use crate::section::Section;
use crate::view::View;
use conman_domain::Timestamp;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, Provenance, SnapshotParameter};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[expect(dead_code, reason = "for people")]
    about: String,
    #[serde(default)]
    refuse: Option<RefuseRule>,
    steps: Vec<Step>,
}

/// The program's check: refuses a configuration in which the parameter has the value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefuseRule {
    parameter: ParameterName,
    value: Value,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    Snapshot { version: u32, parameters: BTreeMap<ParameterName, SnapshotParameter> },
    Enter { section: String, kind: Kind },
    Leave { section: String },
    Heartbeat {},
    Expect(Expected),
    ExpectSection { section: String, version: u32, values: BTreeMap<ParameterName, Value> },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Position,
    DecisionCycle,
    Inference,
    Critical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    version: u32,
    values: BTreeMap<ParameterName, Value>,
    #[serde(default)]
    versions: BTreeMap<ParameterName, u32>,
    #[serde(default)]
    pending: BTreeMap<ParameterName, String>,
    #[serde(default)]
    restart_required: Vec<ParameterName>,
    #[serde(default)]
    refused: Option<(u32, String)>,
}

pub(crate) fn view_of(version: u32, parameters: BTreeMap<ParameterName, SnapshotParameter>) -> View {
    View {
        provenance: Provenance {
            release_tag: "r2026.03.21.1".parse().unwrap(),
            release_commit: "a".repeat(40).parse().unwrap(),
            tree_id: "b".repeat(40).parse().unwrap(),
            profile_revision: version,
            config_version: ConfigVersion(version),
        },
        activated_at: Timestamp::from_millis(version.into()),
        parameters: Layered::new(parameters),
        files: Layered::new(BTreeMap::new()),
        older: BTreeMap::new(),
        stale: false,
    }
}

pub(crate) fn values_of(view: &View) -> BTreeMap<ParameterName, Value> {
    view.parameters().map(|(name, parameter)| (name.clone(), parameter.value.clone())).collect()
}

fn play(scenario: Scenario, name: &str) {
    let (gate, _changes) = Gate::new();
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut refused: Option<(u32, String)> = None;
    for (number, step) in scenario.steps.into_iter().enumerate() {
        let at = format!("{name}, step {}", number + 1);
        match step {
            Step::Snapshot { version, parameters } => {
                let view = view_of(version, parameters);
                let rule = scenario.refuse.as_ref().filter(|rule| {
                    view.raw(&rule.parameter).is_some_and(|parameter| parameter.value == rule.value)
                });
                refused = rule.map(|rule| (version, rule.reason.clone()));
                if refused.is_none() {
                    gate.offer(Arc::new(view), None, Instant::now());
                }
            }
            Step::Enter { section, kind } => {
                let kind = match kind {
                    Kind::Position => SectionKind::Position,
                    Kind::DecisionCycle => SectionKind::DecisionCycle,
                    Kind::Inference => SectionKind::Inference,
                    Kind::Critical => SectionKind::Critical,
                };
                sections.insert(section, gate.enter(kind).unwrap());
            }
            Step::Leave { section } => drop(sections.remove(&section).unwrap()),
            Step::Heartbeat {} => gate.heartbeat(),
            Step::Expect(expected) => {
                let view = gate.view().unwrap();
                assert_eq!(view.version().0, expected.version, "{at}");
                assert_eq!(values_of(&view), expected.values, "{at}");
                let versions: BTreeMap<_, _> = expected
                    .values
                    .keys()
                    .map(|name| (name.clone(), view.version_of(name.as_str()).0))
                    .filter(|(_, version)| *version != expected.version)
                    .collect();
                assert_eq!(versions, expected.versions, "{at}");
                let Overview { pending, restart_required, forbidden_applications, .. } = gate.overview();
                let pending: BTreeMap<_, _> =
                    pending.into_iter().map(|p| (p.name, p.boundary.name().to_owned())).collect();
                assert_eq!(pending, expected.pending, "{at}");
                assert_eq!(restart_required, expected.restart_required, "{at}");
                assert_eq!(refused, expected.refused, "{at}");
                assert_eq!(forbidden_applications, 0, "{at}");
            }
            Step::ExpectSection { section, version, values } => {
                let section = &sections[&section];
                assert_eq!(section.version().0, version, "{at}");
                assert_eq!(values_of(section), values, "{at}");
            }
        }
    }
}

#[test]
fn every_scenario_plays_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            play(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")), &name);
            played += 1;
        }
    }
    assert!(played >= 8, "{played} scenarios");
}
