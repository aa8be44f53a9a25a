//! The gate against a plain model, over random sequences of what can happen to a worker.

use crate::boundary::{Boundary, SectionKind};
use crate::conformance::{values_of, view_of};
use crate::gate::Gate;
use conman_domain::catalog::Category;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::SnapshotParameter;
use conman_domain::value::ParameterType;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug, Clone)]
enum Step {
    /// Parameters by number, with value, category and whether they are hot reloadable.
    Snapshot(BTreeMap<u8, (u8, Option<Category>, bool)>),
    Enter(SectionKind),
    Leave(usize),
    Heartbeat,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let category = prop::option::of(prop::sample::select(vec![
        Category::Threshold,
        Category::FilterFlag,
        Category::Cooldown,
        Category::RiskLimit,
        Category::RiskLimit,
    ]));
    let parameters =
        prop::collection::btree_map(0_u8..5, (0_u8..3, category, prop::bool::weighted(0.8)), 0..5);
    let step = prop_oneof![
        4 => parameters.prop_map(Step::Snapshot),
        3 => prop::sample::select(SectionKind::ALL.to_vec()).prop_map(Step::Enter),
        4 => (0_usize..4).prop_map(Step::Leave),
        2 => Just(Step::Heartbeat),
    ];
    prop::collection::vec(step, 0..60)
}

type Parameters = BTreeMap<ParameterName, SnapshotParameter>;

fn declared(parameters: BTreeMap<u8, (u8, Option<Category>, bool)>) -> Parameters {
    parameters
        .into_iter()
        .map(|(name, (value, category, hot_reloadable))| {
            let parameter =
                SnapshotParameter { value: json!(value), kind: ParameterType::Int, category, hot_reloadable };
            (format!("p{name}").parse().unwrap(), parameter)
        })
        .collect()
}

/// What a worker has, one parameter at a time.
#[derive(Default)]
struct Model {
    applied: BTreeMap<ParameterName, Value>,
    /// The declarations in use: they say how a parameter that is gone leaves.
    declared: Parameters,
    version: u32,
    target: Parameters,
    target_version: u32,
    /// Whether a heartbeat still has to come, for the risk limits that met a position.
    needs_beat: BTreeMap<ParameterName, bool>,
}

impl Model {
    fn differing(&self) -> BTreeMap<ParameterName, Boundary> {
        let names: BTreeSet<_> = self.target.keys().chain(self.applied.keys()).cloned().collect();
        names
            .into_iter()
            .filter(|name| self.applied.get(name) != self.target.get(name).map(|p| &p.value))
            .map(|name| {
                let declaration = self.target.get(&name).unwrap_or_else(|| &self.declared[&name]);
                let boundary = Boundary::of(declaration);
                (name, boundary)
            })
            .collect()
    }

    fn settle(&mut self, open: &[SectionKind]) {
        let position = open.contains(&SectionKind::Position);
        let short = open.iter().any(|kind| *kind != SectionKind::Position);
        let differing = self.differing();
        self.needs_beat.retain(|name, _| differing.get(name) == Some(&Boundary::PositionClose));
        for (name, boundary) in &differing {
            if position && *boundary == Boundary::PositionClose {
                self.needs_beat.entry(name.clone()).or_insert(true);
            }
        }
        if short {
            return;
        }
        self.version = self.target_version;
        for (name, boundary) in differing {
            let waits = match boundary {
                Boundary::Restart => true,
                Boundary::PositionClose => position || self.needs_beat.get(&name).copied().unwrap_or(false),
                Boundary::DecisionCycleEnd => false,
            };
            if !waits {
                self.needs_beat.remove(&name);
                match self.target.get(&name) {
                    Some(parameter) => self.applied.insert(name, parameter.value.clone()),
                    None => self.applied.remove(&name),
                };
            }
        }
        let settled: Vec<ParameterName> = self
            .declared
            .keys()
            .chain(self.target.keys())
            .filter(|name| self.applied.get(*name) == self.target.get(*name).map(|p| &p.value))
            .cloned()
            .collect();
        for name in settled {
            match self.target.get(&name) {
                Some(parameter) => self.declared.insert(name, parameter.clone()),
                None => self.declared.remove(&name),
            };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_does_what_the_table_says(steps in steps()) {
        let (gate, _changes) = Gate::new();
        let mut model = Model::default();
        let mut sections = Vec::new();
        gate.offer(Arc::new(view_of(0, Parameters::new())), None, Instant::now());
        for step in steps {
            match step {
                Step::Snapshot(parameters) => {
                    let target = declared(parameters);
                    // Another value, or another fate, begins to wait anew.
                    let replaced = std::mem::replace(&mut model.target, target.clone());
                    model.needs_beat.retain(|name, _| {
                        replaced.get(name).map(|p| &p.value) == target.get(name).map(|p| &p.value)
                    });
                    model.target_version += 1;
                    gate.offer(Arc::new(view_of(model.target_version, target)), None, Instant::now());
                }
                Step::Enter(kind) => {
                    let section = gate.enter(kind).unwrap();
                    let read = (section.version(), values_of(&section));
                    prop_assert_eq!(&read.1, &model.applied);
                    sections.push((section, read));
                }
                Step::Leave(at) if at < sections.len() => drop(sections.remove(at)),
                Step::Leave(_) => {}
                Step::Heartbeat => {
                    model.needs_beat.values_mut().for_each(|needs| *needs = false);
                    gate.heartbeat();
                }
            }
            let open: Vec<SectionKind> = sections.iter().map(|(section, _)| section.kind()).collect();
            model.settle(&open);
            let view = gate.view().unwrap();
            prop_assert_eq!(values_of(&view), model.applied.clone());
            prop_assert_eq!(view.version().0, model.version);
            let overview = gate.overview();
            prop_assert_eq!(overview.forbidden_applications, 0);
            let (restart, pending): (Vec<_>, Vec<_>) =
                model.differing().into_iter().partition(|(_, boundary)| *boundary == Boundary::Restart);
            let reported: Vec<_> = overview.pending.into_iter().map(|p| (p.name, p.boundary)).collect();
            prop_assert_eq!(reported, pending);
            prop_assert_eq!(overview.restart_required, restart.into_iter().map(|(n, _)| n).collect::<Vec<_>>());
            for (section, read) in &sections {
                prop_assert_eq!(&(section.version(), values_of(section)), read);
            }
        }
    }
}

/// Versions stream in on one thread while others work in sections.
#[test]
fn no_section_sees_a_change_while_versions_stream_in() {
    let (gate, _changes) = Gate::new();
    let declare = |value: u32| -> Parameters {
        [("t", Category::Threshold), ("r", Category::RiskLimit)]
            .map(|(name, category)| {
                let parameter = SnapshotParameter {
                    value: json!(value),
                    kind: ParameterType::Int,
                    category: Some(category),
                    hot_reloadable: true,
                };
                (name.parse().unwrap(), parameter)
            })
            .into()
    };
    gate.offer(Arc::new(view_of(0, declare(0))), None, Instant::now());
    std::thread::scope(|scope| {
        for kind in [SectionKind::DecisionCycle, SectionKind::Inference, SectionKind::Critical] {
            let gate = &gate;
            scope.spawn(move || {
                for _ in 0..2_000 {
                    let section = gate.enter(kind).unwrap();
                    let before = section.parameter::<u32>("t");
                    std::thread::yield_now();
                    assert_eq!(gate.view().unwrap().parameter::<u32>("t"), before, "nothing was swapped");
                    assert_eq!(section.parameter::<u32>("t"), before);
                }
            });
        }
        scope.spawn(|| {
            for version in 1..=2_000 {
                gate.offer(Arc::new(view_of(version, declare(version))), None, Instant::now());
                gate.heartbeat();
            }
        });
    });
    assert_eq!(gate.view().unwrap().parameter::<u32>("r"), Ok(2_000));
    assert_eq!(gate.overview().forbidden_applications, 0);
}
