//! The collections of the workflow: for each type that is kept, where, and by which indexes it is found.
//!
//! A query names one of these indexes, so every query of the product is served by one of the lines below.

use crate::{Collection, Document, Index};
use conman_domain::access::{Invite, Membership, Session, Token, User};
use conman_domain::app::App;
use conman_domain::audit::AuditEvent;
use conman_domain::changeset::{
    Changeset, ChangesetStatus, Comment, CommentRevision, Review, RevisionRecord,
};
use conman_domain::deployment::{Deployment, DeploymentStatus};
use conman_domain::draft::ParameterDraft;
use conman_domain::environment::Environment;
use conman_domain::freeze::FreezeWindow;
use conman_domain::job::{Job, JobLog, Work};
use conman_domain::mail::Mail;
use conman_domain::profile::{ProfileRevision, RuntimeProfile};
use conman_domain::release::{Release, ReleaseMember};
use conman_domain::secret::{ProfileKey, SealedSecret};
use conman_domain::workspace::Workspace;

macro_rules! collections {
    ($($collection:ident = $name:literal for $type:ty, id $id:expr, {
        $($(#[$doc:meta])* $index:ident = $definition:expr;)*
    })*) => {
        $(
            $($(#[$doc])* pub static $index: Index = $definition;)*
            /// The collection of this name.
            pub static $collection: Collection = Collection::new($name, &[$($definition),*]);

            impl Document for $type {
                const COLLECTION: &'static Collection = &$collection;

                fn id(&self) -> String {
                    let id: fn(&$type) -> String = $id;
                    id(self)
                }
            }
        )*

        /// All collections declared here.
        pub static ALL: &[&Collection] = &[$(&$collection),*];
    };
}

collections! {
    USERS = "users" for User, id |u| u.id.to_string(), {
        /// One account per address.
        USER_BY_EMAIL = Index::on("by_email", &["email"]).unique();
        /// One account per handle.
        USER_BY_HANDLE = Index::on("by_handle", &["handle"]).unique();
    }
    SESSIONS = "sessions" for Session, id |s| s.id.as_str().to_owned(), {
        /// An account's sessions.
        SESSION_BY_USER = Index::on("by_user", &["user_id", "expires_at"]);
        /// Sessions by the instant at which they end.
        SESSION_BY_EXPIRY = Index::on("by_expiry", &["expires_at"]);
    }
    TOKENS = "tokens" for Token, id |t| t.id.to_string(), {
        /// The token that somebody shows.
        TOKEN_BY_HASH = Index::on("by_hash", &["token_hash"]).unique();
        /// An account's personal tokens and reset links.
        TOKEN_BY_USER = Index::on("by_user", &["purpose.user_id", "purpose.kind", "created_at"]);
        /// An app's service tokens.
        TOKEN_BY_APP = Index::on("by_app", &["purpose.app_id", "created_at"]);
        /// All of a kind.
        TOKEN_BY_KIND = Index::on("by_kind", &["purpose.kind", "created_at"]);
    }
    APPS = "apps" for App, id |a| a.id.to_string(), {
        /// One app per short name; also the order of lists.
        APP_BY_SLUG = Index::on("by_slug", &["slug"]).unique();
    }
    APP_MEMBERSHIPS = "app_memberships" for Membership, id |m| m.id.to_string(), {
        /// One membership per account and app; an app's members.
        MEMBERSHIP_BY_APP_AND_USER = Index::on("by_app_and_user", &["app_id", "user_id"]).unique();
        /// An account's memberships.
        MEMBERSHIP_BY_USER = Index::on("by_user", &["user_id", "created_at"]);
        /// An app's members by role.
        MEMBERSHIP_BY_APP_AND_ROLE = Index::on("by_app_and_role", &["app_id", "role", "created_at"]);
    }
    INVITES = "invites" for Invite, id |i| i.id.to_string(), {
        /// The invite that a mailed link names.
        INVITE_BY_HASH = Index::on("by_hash", &["token_hash"]).unique();
        /// An app's invites.
        INVITE_BY_APP = Index::on("by_app", &["app_id", "created_at"]);
        /// Pending invites by app and end.
        INVITE_BY_END = Index::on("by_end", &["app_id", "expires_at"]).only_where("status.state", &["pending"]);
        /// One pending invite per address and app.
        INVITE_PENDING = Index::on("pending", &["app_id", "email"]).unique().only_where("status.state", &["pending"]);
    }
    WORKSPACES = "workspaces" for Workspace, id |w| w.id.to_string(), {
        /// An account's workspaces in an app, the default one first.
        WORKSPACE_BY_OWNER = Index::on("by_owner", &["app_id", "user_id", "number"]).unique();
    }
    CHANGESETS = "changesets" for Changeset, id |c| c.id.to_string(), {
        /// An app's changesets by number.
        CHANGESET_BY_NUMBER = Index::on("by_number", &["app_id", "number"]).unique();
        /// An app's changesets in a state.
        CHANGESET_BY_STATE = Index::on("by_state", &["app_id", "status.state", "number"]);
        /// An author's changesets.
        CHANGESET_BY_AUTHOR = Index::on("by_author", &["app_id", "author_id", "number"]);
        /// The queue, in order.
        CHANGESET_QUEUE = Index::on("queue", &["app_id", "status.position"]).only_where("status.state", &["queued"]);
        /// Changesets that wait for reviewers, by app and time.
        CHANGESET_IN_REVIEW = Index::on("in_review", &["app_id", "updated_at"]).only_where("status.state", &["in_review"]);
        /// Changesets that wait to be queued, by app and time.
        CHANGESET_APPROVED = Index::on("approved", &["app_id", "updated_at"]).only_where("status.state", &["approved"]);
        /// An author's changesets of all apps that wait for their author, by time.
        CHANGESET_OF_AUTHOR = Index::on("of_author", &["author_id", "updated_at"]).only_where("status.state", &ChangesetStatus::WITH_AUTHOR);
        /// A workspace's changesets.
        CHANGESET_BY_WORKSPACE = Index::on("by_workspace", &["workspace_id", "number"]);
        /// One open changeset per workspace.
        CHANGESET_OPEN = Index::on("open", &["workspace_id"]).unique().only_where("status.state", &ChangesetStatus::OPEN);
    }
    CHANGESET_REVISIONS = "changeset_revisions" for RevisionRecord, id |r| revision_id(r.changeset_id, r.revision.number), {
        /// A changeset's revisions.
        REVISION_BY_CHANGESET = Index::on("by_changeset", &["changeset_id", "number"]).unique();
    }
    CHANGESET_REVIEWS = "changeset_reviews" for Review, id |r| r.id.to_string(), {
        /// One decision per person and revision.
        REVIEW_BY_REVIEWER = Index::on("by_reviewer", &["changeset_id", "revision", "reviewer_id"]).unique();
        /// A changeset's decisions.
        REVIEW_BY_CHANGESET = Index::on("by_changeset", &["changeset_id", "decided_at"]);
    }
    CHANGESET_COMMENTS = "changeset_comments" for Comment, id |c| c.id.to_string(), {
        /// A changeset's comments in order.
        COMMENT_BY_CHANGESET = Index::on("by_changeset", &["changeset_id", "created_at"]);
    }
    CHANGESET_COMMENT_REVISIONS = "changeset_comment_revisions" for CommentRevision, id |r| format!("{}:{}", r.comment_id, r.revision), {
        /// A comment's earlier texts.
        COMMENT_REVISION_BY_COMMENT = Index::on("by_comment", &["comment_id", "revision"]).unique();
    }
    RELEASE_BATCHES = "release_batches" for Release, id |r| r.id.to_string(), {
        /// An app's releases by time.
        RELEASE_BY_APP = Index::on("by_app", &["app_id", "created_at"]);
        /// An app's releases in a state.
        RELEASE_BY_STATE = Index::on("by_state", &["app_id", "status.state", "created_at"]);
        /// Releases that are not published yet, by app and time.
        RELEASE_UNPUBLISHED = Index::on("unpublished", &["app_id", "updated_at"]).only_where("status.state", &["draft_release", "validated"]);
        /// One release per tag.
        RELEASE_BY_TAG = Index::on("by_tag", &["app_id", "status.tag"]).unique();
        /// Releases whose publishing is decided and not finished, of all apps.
        RELEASE_PUBLISHING = Index::on("publishing", &["status.published_at"]).only_where("status.state", &["publishing"]);
        /// One publishing release per app at a time.
        RELEASE_PUBLISHING_BY_APP = Index::on("publishing_by_app", &["app_id"]).unique().only_where("status.state", &["publishing"]);
    }
    RELEASE_CHANGESETS = "release_changesets" for ReleaseMember, id |m| release_member_id(m.release_id, m.changeset_id), {
        /// A release's members in order.
        MEMBER_BY_RELEASE = Index::on("by_release", &["release_id", "position"]);
        /// One release at a time holds a changeset.
        MEMBER_HELD = Index::on("held", &["changeset_id"]).unique().only_where("hold", &["held"]);
    }
    ENVIRONMENTS = "environments" for Environment, id |e| e.id.to_string(), {
        /// One environment per name and app.
        ENVIRONMENT_BY_NAME = Index::on("by_name", &["app_id", "name"]).unique();
        /// An app's pipeline in order.
        ENVIRONMENT_BY_POSITION = Index::on("by_position", &["app_id", "position"]);
        /// Environments of all apps that go back by themselves.
        ENVIRONMENT_BY_ROLLBACK = Index::on("by_rollback", &["rollback_when_refused_by"]);
    }
    RUNTIME_PROFILES = "runtime_profiles" for RuntimeProfile, id |p| p.id.to_string(), {
        /// One profile per name and app.
        PROFILE_BY_NAME = Index::on("by_name", &["app_id", "name"]).unique();
    }
    RUNTIME_PROFILE_REVISIONS = "runtime_profile_revisions" for ProfileRevision, id |r| profile_revision_id(r.profile_id, r.revision), {
        /// A profile's revisions.
        PROFILE_REVISION_BY_PROFILE = Index::on("by_profile", &["profile_id", "revision"]).unique();
    }
    RUNTIME_PROFILE_KEYS = "runtime_profile_keys" for ProfileKey, id |k| k.profile_id.to_string(), {}
    RUNTIME_PROFILE_SECRETS = "runtime_profile_secrets" for SealedSecret, id |s| sealed_secret_id(s.profile_id, &s.name, s.version), {
        /// A profile's secrets, in all their versions.
        SECRET_BY_PROFILE = Index::on("by_profile", &["profile_id", "name", "version"]).unique();
    }
    DEPLOYMENTS = "deployments" for Deployment, id |d| d.id.to_string(), {
        /// An environment's deployments.
        DEPLOYMENT_BY_ENVIRONMENT = Index::on("by_environment", &["environment_id", "created_at"]);
        /// An app's deployments.
        DEPLOYMENT_BY_APP = Index::on("by_app", &["app_id", "created_at"]);
        /// An environment's deployments of one release.
        DEPLOYMENT_BY_RELEASE = Index::on("by_release", &["release_id", "environment_id", "created_at"]);
        /// One active deployment per environment.
        DEPLOYMENT_ACTIVE = Index::on("active", &["environment_id"]).unique().only_where("status.state", &DeploymentStatus::ACTIVE);
        /// Deployments that have not begun, by app and time.
        DEPLOYMENT_PENDING = Index::on("pending", &["app_id", "created_at"]).only_where("status.state", &["pending"]);
        /// A deployment is taken back by one other at most.
        DEPLOYMENT_ROLLS_BACK = Index::on("rolls_back", &["rolls_back"]).unique();
        /// Decided and unfinished deployments of all apps.
        DEPLOYMENT_RUNNING = Index::on("running", &["created_at"]).only_where("status.state", &["running"]);
    }
    FREEZE_WINDOWS = "freeze_windows" for FreezeWindow, id |w| w.id.to_string(), {
        /// An environment's freeze windows.
        FREEZE_WINDOW_BY_ENVIRONMENT = Index::on("by_environment", &["environment_id", "created_at"]);
    }
    PARAMETER_DRAFTS = "parameter_drafts" for ParameterDraft, id |d| d.id.to_string(), {
        /// An environment's drafts.
        DRAFT_BY_ENVIRONMENT = Index::on("by_environment", &["environment_id", "created_at"]);
        /// An environment's drafts in a state.
        DRAFT_BY_STATE = Index::on("by_state", &["environment_id", "status.state", "created_at"]);
        /// Drafts that wait for a decision, by app and time.
        DRAFT_PENDING = Index::on("pending", &["app_id", "created_at"]).only_where("status.state", &["pending_approval"]);
        /// One decided draft per environment at a time is not active yet.
        DRAFT_APPROVED = Index::on("approved", &["environment_id"]).unique().only_where("status.state", &["approved"]);
        /// Decided drafts of all apps that are not active yet.
        DRAFT_UNFINISHED = Index::on("unfinished", &["created_at"]).only_where("status.state", &["approved"]);
    }
    JOBS = "jobs" for Job, id |j| j.id.to_string(), {
        /// Jobs whose time has come.
        JOB_DUE = Index::on("due", &["status.run_at"]).only_where("status.state", &["queued"]);
        /// Jobs whose lease may have ended.
        JOB_LEASED = Index::on("leased", &["status.lease_ends_at"]).only_where("status.state", &["running"]);
        /// An app's jobs by time.
        JOB_BY_APP = Index::on("by_app", &["app_id", "created_at"]);
        /// An app's finished jobs by their end.
        JOB_BY_FINISH = Index::on("by_finish", &["app_id", "status.finished_at"]);
        /// An app's jobs by kind.
        JOB_BY_TYPE = Index::on("by_type", &["app_id", "work.type", "created_at"]);
        /// An app's jobs in a state.
        JOB_BY_STATE = Index::on("by_state", &["app_id", "status.state", "created_at"]);
        /// An app's jobs by state and kind.
        JOB_BY_STATE_AND_TYPE = Index::on("by_state_and_type", &["app_id", "status.state", "work.type", "created_at"]);
        /// The work for a deployment.
        JOB_OF_DEPLOYMENT = Index::on("of_deployment", &["work.deployment_id", "created_at"]).only_where("work.type", &["deploy_release"]);
        /// An app's jobs without the mails, which are most of them.
        JOB_BUT_MAILS = Index::on("but_mails", &["app_id", "created_at"]).only_where("work.type", &Work::TYPES_BUT_MAILS);
    }
    JOB_LOGS = "job_logs" for JobLog, id |l| format!("{}:{}", l.job_id, l.sequence), {
        /// A job's log in order.
        JOB_LOG_BY_JOB = Index::on("by_job", &["job_id", "sequence"]).unique();
    }
    OUTBOX = "outbox" for Mail, id |m| m.id.to_string(), {
        /// All mails by time.
        MAIL_BY_TIME = Index::on("by_time", &["created_at"]);
        /// Mails to one account.
        MAIL_BY_USER = Index::on("by_user", &["user_id", "created_at"]);
    }
    AUDIT_EVENTS = "audit_events" for AuditEvent, id |e| e.id.to_string(), {
        /// An app's events by time.
        AUDIT_BY_APP = Index::on("by_app", &["app_id", "happened_at"]);
        /// The events of one thing.
        AUDIT_BY_ENTITY = Index::on("by_entity", &["app_id", "entity_id", "happened_at"]);
        /// An app's events of one action.
        AUDIT_BY_ACTION = Index::on("by_action", &["app_id", "action", "happened_at"]);
        /// An app's events about one kind of thing.
        AUDIT_BY_KIND = Index::on("by_kind", &["app_id", "entity", "happened_at"]);
        /// What somebody did in an app: a person by their account, programs and the server by what they are.
        AUDIT_BY_ACTOR = Index::on("by_actor", &["app_id", "actor.kind", "actor.user_id", "happened_at"]);
        /// What somebody did in an app, of one action.
        AUDIT_BY_ACTOR_AND_ACTION = Index::on("by_actor_and_action", &["app_id", "actor.kind", "actor.user_id", "action", "happened_at"]);
        /// What somebody did in an app to one kind of thing.
        AUDIT_BY_ACTOR_AND_KIND = Index::on("by_actor_and_kind", &["app_id", "actor.kind", "actor.user_id", "entity", "happened_at"]);
        /// The events of one thing, of one action.
        AUDIT_OF_ENTITY_BY_ACTION = Index::on("of_entity_by_action", &["app_id", "entity_id", "action", "happened_at"]);
        /// What somebody did to one thing.
        AUDIT_OF_ENTITY_BY_ACTOR = Index::on("of_entity_by_actor", &["app_id", "entity_id", "actor.kind", "actor.user_id", "happened_at"]);
        /// What somebody did to one thing, of one action.
        AUDIT_OF_ENTITY_BY_ACTOR_AND_ACTION = Index::on("of_entity_by_actor_and_action", &["app_id", "entity_id", "actor.kind", "actor.user_id", "action", "happened_at"]);
        /// All events by time.
        AUDIT_BY_TIME = Index::on("by_time", &["happened_at"]);
    }
}

/// The id of a changeset's revision.
pub fn revision_id(changeset_id: conman_domain::id::ChangesetId, number: u32) -> String {
    format!("{changeset_id}:{number}")
}

/// The id of a profile's revision.
pub fn profile_revision_id(profile_id: conman_domain::id::ProfileId, revision: u32) -> String {
    format!("{profile_id}:{revision}")
}

/// The id of one version of a secret.
pub fn sealed_secret_id(
    profile_id: conman_domain::id::ProfileId,
    name: &conman_domain::name::ParameterName,
    version: u32,
) -> String {
    format!("{profile_id}:{name}:{version}")
}

/// The id of a changeset's place in a release.
pub fn release_member_id(
    release_id: conman_domain::id::ReleaseId,
    changeset_id: conman_domain::id::ChangesetId,
) -> String {
    format!("{release_id}:{changeset_id}")
}
