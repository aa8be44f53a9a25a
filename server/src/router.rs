//! All routes, and the layers around them.

use crate::problem::Problem;
use crate::state::AppState;
use crate::{console, layers, openapi, sessions};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::any::Any;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_swagger_ui::SwaggerUi;

/// Makes the whole HTTP side. The layers, from the outside in: who asks from where, whether that is let in, and what was
/// answered (ids, counts, log, problems, headers of safety); panics; and sessions where people ask.
pub fn router(state: AppState) -> Router {
    let openapi::Documented { people, programs, document } = openapi::documented_routes();
    let document_json = document.to_json().expect("the document is plain JSON");
    let docs: Router<AppState> = SwaggerUi::new("/api/docs")
        .config(utoipa_swagger_ui::Config::from("/api/openapi.json").try_it_out_enabled(true))
        .into();
    let not_allowed = || async { Problem::of_status(StatusCode::METHOD_NOT_ALLOWED) };
    let people = people.method_not_allowed_fallback(not_allowed).layer(sessions::layer(&state));
    programs
        .merge(docs)
        .route(
            "/api/openapi.json",
            get(move || {
                let json = document_json.clone();
                async move { ([(header::CONTENT_TYPE, "application/json")], json) }
            }),
        )
        .fallback(console::serve)
        .method_not_allowed_fallback(not_allowed)
        .merge(people)
        // Together, since each time that layers are added costs every request.
        .layer(
            ServiceBuilder::new()
                .layer(layers::Frame(state.clone()))
                .layer(CatchPanicLayer::custom(panicked)),
        )
        .with_state(state)
}

/// A handler that panicked breaks its own request only.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("(not a text)"), "a handler panicked");
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
