//! The audit log against the states: each state was entered by an event, each event entered a state, step by step.

use std::collections::BTreeMap;

use anyhow::Result;
use conman_domain::audit::AuditEvent;
use serde_json::Value;

use super::{Findings, Records};

/// What a kind of thing says of itself in its events.
struct Machine {
    entity: &'static str,
    /// The state that an event enters, as far as it enters one; `None` for an action that is not known.
    enters: fn(&AuditEvent) -> Option<Entered>,
    /// Which states may follow which.
    follows: &'static [(&'static str, &'static [&'static str])],
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entered {
    State(String),
    None,
}

const CHANGESET: Machine = Machine {
    entity: "changeset",
    enters: changeset_state,
    follows: &[
        ("", &["draft"]),
        ("draft", &["submitted"]),
        ("submitted", &["submitted", "in_review"]),
        ("in_review", &["in_review", "submitted", "approved"]),
        ("approved", &["approved", "queued", "submitted", "draft"]),
        ("queued", &["released", "conflicted", "needs_revalidation"]),
        ("conflicted", &["draft"]),
        ("needs_revalidation", &["draft"]),
    ],
};

const RELEASE: Machine = Machine {
    entity: "release",
    enters: release_state,
    follows: &[
        ("", &["draft_release"]),
        ("draft_release", &["draft_release", "assembling"]),
        ("assembling", &["validated", "draft_release"]),
        ("validated", &["assembling", "publishing", "draft_release"]),
        ("publishing", &["published"]),
        ("published", &["deployed_partial", "deployed_full"]),
        ("deployed_partial", &["deployed_partial", "deployed_full", "rolled_back"]),
        ("deployed_full", &["deployed_partial", "deployed_full", "rolled_back"]),
        ("rolled_back", &["deployed_partial", "deployed_full", "rolled_back"]),
    ],
};

const DEPLOYMENT: Machine = Machine {
    entity: "deployment",
    enters: deployment_state,
    follows: &[
        ("", &["pending"]),
        ("pending", &["running", "failed", "canceled"]),
        ("running", &["succeeded", "failed"]),
    ],
};

const DRAFT: Machine = Machine {
    entity: "parameter_draft",
    enters: after,
    follows: &[
        ("", &["pending_approval", "approved"]),
        ("pending_approval", &["approved", "rejected"]),
        ("approved", &["active"]),
    ],
};

pub(super) fn check(records: &Records, findings: &mut Findings) -> Result<()> {
    // The audit log names keys and files; what they hold stands with the changeset alone.
    let changesets = records
        .changesets
        .iter()
        .map(|c| (c.id.to_string(), serde_json::to_value(c.status.without_values())));
    let releases = records.releases.iter().map(|(r, _)| (r.id.to_string(), serde_json::to_value(&r.status)));
    let deployments = records.deployments.iter().map(|d| (d.id.to_string(), serde_json::to_value(&d.status)));
    let drafts = records.drafts.iter().map(|d| (d.id.to_string(), serde_json::to_value(&d.status)));
    let mut state_of = BTreeMap::new();
    for (machine, statuses) in [
        (CHANGESET, changesets.collect::<Vec<_>>()),
        (RELEASE, releases.collect()),
        (DEPLOYMENT, deployments.collect()),
        (DRAFT, drafts.collect()),
    ] {
        state_of.clear();
        for (id, status) in statuses {
            state_of.insert(id, status?);
        }
        check_machine(&machine, &state_of, records, findings);
    }
    Ok(())
}

fn check_machine(
    machine: &Machine,
    now: &BTreeMap<String, Value>,
    records: &Records,
    findings: &mut Findings,
) {
    let mut told: BTreeMap<&str, Vec<&AuditEvent>> = BTreeMap::new();
    let of_machine = records.events.iter().filter(|event| event.entity == machine.entity);
    for event in of_machine {
        told.entry(&event.entity_id).or_default().push(event);
    }
    for id in told.keys().filter(|id| !now.contains_key(**id)) {
        findings
            .check(false, || format!("the audit log tells of a {} that is not there: {id}", machine.entity));
    }
    for (id, status) in now {
        let mut events = told.remove(id.as_str()).unwrap_or_default();
        // Events of one millisecond are in the order in which they were made.
        events.sort_by_key(|event| (event.happened_at, event.id.uuid()));
        let mut state = String::new();
        for event in &events {
            let next = match (machine.enters)(event) {
                Some(Entered::State(next)) => next,
                Some(Entered::None) => continue,
                None => {
                    findings.check(false, || format!("an action that no state knows: {event:?}"));
                    continue;
                }
            };
            let before = event.before.as_ref().and_then(state_in);
            findings.check(before.as_ref().is_none_or(|before| *before == state), || {
                format!("{} {id}: an event leaves {before:?}, which was {state}: {event:?}", machine.entity)
            });
            let may = machine.follows.iter().find(|(from, _)| *from == state).map_or(&[][..], |(_, to)| to);
            findings.check(may.contains(&next.as_str()), || {
                let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
                format!("{} {id} went from `{state}` to `{next}`: {actions:?}", machine.entity)
            });
            state = next;
        }
        let present = status["state"].as_str().unwrap_or_default();
        let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
        let what = format!("what the audit log last says of the {} {id} ({actions:?})", machine.entity);
        findings.same(&what, state.as_str(), present);
        let last = events.iter().rev().find_map(|event| event.after.as_ref()?.get("status"));
        if let Some(last) = last {
            findings.same(&format!("{what}, in full"), last, status);
        }
    }
}

/// The state in what an event says of before or after.
fn state_in(value: &Value) -> Option<String> {
    let state = value.pointer("/status/state").or_else(|| value.get("state"))?;
    state.as_str().map(str::to_owned)
}

fn after(event: &AuditEvent) -> Option<Entered> {
    event.after.as_ref().and_then(state_in).map(Entered::State)
}

fn entered(state: &str) -> Option<Entered> {
    Some(Entered::State(state.to_owned()))
}

fn changeset_state(event: &AuditEvent) -> Option<Entered> {
    match event.action.as_str() {
        "changeset.created" => entered("draft"),
        "changeset.edited" => Some(Entered::None),
        _ => after(event),
    }
}

fn release_state(event: &AuditEvent) -> Option<Entered> {
    match event.action.as_str() {
        "release.drafted" | "release.members_changed" => entered("draft_release"),
        "release.assembling" => entered("assembling"),
        "release.publishing" => entered("publishing"),
        "release.publish_requested" | "release.notes_changed" => Some(Entered::None),
        _ => after(event),
    }
}

fn deployment_state(event: &AuditEvent) -> Option<Entered> {
    match event.action.as_str() {
        "deployment.requested" => entered("pending"),
        "deployment.approved" => Some(Entered::None),
        _ => after(event),
    }
}
