//! The use cases of Conman, one file per verb: load, decide in the domain, commit once.
//!
//! Nothing here knows HTTP, SQL or BSON. The store decides, Git stores, the distribution database activates: nothing
//! outside the store changes without an intent committed there, and every effect can be repeated.

mod actor;
mod apps;
mod assist;
mod audit;
mod catalog_changes;
mod change;
mod changesets;
mod comments;
mod compose;
mod deploy;
mod diffs;
mod drafts;
mod editor;
mod environments;
mod error;
mod feed;
mod finish_draft;
mod fleet;
mod freezes;
mod fresh;
mod history;
mod job_context;
mod key_collisions;
mod looks;
mod mail;
mod models;
mod observe;
mod parameters;
mod profiles;
mod publish;
mod queue;
mod read_config;
mod read_file_history;
mod read_pipeline;
mod releases;
mod restore;
mod review;
mod roll_back;
mod run_deployment;
mod running;
mod runs;
mod save_parameters;
mod secrets;
mod services;
mod submit;
mod support;
mod sync;
mod things;
mod update_workspace;
mod validation;
mod waiting;
mod work;
mod workspaces;

/// The bounds of what one request may ask for.
pub mod limits {
    pub use crate::changesets::MAX_DESCRIPTION;
    pub use crate::comments::MAX_COMMENT;
    pub use crate::deploy::SKIP_STAGE_APPROVALS;
    pub use crate::environments::MAX_ENVIRONMENTS;
    pub use crate::freezes::MAX_WINDOWS;
    pub use crate::profiles::MAX_VARIABLES;
    pub use crate::queue::MAX_QUEUE;
    pub use crate::releases::MAX_MEMBERS;
    pub use crate::review::MAX_REVIEW_COMMENT;
    pub use crate::runs::{MAX_KIND, MAX_RESULTS};
    pub use crate::save_parameters::{MAX_CHANGES, MAX_REASON};
    pub use crate::workspaces::{MAX_EDITS, MAX_WORKSPACES};
}

pub mod accounts;
pub mod faults;

pub use actor::{Actor, Member, Page};
pub use apps::{AppSource, NewApp};
pub use assist::Typed;
pub use audit::{AuditFilter, By, What};
pub use catalog_changes::{AppCatalog, CatalogForm, CatalogWish, EnvironmentCatalog};
pub use change::{Change, Letter};
pub use changesets::ChangesetFilter;
pub use comments::NewComment;
pub use conman_validation::{Impact, ImpactSeverity, ImpactedPlace, Meaning, Suggestion, SuggestionKind};
pub use diffs::{Analysis, Comparison};
pub use drafts::NewDraft;
pub use editor::Editor;
pub use environments::Stage;
pub use error::{Conflict, Error, Errored, FieldProblem, Rejection, Result};
pub use feed::{Feed, FeedEvent, Looked, Workers};
pub use fleet::{Fleet, Reach, Standing, WorkerState};
pub use freezes::{FreezeWish, InForce, WhenFrozen};
pub use fresh::{fresh_id, random_bytes, random_token};
pub use history::{ConfigDifference, ConfigThen, When};
pub use job_context::{CANCELED, Fence, JobContext, LOST_LEASE};
pub use key_collisions::reading_hooks;
pub use mail::Mailer;
pub use observe::{Observed, ObservedEnvironment, Observer};
pub use profiles::ProfileEdit;
pub use read_config::ConfigValues;
pub use read_file_history::{FileOrigin, FileOrigins, LineOrigins, OriginChangeset};
pub use read_pipeline::{Held, NextRelease, Pipeline, PipelineRelease, PipelineStage};
pub use releases::FullRelease;
pub use restore::{RestoreItem, RestorePlan, RestoreWish, Restored};
pub use review::Decision;
pub use runs::{ComparedSets, FreezeParameters, RegisterRun};
pub use save_parameters::{ParameterSave, Saved};
pub use secrets::{MasterKey, Revealed, SecretEdits};
pub use semantic_diff::{SemanticChange, SemanticDiffResponse};
pub use services::{Settings, Workflow};
pub use sync::{ShownConflict, SyncStanding};
pub use things::{Named, Place, ThingId, release_name};
pub use waiting::{Subject, Waiting};
pub use work::STOPPED;
pub use workspaces::{OpenWorkspace, WorkspaceTree};
