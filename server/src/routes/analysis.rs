//! What a changeset may break.

use super::shared::Paging;
use crate::extract::{AppMember, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::id::ChangesetId;
use conman_workflow::{Analysis, Impact, ImpactSeverity, ImpactedPlace, Page};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(analyze_changeset))
}

/// What the newest revision of a changeset may break.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Analysis)]
struct AnalysisBody {
    /// The commit that the revision is compared with.
    base_sha: String,
    /// The revision's head.
    head_sha: String,
    /// How many semantic changes there are, with or without an impact.
    total_changes: u32,
    summary: AnalysisSummary,
    /// The impacts of this page, the worst first.
    data: Vec<ImpactBody>,
    page: u32,
    limit: u32,
    /// How many impacts there are on all pages.
    total: u32,
}

/// How many impacts there are of each severity.
#[derive(Debug, Serialize, ToSchema)]
struct AnalysisSummary {
    critical: u32,
    warning: u32,
    info: u32,
}

/// What one semantic change may break.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Impact)]
struct ImpactBody {
    /// The id of the change in the semantic diff of the same revision.
    change_id: String,
    /// `critical`: something refers to what is not there any more. `warning`: something refers to what works
    /// otherwise. `info`: something refers to what is shown otherwise.
    severity: &'static str,
    /// What was changed, such as "field `email` of entity `patient`".
    subject: String,
    /// One sentence.
    description: String,
    /// The places that refer to it, 50 at most.
    places: Vec<PlaceBody>,
    /// How many places there are.
    total_places: u32,
}

/// A place that refers to something that was changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImpactedPlace)]
struct PlaceBody {
    /// The file, in the revision.
    path: String,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
    /// The way to it in the file, such as `columns[name=email]`.
    key: String,
    /// Whether it leads nowhere now.
    broken: bool,
}

/// Tells what the newest revision of a changeset may break: which places refer to what it changes.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets/{changesetId}/analyze", operation_id = "analyze_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset"), Paging),
    responses((status = 200, description = "What it may break", body = AnalysisBody),
        (status = 409, description = "`no_revision`: it was not submitted yet")))]
async fn analyze_changeset(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<AnalysisBody>> {
    let comparison = state.workflow.changeset_diff(&member, id, None, None).await?;
    let analysis = state.workflow.analyze(&comparison).await?;
    Ok(Json(AnalysisBody::of(analysis, paging.page())))
}

impl AnalysisBody {
    fn of(analysis: Analysis, page: Page) -> Self {
        let Analysis { base, head, total_changes, impacts } = analysis;
        let count = |severity| count(impacts.iter().filter(|impact| impact.severity == severity).count());
        let summary = AnalysisSummary {
            critical: count(ImpactSeverity::Critical),
            warning: count(ImpactSeverity::Warning),
            info: count(ImpactSeverity::Info),
        };
        let total = self::count(impacts.len());
        let before = usize::try_from(page.skip()).unwrap_or(usize::MAX);
        let shown = impacts.into_iter().skip(before).take(page.limit as usize);
        Self {
            base_sha: base,
            head_sha: head,
            total_changes,
            summary,
            data: shown.map(ImpactBody::from).collect(),
            page: page.page,
            limit: page.limit,
            total,
        }
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl From<Impact> for ImpactBody {
    fn from(impact: Impact) -> Self {
        let Impact { change_id, severity, subject, description, places, total_places } = impact;
        let severity = match severity {
            ImpactSeverity::Critical => "critical",
            ImpactSeverity::Warning => "warning",
            ImpactSeverity::Info => "info",
        };
        let places = places.into_iter().map(PlaceBody::from).collect();
        Self { change_id, severity, subject, description, places, total_places }
    }
}

impl From<ImpactedPlace> for PlaceBody {
    fn from(place: ImpactedPlace) -> Self {
        let ImpactedPlace { path, line, column, key, broken } = place;
        Self { path: path.to_string(), line, column, key, broken }
    }
}
