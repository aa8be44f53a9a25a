//! What rows are about: names, and the pages that show more.

use conman_workflow::{Named, Place};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A page of an app, by the ids of what it shows.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = Place)]
pub(super) enum PlaceBody {
    /// A changeset's.
    Changeset {
        /// Which.
        changeset_id: Uuid,
    },
    /// A workspace's.
    Workspace {
        /// Which.
        workspace_id: Uuid,
    },
    /// A draft of parameters.
    Draft {
        /// Of which environment.
        environment_id: Uuid,
        /// Which.
        draft_id: Uuid,
    },
    /// A deployment's.
    Deployment {
        /// Which.
        deployment_id: Uuid,
    },
    /// An environment's.
    Environment {
        /// Which.
        environment_id: Uuid,
    },
    /// A release's.
    Release {
        /// Which.
        release_id: Uuid,
    },
    /// A runtime profile's.
    Profile {
        /// Which.
        profile_id: Uuid,
    },
    /// A job's.
    Job {
        /// Which.
        job_id: Uuid,
    },
    /// The app's queue.
    Queue {},
    /// The app's members and invites.
    Members {},
    /// The app's settings.
    Settings {},
}

impl From<Place> for PlaceBody {
    fn from(place: Place) -> Self {
        match place {
            Place::Changeset(id) => Self::Changeset { changeset_id: id.uuid() },
            Place::Workspace(id) => Self::Workspace { workspace_id: id.uuid() },
            Place::Draft(environment, id) => {
                Self::Draft { environment_id: environment.uuid(), draft_id: id.uuid() }
            }
            Place::Deployment(id) => Self::Deployment { deployment_id: id.uuid() },
            Place::Environment(id) => Self::Environment { environment_id: id.uuid() },
            Place::Release(id) => Self::Release { release_id: id.uuid() },
            Place::Profile(id) => Self::Profile { profile_id: id.uuid() },
            Place::Job(id) => Self::Job { job_id: id.uuid() },
            Place::Queue => Self::Queue {},
            Place::Members => Self::Members {},
            Place::Settings => Self::Settings {},
        }
    }
}

/// What a row is about, as people call it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = About)]
pub(super) struct AboutBody {
    name: String,
    /// The page that shows it; null where there is none, or none for you.
    page: Option<PlaceBody>,
}

impl From<&Named> for AboutBody {
    fn from(named: &Named) -> Self {
        Self { name: named.name.clone(), page: named.place.map(PlaceBody::from) }
    }
}
