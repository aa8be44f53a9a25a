//! Comments on changesets.

use super::views::{People, PersonBody, allowed};
use crate::etag::Tagged;
use crate::extract::{AppMember, IfMatch, JsonBody, PathId};
use crate::problem::{Answer, FieldError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::RepoPath;
use conman_domain::changeset::{Comment, CommentPlace};
use conman_domain::id::{ChangesetId, CommentId, UserId};
use conman_domain::policy::{self, CommentAction};
use conman_store::Versioned;
use conman_workflow::{Member, NewComment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_comments, write_comment)).routes(routes!(change_comment))
}

/// A comment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Comment)]
struct CommentBody {
    id: Uuid,
    /// The first comment of the thread that it answers; null for that one itself.
    thread_id: Option<Uuid>,
    place: Option<PlaceBody>,
    author: PersonBody,
    body: String,
    /// Counts its texts, from 1.
    revision: u32,
    resolved: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    allowed_actions: Vec<String>,
}

/// The file or line that a comment is about.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CommentPlace)]
struct PlaceBody {
    revision: u32,
    #[schema(value_type = String)]
    path: RepoPath,
    /// From 1, of the new side; null for the whole file.
    #[serde(default)]
    line: Option<u32>,
}

impl CommentBody {
    fn of(member: &Member, people: &People, comment: &Comment) -> Self {
        Self {
            id: comment.id.uuid(),
            thread_id: comment.thread_id.map(|id| id.uuid()),
            place: comment.place.clone().map(|p| PlaceBody {
                revision: p.revision,
                path: p.path,
                line: p.line,
            }),
            author: people.person(comment.author_id),
            body: comment.body.clone(),
            revision: comment.revision,
            resolved: comment.resolved,
            created_at: comment.created_at.to_string(),
            updated_at: comment.updated_at.to_string(),
            allowed_actions: allowed(CommentAction::ALL, CommentAction::name, |action| {
                policy::comment(member.viewer(), comment, action)
            }),
        }
    }
}

/// A changeset's comments.
#[derive(Debug, Serialize, ToSchema)]
struct Comments {
    /// Oldest first.
    data: Vec<CommentBody>,
}

/// Lists a changeset's comments, oldest first.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets/{changesetId}/comments", operation_id = "list_comments", tag = "comments",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    responses((status = 200, description = "The comments", body = Comments)))]
async fn list_comments(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
) -> Answer<Json<Comments>> {
    let comments = state.workflow.comments(&member, id).await?;
    let ids: Vec<UserId> = comments.iter().map(|comment| comment.doc.author_id).collect();
    let people = People::of(&state, &ids).await?;
    Ok(Json(Comments { data: comments.iter().map(|c| CommentBody::of(&member, &people, &c.doc)).collect() }))
}

/// A comment to write.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WriteComment {
    /// An id that the writer chooses: a comment that is sent twice with one is written once.
    #[serde(default)]
    id: Option<Uuid>,
    body: String,
    /// The first comment of the thread that it answers.
    #[serde(default)]
    thread_id: Option<Uuid>,
    /// The file or line that it is about.
    #[serde(default)]
    place: Option<PlaceBody>,
}

async fn shown(
    state: &AppState,
    member: &Member,
    comment: &Versioned<Comment>,
) -> Answer<Tagged<CommentBody>> {
    let people = People::of(state, &[comment.doc.author_id]).await?;
    Ok(Tagged(comment.version, CommentBody::of(member, &people, &comment.doc)))
}

/// Writes a comment.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets/{changesetId}/comments", operation_id = "write_comment", tag = "comments",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    request_body = WriteComment, responses((status = 201, description = "Written", body = CommentBody)))]
async fn write_comment(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    JsonBody(body): JsonBody<WriteComment>,
) -> Answer<(StatusCode, Tagged<CommentBody>)> {
    let place = body.place.map(|p| CommentPlace { revision: p.revision, path: p.path, line: p.line });
    let (chosen, thread_id) = (body.id.map(CommentId::new), body.thread_id.map(CommentId::new));
    let new = NewComment { id: chosen, body: body.body, thread_id, place };
    let comment = state.workflow.comment(&member, id, new).await?;
    Ok((StatusCode::CREATED, shown(&state, &member, &comment).await?))
}

/// What to change: the text of one's own comment, or whether a thread is settled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeComment {
    /// A new text; the earlier one stays on record.
    #[serde(default)]
    body: Option<String>,
    /// Whether the thread is settled.
    #[serde(default)]
    resolved: Option<bool>,
}

/// Edits one's own comment (with `If-Match`), or settles a thread.
#[utoipa::path(patch, path = "/api/apps/{appId}/changesets/{changesetId}/comments/{commentId}", operation_id = "change_comment",
    tag = "comments",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset"),
        ("commentId" = Uuid, Path, description = "The comment"), ("If-Match" = Option<String>, Header, description = "The ETag read")),
    request_body = ChangeComment, responses((status = 200, description = "Changed", body = CommentBody)))]
async fn change_comment(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    PathId(comment): PathId<CommentId>,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<ChangeComment>,
) -> Answer<Tagged<CommentBody>> {
    let changed = match (body.body, body.resolved) {
        (Some(text), None) => state.workflow.edit_comment(&member, id, comment, expected, text).await?,
        (None, Some(resolved)) => state.workflow.resolve_comment(&member, id, comment, resolved).await?,
        (Some(_), Some(_)) | (None, None) => {
            let message = "give either `body` or `resolved`".to_owned();
            return Err(Problem::invalid(vec![FieldError { pointer: "/body".to_owned(), message }]));
        }
    };
    shown(&state, &member, &changed).await
}
