//! What an editor shows while an author types.

use super::views::FindingBody;
use crate::extract::{AppMember, JsonBody, PathId};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::RepoPath;
use conman_domain::id::WorkspaceId;
use conman_workflow::{Meaning, Suggestion, SuggestionKind, Typed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(check_text)).routes(routes!(suggest)).routes(routes!(explain))
}

/// A text that is being typed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TypedText {
    /// The file that it is to be; it need not be there yet.
    #[schema(value_type = String)]
    path: RepoPath,
    text: String,
}

/// A text that is being typed, and the place that is asked about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TypedPlace {
    /// The file that it is to be; it need not be there yet.
    #[schema(value_type = String)]
    path: RepoPath,
    text: String,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
}

impl TypedPlace {
    fn split(self) -> (Typed, (u32, u32)) {
        (Typed { path: self.path, text: self.text }, (self.line, self.column))
    }
}

/// What is wrong with a text.
#[derive(Debug, Serialize, ToSchema)]
struct TextFindings {
    /// By place; the first 200.
    findings: Vec<FindingBody>,
}

/// Tells what the built-in validation finds in a text that is not saved, as one of the workspace's files.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/assist/check", operation_id = "check_text",
    tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = TypedText, responses((status = 200, description = "What is wrong", body = TextFindings)))]
async fn check_text(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    JsonBody(TypedText { path, text }): JsonBody<TypedText>,
) -> Answer<Json<TextFindings>> {
    let findings = state.workflow.check_text(&member, id, Typed { path, text }).await?;
    Ok(Json(TextFindings { findings: findings.iter().map(FindingBody::from).collect() }))
}

/// What could stand at a place.
#[derive(Debug, Serialize, ToSchema)]
struct Suggestions {
    /// Names first, then values and keys; 500 at most.
    suggestions: Vec<SuggestionBody>,
}

/// Something that could stand at a place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suggestion)]
struct SuggestionBody {
    /// A key without its colon, a value, or a name.
    text: String,
    kind: SuggestionKindName,
    /// What it is for, or where it is declared.
    about: Option<String>,
}

/// What a suggestion is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SuggestionKindName {
    /// A name of something that files declare.
    Name,
    /// A value that the schema lists.
    Value,
    /// A key that means something there.
    Key,
}

impl From<Suggestion> for SuggestionBody {
    fn from(suggestion: Suggestion) -> Self {
        let kind = match suggestion.kind {
            SuggestionKind::Name => SuggestionKindName::Name,
            SuggestionKind::Value => SuggestionKindName::Value,
            SuggestionKind::Key => SuggestionKindName::Key,
        };
        Self { text: suggestion.text, kind, about: suggestion.about }
    }
}

/// Tells what could stand at a place of a text that is not saved: keys and values of its schema, names that the
/// workspace's files declare.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/assist/suggestions", operation_id = "suggest",
    tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = TypedPlace, responses((status = 200, description = "What could stand there", body = Suggestions)))]
async fn suggest(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    JsonBody(asked): JsonBody<TypedPlace>,
) -> Answer<Json<Suggestions>> {
    let (typed, place) = asked.split();
    let found = state.workflow.suggestions(&member, id, typed, place).await?;
    Ok(Json(Suggestions { suggestions: found.into_iter().map(SuggestionBody::from).collect() }))
}

/// What stands at a place.
#[derive(Debug, Serialize, ToSchema)]
struct Explained {
    /// Null where nothing is known.
    meaning: Option<MeaningBody>,
}

/// What stands at a place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Meaning)]
struct MeaningBody {
    /// What it is: a thing that is referred to, or the way to a key.
    title: String,
    /// What it is for.
    about: Option<String>,
    /// What may stand there.
    allowed: Option<String>,
    /// Where the thing is declared.
    declared: Option<DeclaredAt>,
    /// Its line, from 1.
    line: u32,
    /// Its first column, from 1, in characters.
    column: u32,
    /// The column after its last.
    end_column: u32,
}

/// Where something is declared.
#[derive(Debug, Serialize, ToSchema)]
struct DeclaredAt {
    /// The file, in the workspace.
    path: String,
    /// From 1.
    line: u32,
}

impl From<Meaning> for MeaningBody {
    fn from(meaning: Meaning) -> Self {
        let Meaning { title, about, allowed, declared, line, columns: (column, end_column) } = meaning;
        let declared = declared.map(|(path, line)| DeclaredAt { path: path.to_string(), line });
        Self { title, about, allowed, declared, line, column, end_column }
    }
}

/// Tells what stands at a place of a text that is not saved, and where that is declared.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/assist/meaning", operation_id = "explain",
    tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = TypedPlace, responses((status = 200, description = "What stands there", body = Explained)))]
async fn explain(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    JsonBody(asked): JsonBody<TypedPlace>,
) -> Answer<Json<Explained>> {
    let (typed, place) = asked.split();
    let meaning = state.workflow.meaning(&member, id, typed, place).await?;
    Ok(Json(Explained { meaning: meaning.map(MeaningBody::from) }))
}
