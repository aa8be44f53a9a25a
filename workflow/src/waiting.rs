//! Everything that waits for one person, over all of their apps.
//!
//! The number of looks into the store does not depend on how many apps there are: each kind of thing is found for all of
//! them at once, and only what a page shows is looked up further.

use crate::actor::{Actor, Page};
use crate::error::Result;
use crate::services::Workflow;
use conman_domain::Timestamp;
use conman_domain::access::{Invite, Membership};
use conman_domain::app::App;
use conman_domain::changeset::{Changeset, ChangesetStatus};
use conman_domain::deployment::Deployment;
use conman_domain::draft::ParameterDraft;
use conman_domain::id::{AppId, ChangesetId};
use conman_domain::policy::{self, AppAction, Viewer};
use conman_domain::release::{Release, ReleaseMember};
use conman_domain::waiting::{self, Ask, Contained};
use conman_store::collections::{
    CHANGESET_APPROVED, CHANGESET_IN_REVIEW, CHANGESET_OF_AUTHOR, CHANGESET_QUEUE, DEPLOYMENT_PENDING,
    DRAFT_PENDING, INVITE_BY_END, MEMBER_HELD, MEMBERSHIP_BY_USER, RELEASE_UNPUBLISHED,
};
use conman_store::{Document, Index, Query};
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The most things of one kind that are looked at; the ones that wait longest.
const MOST: u64 = 1_000;
/// How many repositories are asked at once.
const AT_ONCE: usize = 8;

/// Which of what waits is wanted; what is left out restricts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct WaitingFilter {
    /// What waits in one app.
    pub app: Option<AppId>,
    /// What one is waited for.
    pub ask: Option<Ask>,
}

/// Something that waits for the person who asks.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// For what.
    pub ask: Ask,
    /// In which app.
    pub app: App,
    /// What waits.
    pub subject: Subject,
    /// Since when.
    pub since: Timestamp,
}

/// What waits.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A changeset.
    Changeset(Changeset),
    /// A draft of critical parameters.
    Draft(ParameterDraft),
    /// A deployment.
    Deployment(Deployment),
    /// A release that is not published.
    Release(Release),
    /// Queued changesets that no release holds: their numbers, in order.
    Queue(Vec<u32>),
    /// An invite that was not accepted in time.
    Invite(Invite),
}

impl Subject {
    fn id(&self) -> String {
        match self {
            Self::Changeset(changeset) => changeset.id.to_string(),
            Self::Draft(draft) => draft.id.to_string(),
            Self::Deployment(deployment) => deployment.id.to_string(),
            Self::Release(release) => release.id.to_string(),
            Self::Queue(numbers) => format!("{numbers:?}"),
            Self::Invite(invite) => invite.id.to_string(),
        }
    }
}

impl Workflow {
    /// What waits for an account in all of its apps: what holds an environment first, then what waits longest. Answers
    /// the page, and how many there are on all pages.
    pub async fn waiting(
        &self,
        actor: &Actor,
        filter: WaitingFilter,
        page: Page,
    ) -> Result<(Vec<Waiting>, u64)> {
        let mut apps = self.viewed(actor).await?;
        apps.retain(|id, _| filter.app.is_none_or(|app| app == *id));
        let (changesets, queued, drafts, deployments, releases, invites) = tokio::try_join!(
            self.waiting_changesets(actor, &apps),
            self.waiting_queues(&apps),
            self.of_apps(&apps, &DRAFT_PENDING, |_| true),
            self.of_apps(&apps, &DEPLOYMENT_PENDING, |_| true),
            self.of_apps(&apps, &RELEASE_UNPUBLISHED, |viewer| waiting::queue(viewer).is_some()),
            self.of_apps(&apps, &INVITE_BY_END, |viewer| policy::app(viewer, AppAction::Invite).is_ok()),
        )?;
        let now = self.now().await?;
        let mut all = changesets;
        all.extend(queued);
        let mut add = |app_id: AppId, ask: &dyn Fn(Viewer) -> Option<Ask>, since, subject| {
            if let Some((app, viewer)) = apps.get(&app_id)
                && let Some(ask) = ask(*viewer)
            {
                all.push(Waiting { ask, app: app.clone(), subject, since });
            }
        };
        for draft in drafts {
            let ask = |viewer| waiting::draft(viewer, &draft);
            add(draft.app_id, &ask, draft.created_at, Subject::Draft(draft.clone()));
        }
        for deployment in deployments {
            let ask = |viewer| waiting::deployment(viewer, &deployment);
            add(deployment.app_id, &ask, deployment.created_at, Subject::Deployment(deployment.clone()));
        }
        for release in releases {
            let ask = |viewer| waiting::release(viewer, &release);
            add(release.app_id, &ask, release.updated_at, Subject::Release(release.clone()));
        }
        for invite in invites {
            let ask = |viewer| waiting::invite(viewer, &invite, now);
            add(invite.app_id, &ask, invite.expires_at, Subject::Invite(invite.clone()));
        }
        all.retain(|one| filter.ask.is_none_or(|ask| ask == one.ask));
        all.sort_by_cached_key(|one| (!one.ask.is_urgent(), one.since, one.subject.id()));
        let total = all.len() as u64;
        let first = usize::try_from(page.skip()).unwrap_or(usize::MAX);
        Ok((all.into_iter().skip(first).take(page.limit as usize).collect(), total))
    }

    /// The apps that an account is a member of, with the account as the policy sees it there.
    async fn viewed(&self, actor: &Actor) -> Result<HashMap<AppId, (App, Viewer)>> {
        let query = Query::<Membership>::on(&MEMBERSHIP_BY_USER).eq(actor.user_id.to_string()).limit(MOST);
        let memberships = self.store().find(query).await?.items;
        let ids = memberships.iter().map(|membership| membership.app_id.to_string());
        let apps = self.store().get_many::<App>(ids).await?;
        let roles: HashMap<AppId, _> = memberships.iter().map(|one| (one.app_id, one.role)).collect();
        let viewed = |app: App| {
            let viewer = Viewer { user_id: actor.user_id, role: *roles.get(&app.id)? };
            Some((app.id, (app, viewer)))
        };
        Ok(apps.into_iter().filter_map(|app| viewed(app.doc)).collect())
    }

    /// What an index finds in those of the apps for whose viewer the filter says yes.
    async fn of_apps<T: Document>(
        &self,
        apps: &HashMap<AppId, (App, Viewer)>,
        index: &'static Index,
        matters: impl Fn(Viewer) -> bool,
    ) -> Result<Vec<T>> {
        let ids = apps.iter().filter(|(_, (_, viewer))| matters(*viewer)).map(|(id, _)| id.to_string());
        let query = Query::<T>::on(index).any_of(ids).limit(MOST);
        Ok(self.store().find(query).await?.items.into_iter().map(|found| found.doc).collect())
    }

    async fn waiting_changesets(
        &self,
        actor: &Actor,
        apps: &HashMap<AppId, (App, Viewer)>,
    ) -> Result<Vec<Waiting>> {
        let own = async {
            let query =
                Query::<Changeset>::on(&CHANGESET_OF_AUTHOR).eq(actor.user_id.to_string()).limit(MOST);
            Ok(self.store().find(query).await?.items)
        };
        let (in_review, approved, own) = tokio::try_join!(
            self.of_apps::<Changeset>(apps, &CHANGESET_IN_REVIEW, |_| true),
            self.of_apps::<Changeset>(apps, &CHANGESET_APPROVED, |_| true),
            own,
        )?;
        let own = own.into_iter().map(|found| found.doc);
        let all: BTreeMap<ChangesetId, Changeset> =
            in_review.into_iter().chain(approved).chain(own).map(|found| (found.id, found)).collect();
        // Only what somebody is waited for at all is worth a look into its repository.
        let candidates = all.into_values().filter_map(|changeset| {
            let (app, viewer) = apps.get(&changeset.app_id)?;
            let asks = |contained| waiting::changeset(*viewer, &changeset, contained);
            asks(Contained::Head).or_else(|| asks(Contained::Behind))?;
            Some((app.clone(), *viewer, changeset))
        });
        let found: Vec<Option<Waiting>> = futures::stream::iter(candidates.collect::<Vec<_>>())
            .map(|(app, viewer, changeset)| async move {
                let contained = self.contained(&app, &changeset).await?;
                let ask = waiting::changeset(viewer, &changeset, contained);
                let since = changeset.updated_at;
                let subject = Subject::Changeset(changeset);
                Ok::<_, crate::Error>(ask.map(|ask| Waiting { ask, app, subject, since }))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Whether an approved changeset contains the integration head, so that the queue takes it.
    pub async fn contained(&self, app: &App, changeset: &Changeset) -> Result<Contained> {
        let (ChangesetStatus::Approved { .. }, Some(revision)) = (&changeset.status, &changeset.revision)
        else {
            return Ok(Contained::Head);
        };
        let head = self.integration_head(app).await?;
        let holds = self.repository(app.id).is_ancestor(head, revision.head).await?;
        Ok(if holds { Contained::Head } else { Contained::Behind })
    }

    /// One row for each app with queued changesets that no release holds.
    async fn waiting_queues(&self, apps: &HashMap<AppId, (App, Viewer)>) -> Result<Vec<Waiting>> {
        let may = |viewer| waiting::queue(viewer).is_some();
        let queued = self.of_apps::<Changeset>(apps, &CHANGESET_QUEUE, may).await?;
        let query = Query::<ReleaseMember>::on(&MEMBER_HELD)
            .any_of(queued.iter().map(|changeset| changeset.id.to_string()));
        let held: HashSet<ChangesetId> =
            self.store().find(query).await?.items.iter().map(|member| member.changeset_id).collect();
        let mut by_app: BTreeMap<AppId, Vec<&Changeset>> = BTreeMap::new();
        for changeset in queued.iter().filter(|changeset| !held.contains(&changeset.id)) {
            by_app.entry(changeset.app_id).or_default().push(changeset);
        }
        let row = |(id, waiting): (AppId, Vec<&Changeset>)| {
            let (app, viewer) = apps.get(&id)?;
            let since = waiting.iter().map(|changeset| changeset.updated_at).min()?;
            let subject = Subject::Queue(waiting.iter().map(|changeset| changeset.number).collect());
            Some(Waiting { ask: waiting::queue(*viewer)?, app: app.clone(), subject, since })
        };
        Ok(by_app.into_iter().filter_map(row).collect())
    }
}
