//! An app's members and their roles.

use super::list::Listed;
use super::me::stale;
use crate::Workflow;
use crate::actor::{Member, Page};
use crate::change::Change;
use crate::error::{Error, Rejection, Result};
use conman_domain::access::{Membership, Role, User};
use conman_domain::id::{AppId, UserId};
use conman_domain::policy::AppAction;
use conman_store::collections::{MEMBERSHIP_BY_APP_AND_ROLE, MEMBERSHIP_BY_APP_AND_USER};
use conman_store::{Query, Version, Versioned};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

/// A member as the list shows them.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// The membership.
    pub membership: Versioned<Membership>,
    /// The account.
    pub user: User,
    /// What the viewer may do about it.
    pub allowed_actions: Vec<MemberAction>,
}

/// What can be done about a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberAction {
    /// Give another role.
    ChangeRole,
    /// Remove from the app.
    Remove,
}

impl MemberAction {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChangeRole => "change_role",
            Self::Remove => "remove",
        }
    }
}

impl Workflow {
    /// Lists an app's members with their names, first joined first.
    pub async fn list_members(&self, member: &Member, page: Page) -> Result<Listed<MemberView>> {
        member.may(AppAction::Read)?;
        let query = Query::<Membership>::on(&MEMBERSHIP_BY_APP_AND_USER).eq(member.app_id().to_string());
        let found = self.store().find(query.skip(page.skip()).limit(page.limit.into()).with_total()).await?;
        let several_admins = self.admins(member.app_id()).await?.len() > 1;
        let views: Vec<Option<MemberView>> = futures::stream::iter(found.items)
            .map(|membership| async move {
                let user = self.user(membership.user_id).await?;
                Ok::<_, Error>(user.map(|user| {
                    let allowed_actions = allowed(member, &membership, several_admins);
                    MemberView { membership, user: user.doc, allowed_actions }
                }))
            })
            .buffered(16)
            .try_collect()
            .await?;
        Ok(Listed { items: views.into_iter().flatten().collect(), total: found.total })
    }

    /// Gives a member another role; the last app admin keeps theirs.
    pub async fn change_role(
        &self,
        member: &Member,
        user_id: UserId,
        role: Role,
        expected: Option<Version>,
    ) -> Result<MemberView> {
        member.may(AppAction::ManageMembers)?;
        let target = self.membership(member.app_id(), user_id).await?;
        if let Some(expected) = expected
            && expected != target.version
        {
            return Err(stale(target.version));
        }
        let user = self.user(user_id).await?.ok_or(Rejection::NotFound("member"))?;
        let mut membership = target.clone();
        if target.role != role {
            let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
            if target.role == Role::AppAdmin {
                self.keep_an_admin(&mut change, &target).await?;
            }
            membership.doc.role = role;
            membership.version = target.version.next();
            change.replace(&membership.doc, target.version);
            let (before, after) = (json!({"role": target.role}), json!({"role": role}));
            change.audit("member", user_id, "member.role_changed", before, after);
            self.commit(change).await?;
        }
        let several_admins = self.admins(member.app_id()).await?.len() > 1;
        let allowed_actions = allowed(member, &membership, several_admins);
        Ok(MemberView { membership, user: user.doc, allowed_actions })
    }

    /// Removes a member, at once; the last app admin stays.
    pub async fn remove_member(&self, member: &Member, user_id: UserId) -> Result<()> {
        member.may(AppAction::ManageMembers)?;
        let target = self.membership(member.app_id(), user_id).await?;
        let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
        if target.role == Role::AppAdmin {
            self.keep_an_admin(&mut change, &target).await?;
        }
        change.delete(&target).audit(
            "member",
            user_id,
            "member.removed",
            json!({"role": target.role}),
            Value::Null,
        );
        self.commit(change).await
    }

    /// Finds an account's membership of an app.
    pub(crate) async fn membership(&self, app_id: AppId, user_id: UserId) -> Result<Versioned<Membership>> {
        self.find_membership(app_id, user_id).await?.ok_or_else(|| Rejection::NotFound("member").into())
    }

    pub(crate) async fn is_member(&self, app_id: AppId, user_id: UserId) -> Result<bool> {
        Ok(self.find_membership(app_id, user_id).await?.is_some())
    }

    async fn find_membership(&self, app_id: AppId, user_id: UserId) -> Result<Option<Versioned<Membership>>> {
        let query = Query::<Membership>::on(&MEMBERSHIP_BY_APP_AND_USER)
            .eq(app_id.to_string())
            .eq(user_id.to_string())
            .limit(1);
        Ok(self.store().find(query).await?.items.into_iter().next())
    }

    /// Two of the app's admins, if there are as many.
    async fn admins(&self, app_id: AppId) -> Result<Vec<Versioned<Membership>>> {
        let query = Query::<Membership>::on(&MEMBERSHIP_BY_APP_AND_ROLE)
            .eq(app_id.to_string())
            .eq(Role::AppAdmin.name())
            .limit(2);
        Ok(self.store().find(query).await?.items)
    }

    /// Demands that another admin is there and stays while this change is committed: two admins who demote each other
    /// at the same moment do not both succeed.
    async fn keep_an_admin(&self, change: &mut Change, leaving: &Membership) -> Result<()> {
        let admins = self.admins(leaving.app_id).await?;
        let Some(other) = admins.iter().find(|admin| admin.user_id != leaving.user_id) else {
            return Err(Error::conflict(
                "last_app_admin",
                "an app keeps at least one app admin; make another one first",
            ));
        };
        change.check(other);
        Ok(())
    }
}

fn allowed(viewer: &Member, target: &Membership, several_admins: bool) -> Vec<MemberAction> {
    let replaceable = target.role != Role::AppAdmin || several_admins;
    if viewer.may(AppAction::ManageMembers).is_ok() && replaceable {
        return vec![MemberAction::ChangeRole, MemberAction::Remove];
    }
    Vec::new()
}
