//! All routes, and the layers around them.

use crate::problem::Problem;
use crate::state::AppState;
use crate::{console, layers, openapi, routes, sessions};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use utoipa_swagger_ui::SwaggerUi;

/// Makes the whole HTTP side. The layers, from the outside in: who asks from where, whether that is let in, and what was
/// answered (ids, counts, log, panics, problems, headers of safety); and sessions where people ask.
pub fn router(state: AppState) -> Router {
    let openapi::Documented { people, programs, document } = openapi::documented_routes();
    let document_json = document.to_json().expect("the document is plain JSON");
    let docs: Router<AppState> = SwaggerUi::new("/api/docs")
        .config(utoipa_swagger_ui::Config::from("/api/openapi.json").try_it_out_enabled(true))
        .into();
    let not_allowed = || async { Problem::of_status(StatusCode::METHOD_NOT_ALLOWED) };
    let (path, called_save) = routes::called_save();
    let people = people
        .route(path, called_save)
        .method_not_allowed_fallback(not_allowed)
        .layer(sessions::layer(&state));
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
        .layer(layers::Frame(state.clone()))
        .with_state(state)
}
