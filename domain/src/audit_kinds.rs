//! What the audit log may hold: for each kind of thing, what is done to it.

/// A kind of thing, as the audit log calls it, and what may be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditKind {
    /// What kind of thing, e.g. `changeset`.
    pub entity: &'static str,
    /// What may be done to it, e.g. `changeset.submitted`.
    pub actions: &'static [&'static str],
}

const fn kind(entity: &'static str, actions: &'static [&'static str]) -> AuditKind {
    AuditKind { entity, actions }
}

/// What happens in an app, in the order of the main job.
pub const AUDIT_KINDS: &[AuditKind] = &[
    kind(
        "workspace",
        &[
            "workspace.created",
            "workspace.files_edited",
            "workspace.checkpointed",
            "workspace.changed",
            "workspace.synced",
            "workspace.conflict_resolved",
            "workspace.sync_aborted",
            "workspace.reset",
        ],
    ),
    kind(
        "changeset",
        &[
            "changeset.created",
            "changeset.edited",
            "changeset.cloned",
            "changeset.submitted",
            "changeset.carried_over",
            "changeset.validation_failed",
            "changeset.in_review",
            "changeset.approved",
            "changeset.changes_requested",
            "changeset.rejected",
            "changeset.queued",
            "changeset.revalidated",
            "changeset.out_of_queue",
            "changeset.isolated",
            "changeset.moved_to_draft",
            "changeset.released",
        ],
    ),
    kind("comment", &["comment.written", "comment.edited", "comment.resolved"]),
    kind("queue", &["queue.reordered"]),
    kind(
        "release",
        &[
            "release.drafted",
            "release.members_changed",
            "release.notes_changed",
            "release.assembling",
            "release.composed",
            "release.returned_to_draft",
            "release.publish_requested",
            "release.publishing",
            "release.published",
            "release.deployed",
            "release.rolled_back",
        ],
    ),
    kind(
        "deployment",
        &[
            "deployment.requested",
            "deployment.approved",
            "deployment.canceled",
            "deployment.rollback_started",
            "deployment.started",
            "deployment.succeeded",
            "deployment.failed",
        ],
    ),
    kind(
        "parameter_draft",
        &[
            "parameters.saved",
            "parameters.activated",
            "parameters.failed",
            "draft.submitted",
            "draft.approved",
            "draft.rejected",
        ],
    ),
    kind("runtime_profile", &["runtime_profile.edited_directly", "runtime_profile.secret_revealed"]),
    kind("parameter_set", &["parameter_set.frozen"]),
    kind("run", &["run.registered", "run.ended"]),
    kind(
        "environment",
        &["environment.created", "environment.changed", "environment.removed", "environment.versions_passed"],
    ),
    kind(
        "freeze_window",
        &["freeze_window.added", "freeze_window.changed", "freeze_window.removed", "freeze.overridden"],
    ),
    kind("member", &["member.added", "member.role_changed", "member.removed"]),
    kind(
        "invite",
        &["invite.created", "invite.resent", "invite.asked_again", "invite.accepted", "invite.revoked"],
    ),
    kind("token", &["service_token.created", "token.revoked"]),
    kind("user", &["user.created"]),
    kind("job", &["job.cancel_requested"]),
    kind("app", &["app.created", "app.settings_changed"]),
];

/// What happens beside the apps, to accounts.
pub const SERVER_AUDIT_KINDS: &[AuditKind] = &[
    kind("token", &["setup_link.created", "token.created", "token.revoked"]),
    kind(
        "user",
        &[
            "user.created_first",
            "user.signed_in",
            "user.sign_in_failed",
            "user.signed_out",
            "user.updated",
            "user.password_changed",
            "user.reset_requested",
            "user.password_reset",
        ],
    ),
];

/// Whether the log may hold that this was done to such a thing: an action that nobody declared is found by no filter.
pub fn is_declared(entity: &str, action: &str) -> bool {
    AUDIT_KINDS
        .iter()
        .chain(SERVER_AUDIT_KINDS)
        .any(|kind| kind.entity == entity && kind.actions.contains(&action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_kind_stands_once_and_an_action_says_what_it_is_done_to() {
        let entities: BTreeSet<&str> = AUDIT_KINDS.iter().map(|kind| kind.entity).collect();
        assert_eq!(entities.len(), AUDIT_KINDS.len());
        let actions: Vec<&str> = AUDIT_KINDS.iter().flat_map(|kind| kind.actions).copied().collect();
        assert_eq!(actions.iter().collect::<BTreeSet<_>>().len(), actions.len());
        assert!(actions.iter().all(|action| action.split_once('.').is_some()));
    }

    #[test]
    fn an_action_is_declared_for_its_own_kind_of_thing_alone() {
        assert!(is_declared("parameter_draft", "draft.approved"));
        assert!(!is_declared("changeset", "draft.approved"));
        assert!(!is_declared("changeset", "changeset.painted"));
    }
}
