//! Everything that waits for the account that asks.

use super::places::PlaceBody;
use super::shared::List;
use super::views::{EditorBody, People, PersonBody};
use crate::extract::{CurrentActor, PageLimit, PageNumber, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::changeset::{Changeset, ChangesetStatus};
use conman_domain::deployment::{Deployment, DeploymentKind};
use conman_domain::draft::ParameterDraft;
use conman_domain::environment::Environment;
use conman_domain::id::{AppId, EnvironmentId, ReleaseId, UserId};
use conman_domain::waiting::Ask;
use conman_workflow::{Subject, Waiting, WaitingFilter};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_waiting))
}

/// Something that goes on only after you have done something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiting)]
struct WaitingBody {
    /// What you are waited for.
    kind: WaitingKind,
    /// The allowed action that answers it, as the thing itself lists it.
    action: &'static str,
    /// Whether an environment waits with it.
    urgent: bool,
    app: WaitingApp,
    /// The changeset, draft, deployment, release or invite that waits; null for the queue.
    subject_id: Option<Uuid>,
    /// What waits, for a list: a changeset's number and title, a draft's parameters, a deployed
    /// release's tag, the numbers of a release's changesets, …
    title: String,
    /// Who asked for it.
    who: Option<EditorBody>,
    /// Why, as they typed it.
    reason: Option<String>,
    /// How many approvals it has and needs.
    approvals: Option<WaitingApprovals>,
    /// The environment that waits with it.
    environment: Option<WaitingEnvironment>,
    /// How the deployment came about, for one.
    deployment_kind: Option<WaitingDeployment>,
    #[schema(format = DateTime)]
    since: String,
    /// The page on which it is done.
    page: PlaceBody,
}

/// What somebody is waited for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WaitingKind {
    /// Decide on a draft of critical parameters.
    ApproveValues,
    /// Give one of the approvals that a deployment needs.
    ApproveDeployment,
    /// Decide on somebody else's changeset.
    Review,
    /// Solve what your changeset collides with.
    SolveConflict,
    /// Mend what a validation found in your changeset.
    MendFindings,
    /// Do what a reviewer asked for in your changeset.
    AnswerReview,
    /// Bring the integration head into the workspace of your approved changeset; the queue refuses it before.
    Sync,
    /// Put an approved changeset into the queue.
    Queue,
    /// Submit your draft.
    Submit,
    /// Draft a release from what is queued.
    DraftRelease,
    /// Compose a drafted release.
    Assemble,
    /// Publish a composed release.
    Publish,
    /// Mail an invite again that was not accepted in time.
    ResendInvite,
}

impl From<Ask> for WaitingKind {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::ApproveValues => Self::ApproveValues,
            Ask::ApproveDeployment => Self::ApproveDeployment,
            Ask::Review => Self::Review,
            Ask::SolveConflict => Self::SolveConflict,
            Ask::MendFindings => Self::MendFindings,
            Ask::AnswerReview => Self::AnswerReview,
            Ask::Sync => Self::Sync,
            Ask::Queue => Self::Queue,
            Ask::Submit => Self::Submit,
            Ask::DraftRelease => Self::DraftRelease,
            Ask::Assemble => Self::Assemble,
            Ask::Publish => Self::Publish,
            Ask::ResendInvite => Self::ResendInvite,
        }
    }
}

impl From<WaitingKind> for Ask {
    fn from(kind: WaitingKind) -> Self {
        match kind {
            WaitingKind::ApproveValues => Self::ApproveValues,
            WaitingKind::ApproveDeployment => Self::ApproveDeployment,
            WaitingKind::Review => Self::Review,
            WaitingKind::SolveConflict => Self::SolveConflict,
            WaitingKind::MendFindings => Self::MendFindings,
            WaitingKind::AnswerReview => Self::AnswerReview,
            WaitingKind::Sync => Self::Sync,
            WaitingKind::Queue => Self::Queue,
            WaitingKind::Submit => Self::Submit,
            WaitingKind::DraftRelease => Self::DraftRelease,
            WaitingKind::Assemble => Self::Assemble,
            WaitingKind::Publish => Self::Publish,
            WaitingKind::ResendInvite => Self::ResendInvite,
        }
    }
}

/// The app that something is in.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingApp {
    id: Uuid,
    slug: String,
    name: String,
}

/// The environment that waits.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct WaitingEnvironment {
    id: Uuid,
    name: String,
}

/// How many approvals there are.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingApprovals {
    given: u32,
    required: u32,
}

/// How a deployment that waits came about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WaitingDeployment {
    Deploy,
    Promote,
    SkipStage,
    Redeploy,
}

/// What rows are told with.
struct Names {
    people: People,
    environments: HashMap<EnvironmentId, Environment>,
    members: HashMap<ReleaseId, Vec<u32>>,
}

impl Names {
    async fn of(state: &AppState, rows: &[Waiting]) -> Answer<Self> {
        let (mut people, mut environments, mut releases) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            people.extend(asker(&row.subject));
            match &row.subject {
                Subject::Draft(draft) => environments.push(draft.environment_id),
                Subject::Deployment(deployment) => environments.push(deployment.environment_id),
                Subject::Release(release) => releases.push(release.id),
                Subject::Changeset(_) | Subject::Queue(_) | Subject::Invite(_) => {}
            }
        }
        Ok(Self {
            people: People::of(state, &people).await?,
            environments: state.workflow.environments_by_id(&environments).await?,
            members: state.workflow.numbers_in(&releases).await?,
        })
    }

    fn environment(&self, id: EnvironmentId) -> Option<WaitingEnvironment> {
        let found = self.environments.get(&id)?;
        Some(WaitingEnvironment { id: id.uuid(), name: found.name.to_string() })
    }
}

/// The account that asked for what waits; a draft says itself who made it.
fn asker(subject: &Subject) -> Option<UserId> {
    match subject {
        Subject::Changeset(changeset) => Some(changeset.author_id),
        Subject::Deployment(deployment) => Some(deployment.requested_by),
        Subject::Release(release) => Some(release.created_by),
        Subject::Invite(invite) => Some(invite.invited_by),
        Subject::Draft(_) | Subject::Queue(_) => None,
    }
}

/// Changesets as people say them.
fn numbered(changesets: &[u32]) -> String {
    let numbers: Vec<String> = changesets.iter().map(|number| format!("#{number}")).collect();
    numbers.join(", ")
}

impl WaitingBody {
    fn of(row: &Waiting, names: &Names) -> Self {
        let app = &row.app;
        let who = asker(&row.subject).map(|id| names.people.person(id));
        let mut body = Self {
            kind: row.ask.into(),
            action: row.ask.action(),
            urgent: row.ask.is_urgent(),
            app: WaitingApp { id: app.id.uuid(), slug: app.slug.to_string(), name: app.name.to_string() },
            subject_id: match &row.subject {
                Subject::Changeset(changeset) => Some(changeset.id.uuid()),
                Subject::Draft(draft) => Some(draft.id.uuid()),
                Subject::Deployment(deployment) => Some(deployment.id.uuid()),
                Subject::Release(release) => Some(release.id.uuid()),
                Subject::Invite(invite) => Some(invite.id.uuid()),
                Subject::Queue(_) => None,
            },
            title: String::new(),
            who: who.map(|PersonBody { id, name }| EditorBody::person(id, name)),
            reason: None,
            approvals: None,
            environment: None,
            deployment_kind: None,
            since: row.since.to_string(),
            page: PlaceBody::Queue {},
        };
        match &row.subject {
            Subject::Changeset(changeset) => {
                body.about_changeset(row, changeset, app.settings.required_approval_count);
            }
            Subject::Draft(draft) => body.about_draft(draft, names),
            Subject::Deployment(deployment) => body.about_deployment(deployment, names),
            Subject::Release(release) => {
                body.title = numbered(names.members.get(&release.id).map_or(&[], Vec::as_slice));
                body.page = PlaceBody::Release { release_id: release.id.uuid() };
            }
            Subject::Queue(numbers) => body.title = numbered(numbers),
            Subject::Invite(invite) => {
                body.title = invite.email.to_string();
                body.page = PlaceBody::Members {};
            }
        }
        body
    }

    fn about_changeset(&mut self, row: &Waiting, changeset: &Changeset, required: u32) {
        self.title = format!("#{} {}", changeset.number, changeset.title);
        self.page = match row.ask {
            Ask::Sync => PlaceBody::Workspace { workspace_id: changeset.workspace_id.uuid() },
            _ => PlaceBody::Changeset { changeset_id: changeset.id.uuid() },
        };
        if let ChangesetStatus::InReview { approvals } = &changeset.status {
            self.approvals = Some(WaitingApprovals { given: approvals.len() as u32, required });
        }
    }

    fn about_draft(&mut self, draft: &ParameterDraft, names: &Names) {
        let parameters: Vec<String> = draft.changes.keys().map(ToString::to_string).collect();
        self.title = parameters.join(", ");
        self.who = Some(EditorBody::from(&draft.edited_by));
        self.reason.clone_from(&draft.reason);
        self.environment = names.environment(draft.environment_id);
        self.page =
            PlaceBody::Draft { environment_id: draft.environment_id.uuid(), draft_id: draft.id.uuid() };
    }

    fn about_deployment(&mut self, deployment: &Deployment, names: &Names) {
        self.title = deployment.tag.to_string();
        self.approvals = Some(WaitingApprovals {
            given: deployment.approvals.len() as u32,
            required: deployment.approvals_required,
        });
        self.environment = names.environment(deployment.environment_id);
        self.deployment_kind = Some(match deployment.kind {
            DeploymentKind::Deploy => WaitingDeployment::Deploy,
            DeploymentKind::Promote => WaitingDeployment::Promote,
            DeploymentKind::SkipStage => WaitingDeployment::SkipStage,
            DeploymentKind::Redeploy => WaitingDeployment::Redeploy,
        });
        self.page = PlaceBody::Environment { environment_id: deployment.environment_id.uuid() };
    }
}

/// Which part of what waits is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WaitingQuery {
    /// Only what waits in one app.
    #[serde(default)]
    app: Option<Uuid>,
    /// Only what you are waited for in this way.
    #[serde(default)]
    #[param(inline)]
    kind: Option<WaitingKind>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

/// Lists what waits for you in all of your apps: what holds an environment first, then what waits longest. Of a kind, the
/// 1,000 that wait longest are told.
#[utoipa::path(get, path = "/api/me/waiting", operation_id = "list_waiting", tag = "me", params(WaitingQuery),
    responses((status = 200, description = "What waits", body = List<WaitingBody>)))]
async fn list_waiting(
    State(state): State<AppState>,
    actor: CurrentActor,
    QueryOf(query): QueryOf<WaitingQuery>,
) -> Answer<Json<List<WaitingBody>>> {
    let page = query.page.of(query.limit);
    let filter = WaitingFilter { app: query.app.map(AppId::new), ask: query.kind.map(Ask::from) };
    let (rows, total) = state.workflow.waiting(&actor, filter, page).await?;
    let names = Names::of(&state, &rows).await?;
    let data = rows.iter().map(|row| WaitingBody::of(row, &names)).collect();
    Ok(Json(List::of(page, total, data)))
}
