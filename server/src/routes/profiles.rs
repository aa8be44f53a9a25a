//! Runtime profiles: what environments are built from.

use super::shared::Nothing;
use super::views::EditorBody;
use crate::etag::Tagged;
use crate::extract::{AppMember, JsonBody, PathId, RequiredIfMatch};
use crate::problem::{Answer, FieldError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::catalog::Values;
use conman_domain::id::ProfileId;
use conman_domain::name::{BaseUrl, ConnectionName, ParameterName};
use conman_domain::path::RepoPath;
use conman_domain::policy::AppAction;
use conman_domain::profile::{
    Database, DatabaseEngine, Migrations, ProfileSettings, Provisioning, RuntimeProfile,
};
use conman_domain::secret::{SecretText, SecretVersion, Secrets};
use conman_workflow::{Member, ProfileEdit};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_profiles))
        .routes(routes!(get_profile, update_profile))
        .routes(routes!(list_profile_revisions))
        .routes(routes!(reveal_secret))
}

/// A runtime profile.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RuntimeProfile)]
struct ProfileBody {
    id: Uuid,
    name: String,
    revision: u32,
    /// Typed variables; those named like a parameter are its value.
    #[schema(value_type = BTreeMap<String, Value>)]
    env_vars: Values,
    settings: SettingsBody,
    /// What everybody may know of its secrets, by name.
    secrets: BTreeMap<String, SecretBody>,
    #[schema(format = DateTime)]
    updated_at: String,
    allowed_actions: Vec<String>,
}

impl ProfileBody {
    fn of(member: &Member, profile: &RuntimeProfile) -> Self {
        let mut actions = Vec::new();
        if member.may(AppAction::EditProfiles).is_ok() {
            actions.push("edit".to_owned());
        }
        if member.may(AppAction::RevealSecrets).is_ok() && !profile.secrets.is_empty() {
            actions.push("reveal_secrets".to_owned());
        }
        Self {
            id: profile.id.uuid(),
            name: profile.name.to_string(),
            revision: profile.revision,
            env_vars: profile.env_vars.clone(),
            settings: SettingsBody::from(&profile.settings),
            updated_at: profile.updated_at.to_string(),
            secrets: SecretBody::all(&profile.secrets),
            allowed_actions: actions,
        }
    }
}

/// What everybody may know of a secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileSecret)]
struct SecretBody {
    /// The profile's revision in which it got this value.
    version: u32,
    /// Its first and last letters, where it is long enough.
    masked: String,
    set_by: EditorBody,
    #[schema(format = DateTime)]
    set_at: String,
}

impl SecretBody {
    fn all(secrets: &Secrets) -> BTreeMap<String, Self> {
        let shown = |(name, secret): (&ParameterName, &SecretVersion)| {
            let body = Self {
                version: secret.version,
                masked: secret.masked.clone(),
                set_by: EditorBody::from(&secret.set_by),
                set_at: secret.set_at.to_string(),
            };
            (name.to_string(), body)
        };
        secrets.iter().map(shown).collect()
    }
}

/// What a profile holds beside variables.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileSettings)]
struct SettingsBody {
    /// Where the environment is reached, e.g. `https://lab.example`.
    #[schema(value_type = Option<String>)]
    base_url: Option<BaseUrl>,
    /// Where its data lives; null for an environment without any.
    database: Option<DatabaseBody>,
    /// How its data is brought to what a release expects; null where nothing is migrated.
    migrations: Option<MigrationsBody>,
}

/// Where an environment's data lives.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileDatabase)]
struct DatabaseBody {
    engine: EngineName,
    /// The name under which the connection is kept, never the connection itself: letters, digits, `_`, `-` and `.`.
    #[schema(value_type = String)]
    connection_ref: ConnectionName,
    provisioning_mode: ProvisioningMode,
    /// The profile whose database is copied; with `clone_from_base` alone.
    #[serde(default)]
    base_profile_id: Option<Uuid>,
}

/// What kind of database it is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DatabaseEngine)]
enum EngineName {
    Mongodb,
}

/// Where a database's content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProvisioningMode {
    /// It is there already.
    Existing,
    /// Copied from another profile's.
    CloneFromBase,
    /// Restored from a snapshot.
    SnapshotRestore,
    /// It begins empty.
    Empty,
}

/// How data is brought to what a release expects.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileMigrations)]
struct MigrationsBody {
    /// The folders of the repository that hold them, in order.
    #[schema(value_type = Vec<String>)]
    repo_paths: Vec<RepoPath>,
    /// What runs them, as a command line.
    command: String,
}

impl From<&ProfileSettings> for SettingsBody {
    fn from(settings: &ProfileSettings) -> Self {
        let database = settings.database.as_ref().map(|database| DatabaseBody {
            engine: match database.engine {
                DatabaseEngine::Mongodb => EngineName::Mongodb,
            },
            connection_ref: database.connection_ref.clone(),
            provisioning_mode: match database.provisioning {
                Provisioning::Existing => ProvisioningMode::Existing,
                Provisioning::CloneFromBase { .. } => ProvisioningMode::CloneFromBase,
                Provisioning::SnapshotRestore => ProvisioningMode::SnapshotRestore,
                Provisioning::Empty => ProvisioningMode::Empty,
            },
            base_profile_id: database.provisioning.base().map(|id| id.uuid()),
        });
        let migrations = settings.migrations.as_ref().map(|migrations| MigrationsBody {
            repo_paths: migrations.repo_paths.clone(),
            command: migrations.command.clone(),
        });
        Self { base_url: settings.base_url.clone(), database, migrations }
    }
}

impl SettingsBody {
    fn settings(self) -> Result<ProfileSettings, Problem> {
        let database = self.database.map(DatabaseBody::database).transpose()?;
        let migrations =
            self.migrations.map(|MigrationsBody { repo_paths, command }| Migrations { repo_paths, command });
        Ok(ProfileSettings { base_url: self.base_url, database, migrations })
    }
}

impl DatabaseBody {
    fn database(self) -> Result<Database, Problem> {
        let wrong = |message: &str| {
            let pointer = "/settings/database/base_profile_id".to_owned();
            Err(Problem::invalid(vec![FieldError { pointer, message: message.to_owned() }]))
        };
        let provisioning = match (self.provisioning_mode, self.base_profile_id) {
            (ProvisioningMode::CloneFromBase, Some(id)) => {
                Provisioning::CloneFromBase { base_profile_id: ProfileId::new(id) }
            }
            (ProvisioningMode::CloneFromBase, None) => return wrong("name the profile to copy from"),
            (_, Some(_)) => return wrong("only a copy has a profile that it is copied from"),
            (ProvisioningMode::Existing, None) => Provisioning::Existing,
            (ProvisioningMode::SnapshotRestore, None) => Provisioning::SnapshotRestore,
            (ProvisioningMode::Empty, None) => Provisioning::Empty,
        };
        let engine = match self.engine {
            EngineName::Mongodb => DatabaseEngine::Mongodb,
        };
        Ok(Database { engine, connection_ref: self.connection_ref, provisioning })
    }
}

/// The app's runtime profiles.
#[derive(Debug, Serialize, ToSchema)]
struct Profiles {
    /// By name.
    data: Vec<ProfileBody>,
}

/// Lists the runtime profiles.
#[utoipa::path(get, path = "/api/apps/{appId}/runtime-profiles", operation_id = "list_profiles", tag = "profiles",
    params(("appId" = Uuid, Path, description = "The app")),
    responses((status = 200, description = "The profiles", body = Profiles)))]
async fn list_profiles(State(state): State<AppState>, member: AppMember) -> Answer<Json<Profiles>> {
    let profiles = state.workflow.profiles(&member).await?;
    Ok(Json(Profiles {
        data: profiles.iter().map(|profile| ProfileBody::of(&member, &profile.doc)).collect(),
    }))
}

/// Reads a runtime profile.
#[utoipa::path(get, path = "/api/apps/{appId}/runtime-profiles/{profileId}", operation_id = "get_profile", tag = "profiles",
    params(("appId" = Uuid, Path, description = "The app"), ("profileId" = Uuid, Path, description = "The profile")),
    responses((status = 200, description = "The profile", body = ProfileBody)))]
async fn get_profile(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ProfileId>,
) -> Answer<Tagged<ProfileBody>> {
    let profile = state.workflow.profile(&member, id).await?;
    Ok(Tagged(profile.version, ProfileBody::of(&member, &profile.doc)))
}

/// What a profile is to hold, and why it is edited directly.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateProfile {
    #[schema(value_type = BTreeMap<String, Value>)]
    /// All of them: what is not here is removed.
    env_vars: Values,
    /// All of them; they stay as they are, if left out.
    #[serde(default)]
    settings: Option<SettingsBody>,
    /// Secrets that get a new value, or are removed by null; the others stay as they are.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    secrets: BTreeMap<ParameterName, Option<NewSecret>>,
    reason: String,
}

/// The new value of a secret. What is wrong with it is told without it.
#[derive(Debug)]
struct NewSecret(SecretText);

impl<'de> Deserialize<'de> for NewSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => SecretText::parse(text).map(Self).map_err(D::Error::custom),
            _ => Err(D::Error::custom("a secret is a text, or null to remove it")),
        }
    }
}

/// Edits a profile directly, as a new revision; the next deployment takes it. For app admins.
#[utoipa::path(patch, path = "/api/apps/{appId}/runtime-profiles/{profileId}", operation_id = "update_profile", tag = "profiles",
    params(("appId" = Uuid, Path, description = "The app"), ("profileId" = Uuid, Path, description = "The profile"),
        ("If-Match" = String, Header, description = "The ETag read")),
    request_body = UpdateProfile, responses((status = 200, description = "Changed", body = ProfileBody)))]
async fn update_profile(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ProfileId>,
    RequiredIfMatch(expected): RequiredIfMatch,
    JsonBody(body): JsonBody<UpdateProfile>,
) -> Answer<Tagged<ProfileBody>> {
    let settings = body.settings.map(SettingsBody::settings).transpose()?;
    let secrets =
        body.secrets.into_iter().map(|(name, new)| (name, new.map(|NewSecret(text)| text))).collect();
    let edit = ProfileEdit { expected, env_vars: body.env_vars, settings, secrets, reason: body.reason };
    let profile = state.workflow.update_profile(&member, id, edit).await?;
    Ok(Tagged(profile.version, ProfileBody::of(&member, &profile.doc)))
}

/// A profile's revisions.
#[derive(Debug, Serialize, ToSchema)]
struct ProfileRevisions {
    /// Newest first.
    data: Vec<ProfileRevisionBody>,
}

/// One revision of a profile.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileRevision)]
struct ProfileRevisionBody {
    revision: u32,
    #[schema(value_type = BTreeMap<String, Value>)]
    env_vars: Values,
    settings: SettingsBody,
    /// What everybody may know of its secrets then.
    secrets: BTreeMap<String, SecretBody>,
    changed_by: EditorBody,
    reason: String,
    #[schema(format = DateTime)]
    changed_at: String,
}

/// Lists a profile's revisions, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/runtime-profiles/{profileId}/revisions", operation_id = "list_profile_revisions",
    tag = "profiles",
    params(("appId" = Uuid, Path, description = "The app"), ("profileId" = Uuid, Path, description = "The profile")),
    responses((status = 200, description = "The revisions", body = ProfileRevisions)))]
async fn list_profile_revisions(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ProfileId>,
) -> Answer<Json<ProfileRevisions>> {
    let revisions = state.workflow.profile_revisions(&member, id).await?;
    let data = revisions
        .into_iter()
        .map(|revision| ProfileRevisionBody {
            revision: revision.revision,
            env_vars: revision.env_vars,
            settings: SettingsBody::from(&revision.settings),
            secrets: SecretBody::all(&revision.secrets),
            changed_by: EditorBody::from(&revision.changed_by),
            reason: revision.reason,
            changed_at: revision.changed_at.to_string(),
        })
        .collect();
    Ok(Json(ProfileRevisions { data }))
}

/// A secret as it is.
#[derive(Serialize, ToSchema)]
#[schema(as = RevealedSecret)]
struct RevealedBody {
    value: String,
    /// The profile's revision in which it got this value.
    version: u32,
}

/// Reveals one secret; for app admins, and on record.
#[utoipa::path(post, path = "/api/apps/{appId}/runtime-profiles/{profileId}/secrets/{name}/reveal",
    operation_id = "reveal_secret", tag = "profiles",
    params(("appId" = Uuid, Path, description = "The app"), ("profileId" = Uuid, Path, description = "The profile"),
        ("name" = String, Path, description = "The secret's name")),
    request_body = Nothing, responses((status = 200, description = "The secret", body = RevealedBody)))]
async fn reveal_secret(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ProfileId>,
    PathId(name): PathId<ParameterName>,
    _nothing: JsonBody<Nothing>,
) -> Answer<Json<RevealedBody>> {
    let revealed = state.workflow.reveal_secret(&member, id, &name).await?;
    Ok(Json(RevealedBody { value: revealed.text.expose().to_owned(), version: revealed.version }))
}
