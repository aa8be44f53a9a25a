//! All accounts, for instance admins.

use super::shared::{List, Paging};
use crate::extract::{CurrentActor, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::access::User;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_accounts))
}

/// An account as an instance admin sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
struct AccountBody {
    id: Uuid,
    handle: String,
    name: String,
    email: String,
    instance_admin: bool,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<User> for AccountBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.uuid(),
            handle: user.handle.to_string(),
            name: user.name.to_string(),
            email: user.email.to_string(),
            instance_admin: user.instance_admin,
            created_at: user.created_at.to_string(),
        }
    }
}

/// Lists all accounts by address; for instance admins.
#[utoipa::path(get, path = "/api/accounts", operation_id = "list_accounts", tag = "accounts", params(Paging),
    responses((status = 200, description = "The accounts", body = List<AccountBody>)))]
async fn list_accounts(
    State(state): State<AppState>,
    actor: CurrentActor,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<AccountBody>>> {
    let accounts = state.workflow.list_accounts(&actor, paging.page()).await?;
    Ok(Json(List::new(paging.page(), accounts, |account| AccountBody::from(account.doc))))
}
