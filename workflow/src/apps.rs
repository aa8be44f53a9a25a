//! Making apps, listing them, and changing their settings.

use crate::actor::{Actor, Member, Page};
use crate::change::Change;
use crate::error::{Error, FieldProblem, Rejection, Result};
use crate::fresh::fresh_id;
use crate::services::Workflow;
use conman_domain::access::{Membership, Role};
use conman_domain::app::{App, AppSettings};
use conman_domain::id::AppId;
use conman_domain::name::{Slug, Title};
use conman_domain::policy::AppAction;
use conman_git::ImportSource;
use conman_store::collections::{APP_BY_SLUG, MEMBERSHIP_BY_USER};
use conman_store::{Query, Version, Versioned};
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;

/// What a new app is made of.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// Its name for people.
    pub name: Title,
    /// Its short name.
    pub slug: Slug,
    /// Where its files come from.
    pub source: AppSource,
}

/// Where a new app's files come from.
#[derive(Debug, Clone)]
pub enum AppSource {
    /// Nowhere: it starts empty.
    Empty,
    /// A repository in a folder of the server itself; the operator must have allowed that.
    Local(PathBuf),
    /// An uploaded `git bundle` file.
    Bundle(PathBuf),
}

impl Workflow {
    /// Makes an app with its repository; its maker becomes its first app admin. For instance admins.
    pub async fn create_app(&self, actor: &Actor, new: NewApp) -> Result<Versioned<App>> {
        if !actor.instance_admin {
            return Err(Rejection::Forbidden("only an instance admin makes apps".to_owned()).into());
        }
        let taken = || Error::invalid("/slug", format!("`{}` is taken by another app", new.slug));
        let query = Query::<App>::on(&APP_BY_SLUG).eq(new.slug.as_str()).limit(1);
        if !self.store().find(query).await?.items.is_empty() {
            return Err(taken());
        }
        let (id, at, settings) = (fresh_id::<AppId>(), self.now().await?, AppSettings::default());
        let branch = &settings.integration_branch;
        // Nobody can name the repository before the app is committed, so a failure leaves nothing to be seen.
        let initial_commit = match &new.source {
            AppSource::Empty => {
                let author = actor.signature(at);
                self.repositories().create(id, branch, Vec::new(), author, "Begin").await?
            }
            AppSource::Local(_) if !self.settings().local_imports => {
                let reason = "imports from the server's own folders are off; the operator turns them on";
                return Err(Rejection::Forbidden(reason.to_owned()).into());
            }
            AppSource::Local(path) => {
                self.repositories().import(id, ImportSource::Local(path.clone()), branch).await?
            }
            AppSource::Bundle(path) => {
                self.repositories().import(id, ImportSource::Bundle(path.clone()), branch).await?
            }
        };
        let app = App {
            id,
            name: new.name.clone(),
            slug: new.slug.clone(),
            settings,
            canonical_environment_id: None,
            initial_commit,
            last_changeset_number: 0,
            last_tag: None,
            last_queue_position: 0,
            created_by: actor.user_id,
            created_at: at,
        };
        let membership = Membership {
            id: fresh_id(),
            app_id: id,
            user_id: actor.user_id,
            role: Role::AppAdmin,
            added_by: None,
            created_at: at,
        };
        let mut change = Change::by(actor, Some(id), at);
        change.insert(&app).insert(&membership);
        let after = json!({"name": app.name, "slug": app.slug});
        change.audit_commit("app", id, "app.created", json!(null), after, Some(initial_commit));
        match self.commit(change).await {
            Ok(()) => {}
            Err(error @ Error::Rejected(_)) => {
                self.repositories().remove(id).await?;
                return Err(if error.conflict_code() == Some("not_unique") { taken() } else { error });
            }
            // The store may have taken the app although its answer was lost, so its repository stays.
            Err(error) => return Err(error),
        }
        self.load("app", id).await
    }

    /// The apps that an actor is a member of, with the role in each, oldest membership first.
    pub async fn list_apps(&self, actor: &Actor, page: Page) -> Result<(Vec<(Versioned<App>, Role)>, u64)> {
        let query = Query::<Membership>::on(&MEMBERSHIP_BY_USER)
            .eq(actor.user_id.to_string())
            .skip(page.skip())
            .limit(u64::from(page.limit))
            .with_total();
        let memberships = self.store().find(query).await?;
        let ids = memberships.items.iter().map(|membership| membership.app_id.to_string());
        let found = self.store().get_many::<App>(ids).await?;
        let mut found: HashMap<AppId, _> = found.into_iter().map(|app| (app.doc.id, app)).collect();
        let listed = |one: &Versioned<Membership>| Some((found.remove(&one.app_id)?, one.role));
        Ok((memberships.items.iter().filter_map(listed).collect(), memberships.total))
    }

    /// Replaces an app's name and settings.
    pub async fn update_app(
        &self,
        member: &Member,
        expected: Version,
        name: Title,
        settings: AppSettings,
    ) -> Result<Versioned<App>> {
        member.may(AppAction::ManageSettings)?;
        let problems: Vec<FieldProblem> = settings
            .problems()
            .into_iter()
            .map(|(field, message)| FieldProblem { pointer: format!("/{field}"), message })
            .collect();
        if !problems.is_empty() {
            return Err(Rejection::Invalid(problems).into());
        }
        let before = self.app_again(member).await?;
        if settings.integration_branch != before.doc.settings.integration_branch {
            return Err(Error::invalid(
                "/integration_branch",
                "the integration branch is fixed once the app exists",
            ));
        }
        if before.version != expected {
            return Err(Error::stale(before.version));
        }
        let mut app = before.doc.clone();
        (app.name, app.settings) = (name, settings);
        let mut change = Change::by(&member.actor, Some(app.id), self.now().await?);
        let shown = |app: &App| json!({"name": app.name, "settings": app.settings});
        change.replace(&app, expected);
        change.audit("app", app.id, "app.settings_changed", shown(&before.doc), shown(&app));
        self.commit(change).await?;
        self.load("app", app.id).await
    }
}
