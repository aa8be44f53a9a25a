//! What things are called: the names that a list shows beside the ids that its rows hold.

use crate::actor::Member;
use crate::error::Result;
use crate::services::Workflow;
use conman_domain::access::User;
use conman_domain::changeset::{Changeset, Comment};
use conman_domain::deployment::Deployment;
use conman_domain::draft::ParameterDraft;
use conman_domain::environment::Environment;
use conman_domain::freeze::FreezeWindow;
use conman_domain::id::{
    AppId, ChangesetId, DeploymentId, DraftId, EnvironmentId, JobId, ProfileId, ReleaseId, WorkspaceId,
};
use conman_domain::job::{Job, Work};
use conman_domain::mail::Mail;
use conman_domain::policy::{self, WorkspaceAction};
use conman_domain::profile::RuntimeProfile;
use conman_domain::release::Release;
use conman_domain::workspace::Workspace;
use conman_store::Document;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Something that a row is about: what kind of thing, as the audit log calls it, and its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ThingId {
    /// E.g. `changeset`.
    pub entity: String,
    /// Its id.
    pub id: String,
}

impl ThingId {
    /// Names a thing.
    pub fn new(entity: impl Into<String>, id: impl ToString) -> Self {
        Self { entity: entity.into(), id: id.to_string() }
    }

    /// What a job is about.
    pub fn of(work: &Work) -> Self {
        match work {
            Work::MsuiteSubmit { changeset_id, .. } | Work::RevalidateQueuedChangeset { changeset_id } => {
                Self::new("changeset", changeset_id)
            }
            Work::ReleaseAssemble { release_id, .. } | Work::ReleasePublish { release_id, .. } => {
                Self::new("release", release_id)
            }
            Work::DeployRelease { deployment_id } => Self::new("deployment", deployment_id),
            Work::SendNotification { mail_id } => Self::new("mail", mail_id),
        }
    }
}

/// A thing as people call it, and where it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What people call it.
    pub name: String,
    /// Where it is seen; none for what has no page, or none for this member.
    pub place: Option<Place>,
}

/// A page of the app, by the ids of what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A changeset.
    Changeset(ChangesetId),
    /// A workspace.
    Workspace(WorkspaceId),
    /// A draft of parameters.
    Draft(EnvironmentId, DraftId),
    /// A deployment.
    Deployment(DeploymentId),
    /// An environment.
    Environment(EnvironmentId),
    /// A release.
    Release(ReleaseId),
    /// A runtime profile.
    Profile(ProfileId),
    /// A job.
    Job(JobId),
    /// The queue.
    Queue,
    /// Members and invites.
    Members,
    /// The app's settings.
    Settings,
}

/// What a page of rows is about, by kind of thing.
struct Wanted {
    app_id: AppId,
    by_entity: HashMap<String, HashSet<String>>,
}

impl Wanted {
    fn add(&mut self, entity: &str, id: impl ToString) {
        self.by_entity.entry(entity.to_owned()).or_default().insert(id.to_string());
    }

    /// Reads the wanted things of a kind, those of the app alone.
    async fn read<T: Document>(
        &self,
        workflow: &Workflow,
        entity: &str,
        app_of: impl Fn(&T) -> Option<AppId>,
    ) -> Result<Vec<T>> {
        // What is no id of ours is asked for by nobody else either.
        let is_id = |id: &&String| Uuid::try_parse(id).is_ok();
        let ids = self.by_entity.get(entity).into_iter().flatten().filter(is_id).cloned();
        let found = workflow.store().get_many::<T>(ids).await?.into_iter().map(|found| found.doc);
        Ok(found.filter(|thing| app_of(thing) == Some(self.app_id)).collect())
    }
}

impl Workflow {
    /// What things of the member's app are called. What is gone, or is somebody else's business, has no name. However many
    /// there are, each kind of thing is looked up once.
    pub async fn named(&self, member: &Member, things: &[ThingId]) -> Result<HashMap<ThingId, Named>> {
        let mut wanted = Wanted { app_id: member.app_id(), by_entity: HashMap::new() };
        for thing in things {
            wanted.add(&thing.entity, &thing.id);
        }
        let mut named = Vec::new();
        let mut add = |entity: &str, id: String, name: String, place: Option<Place>| {
            named.push((ThingId { entity: entity.to_owned(), id }, Named { name, place }));
        };
        let comments = wanted.read::<Comment>(self, "comment", |one| Some(one.app_id)).await?;
        for comment in &comments {
            wanted.add("changeset", comment.changeset_id);
        }
        let drafts = wanted.read::<ParameterDraft>(self, "parameter_draft", |one| Some(one.app_id)).await?;
        let deployments = wanted.read::<Deployment>(self, "deployment", |one| Some(one.app_id)).await?;
        let freezes = wanted.read::<FreezeWindow>(self, "freeze_window", |one| Some(one.app_id)).await?;
        let environments = drafts.iter().map(|one| one.environment_id);
        let environments = environments.chain(deployments.iter().map(|one| one.environment_id));
        for id in environments.chain(freezes.iter().map(|one| one.environment_id)) {
            wanted.add("environment", id);
        }
        for one in wanted.read::<Changeset>(self, "changeset", |one| Some(one.app_id)).await? {
            let (name, place) = (format!("#{} {}", one.number, one.title), Place::Changeset(one.id));
            for comment in comments.iter().filter(|comment| comment.changeset_id == one.id) {
                add("comment", comment.id.to_string(), name.clone(), Some(place));
            }
            add("changeset", one.id.to_string(), name, Some(place));
        }
        let mut stages = HashMap::new();
        for one in wanted.read::<Environment>(self, "environment", |one| Some(one.app_id)).await? {
            stages.insert(one.id, one.name.to_string());
            add("environment", one.id.to_string(), one.name.to_string(), Some(Place::Environment(one.id)));
        }
        let on = |id: EnvironmentId| stages.get(&id).map_or("an environment that is gone", String::as_str);
        for one in &drafts {
            let values: Vec<String> = one.changes.keys().map(ToString::to_string).collect();
            let name = format!("{} in {}", values.join(", "), on(one.environment_id));
            let place = Place::Draft(one.environment_id, one.id);
            add("parameter_draft", one.id.to_string(), name, Some(place));
        }
        for one in &deployments {
            let name = format!("{} on {}", one.tag, on(one.environment_id));
            add("deployment", one.id.to_string(), name, Some(Place::Deployment(one.id)));
        }
        for one in &freezes {
            let name = format!("{} on {}", one.name, on(one.environment_id));
            add("freeze_window", one.id.to_string(), name, Some(Place::Environment(one.environment_id)));
        }
        let releases = wanted.read::<Release>(self, "release", |one| Some(one.app_id)).await?;
        let untagged: Vec<ReleaseId> =
            releases.iter().filter(|one| one.status.publication().is_none()).map(|one| one.id).collect();
        let numbers = self.numbers_in(&untagged).await?;
        for one in &releases {
            let members = numbers.get(&one.id).map_or(&[][..], Vec::as_slice);
            add("release", one.id.to_string(), release_name(one, members), Some(Place::Release(one.id)));
        }
        for one in wanted.read::<Workspace>(self, "workspace", |one| Some(one.app_id)).await? {
            let may = policy::workspace(member.viewer(), &one, WorkspaceAction::Read).is_ok();
            let place = may.then_some(Place::Workspace(one.id));
            add("workspace", one.id.to_string(), one.name.to_string(), place);
        }
        for one in wanted.read::<RuntimeProfile>(self, "runtime_profile", |one| Some(one.app_id)).await? {
            add("runtime_profile", one.id.to_string(), one.name.to_string(), Some(Place::Profile(one.id)));
        }
        for one in wanted.read::<Job>(self, "job", |one| one.app_id).await? {
            add("job", one.id.to_string(), one.work.name().replace('_', " "), Some(Place::Job(one.id)));
        }
        for one in wanted.read::<Mail>(self, "mail", |one| one.app_id).await? {
            add("mail", one.id.to_string(), one.subject, None);
        }
        // People have no app; their names stand beside what they do in this one anyway.
        for entity in ["member", "user"] {
            for one in wanted.read::<User>(self, entity, |_| Some(member.app_id())).await? {
                add(entity, one.id.to_string(), one.name.to_string(), Some(Place::Members));
            }
        }
        let app = &member.app.doc;
        for (entity, place) in [("app", Place::Settings), ("queue", Place::Queue)] {
            add(entity, app.id.to_string(), app.name.to_string(), Some(place));
        }
        Ok(named.into_iter().collect())
    }
}

/// What people call a release: its tag, or what it is to be made of.
pub fn release_name(release: &Release, members: &[u32]) -> String {
    let numbers: Vec<String> = members.iter().map(|number| format!("#{number}")).collect();
    match release.status.publication() {
        Some(publication) => publication.tag.to_string(),
        None if numbers.is_empty() => "New release".to_owned(),
        None => format!("New release of {}", numbers.join(", ")),
    }
}
