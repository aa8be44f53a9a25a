//! The OpenAPI document, generated from the routes.

use crate::problem::ProblemBody;
use crate::state::AppState;
use crate::{operations, routes};
use axum::Router;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, Ref, RefOr};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Conman",
        description = "A Git-backed workflow server for configuration. Lists answer pages; times are RFC 3339 in UTC; \
                       ids are UUIDs; refusals are `application/problem+json` with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody, routes::shared::DiffMode)),
    modifiers(&Credentials)
)]
struct Document;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let cookie =
            ApiKeyValue::with_description(crate::sessions::COOKIE, "A session, begun by signing in.");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let none: [&str; 0] = [];
        document.security =
            Some(vec![SecurityRequirement::new("session", none), SecurityRequirement::new("token", none)]);
    }
}

/// The document of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    documented_routes().document
}

/// All documented routes with their document.
pub(crate) struct Documented {
    /// What people ask, signed in by a session or with a token.
    pub(crate) people: Router<AppState>,
    /// What programs and operators ask; no session is read or begun there.
    pub(crate) programs: Router<AppState>,
    pub(crate) document: utoipa::openapi::OpenApi,
}

/// Puts all documented routes together.
pub(crate) fn documented_routes() -> Documented {
    let programs = OpenApiRouter::with_openapi(Document::openapi())
        .merge(operations::routes())
        .merge(routes::for_programs());
    let (programs, mut document) = programs.split_for_parts();
    let (people, of_people) = routes::for_people().split_for_parts();
    document.merge(of_people);
    for item in document.paths.paths.values_mut() {
        let reads = [&mut item.get, &mut item.head, &mut item.options];
        let writes = [&mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        reads.into_iter().flatten().for_each(|operation| add_refusals(operation, false));
        writes.into_iter().flatten().for_each(|operation| add_refusals(operation, true));
    }
    Documented { people, programs, document }
}

/// Adds to an operation the problems that it may answer, where it does not describe them itself.
fn add_refusals(operation: &mut Operation, writes: bool) {
    let public = operation.security.as_ref().is_some_and(|all| all.contains(&SecurityRequirement::default()));
    let has_body = operation.request_body.is_some();
    let refusals = [
        ("400", true, "What was sent is wrong, field by field"),
        ("401", !public || has_body, "Nobody is signed in, or the credentials are wrong"),
        ("403", !public || writes, "Not for this account, or not from this site"),
        ("404", true, "No such thing, or not for this account"),
        ("408", has_body, "The body did not arrive in time"),
        ("409", writes, "It does not fit the present state"),
        ("412", writes, "Based on another version than the present one"),
        ("413", has_body, "Too large"),
        ("415", has_body, "Not application/json"),
        ("429", true, "Too many attempts; see Retry-After"),
        ("500", true, "Something broke on the server"),
        ("503", true, "Too many requests at once, or a database does not answer; see Retry-After"),
        ("default", true, "Any other refusal"),
    ];
    for (status, applies, description) in refusals {
        if applies && !operation.responses.responses.contains_key(status) {
            let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
            let response =
                ResponseBuilder::new().description(description).content(crate::problem::MEDIA_TYPE, content);
            operation.responses.responses.insert(status.to_owned(), RefOr::T(response.build()));
        }
    }
}
