//! Inviting people into an app.

use super::list::Listed;
use crate::Workflow;
use crate::actor::{Member, Page};
use crate::change::{Change, Letter};
use crate::error::{Error, Rejection, Result};
use crate::fresh::{fresh_id, random_token};
use chrono::TimeDelta;
use conman_domain::Timestamp;
use conman_domain::access::{Invite, InviteEvent, InviteStatus, Role, TokenHash};
use conman_domain::id::InviteId;
use conman_domain::name::EmailAddress;
use conman_domain::policy::AppAction;
use conman_store::collections::{INVITE_BY_APP, INVITE_PENDING};
use conman_store::{CommitError, Query, Version, Versioned};
use serde_json::{Value, json};

/// How long an invite waits.
const LIFETIME: TimeDelta = TimeDelta::days(7);

/// What can be done about an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteAction {
    /// Mail it again, with a new link.
    Resend,
    /// Take it back.
    Revoke,
}

impl InviteAction {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::Revoke => "revoke",
        }
    }

    /// What a member may do about an invite.
    pub fn allowed(member: &Member, invite: &Invite) -> Vec<Self> {
        if member.may(AppAction::Invite).is_ok() && invite.status == InviteStatus::Pending {
            return vec![Self::Resend, Self::Revoke];
        }
        Vec::new()
    }
}

impl Workflow {
    /// Lists an app's invites, newest first.
    pub async fn list_invites(&self, member: &Member, page: Page) -> Result<Listed<Versioned<Invite>>> {
        member.may(AppAction::Invite)?;
        let query = Query::<Invite>::on(&INVITE_BY_APP).eq(member.app_id().to_string()).descending();
        let found = self.store().find(query.skip(page.skip()).limit(page.limit.into()).with_total()).await?;
        Ok(Listed { items: found.items, total: found.total })
    }

    /// Invites an address; the link is mailed to it and stands nowhere else.
    pub async fn invite(
        &self,
        member: &Member,
        email: EmailAddress,
        role: Role,
    ) -> Result<Versioned<Invite>> {
        member.may(AppAction::Invite)?;
        // For an address without an account the same is looked up, so that the time tells nothing.
        let user_id = self.user_by_email(&email).await?.map_or_else(fresh_id, |user| user.id);
        if self.is_member(member.app_id(), user_id).await? {
            return Err(Error::conflict("already_member", "this address belongs to a member already"));
        }
        let at = self.now().await?;
        let secret = random_token("cinv");
        let invite = Invite {
            id: fresh_id(),
            app_id: member.app_id(),
            email,
            role,
            invited_by: member.actor.user_id,
            token_hash: TokenHash::of(&secret),
            status: InviteStatus::Pending,
            created_at: at,
            expires_at: at.plus(LIFETIME),
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        self.clear_expired(&mut change, member, &invite.email, at).await?;
        change.insert(&invite);
        change.audit("invite", invite.id, "invite.created", Value::Null, told(&invite));
        change.mail_to(&invite.email, None, &letter(member, &invite, &secret));
        match self.store().commit(change.into_batch()).await {
            Ok(()) => Ok(Versioned { doc: invite, version: Version::FIRST }),
            Err(CommitError::NotUnique { index, .. }) if index == INVITE_PENDING.name => {
                Err(Error::conflict(
                    "already_invited",
                    "this address is invited already; resend that invite instead",
                ))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Mails an invite again, with a new link and another seven days; the old link is dead.
    pub async fn resend_invite(&self, member: &Member, id: InviteId) -> Result<Versioned<Invite>> {
        member.may(AppAction::Invite)?;
        let invite = self.invite_of(member, id).await?;
        if invite.status != InviteStatus::Pending {
            return Err(Error::conflict("wrong_state", "only an invite that waits is sent again"));
        }
        let at = self.now().await?;
        let secret = random_token("cinv");
        let mut new = invite.doc.clone();
        new.token_hash = TokenHash::of(&secret);
        new.expires_at = at.plus(LIFETIME);
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.replace(&new, invite.version);
        change.audit("invite", id, "invite.resent", told(&invite), told(&new));
        change.mail_to(&new.email, None, &letter(member, &new, &secret));
        self.commit(change).await?;
        Ok(Versioned { doc: new, version: invite.version.next() })
    }

    /// Takes an invite back.
    pub async fn revoke_invite(&self, member: &Member, id: InviteId) -> Result<()> {
        member.may(AppAction::Invite)?;
        let invite = self.invite_of(member, id).await?;
        let at = self.now().await?;
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        revoke(&mut change, member, &invite, at)?;
        self.commit(change).await
    }

    async fn invite_of(&self, member: &Member, id: InviteId) -> Result<Versioned<Invite>> {
        let invite = self.load::<Invite>("invite", id).await?;
        if invite.app_id != member.app_id() {
            return Err(Rejection::NotFound("invite").into());
        }
        Ok(invite)
    }

    /// Makes room for a new invite where an expired one still waits.
    async fn clear_expired(
        &self,
        change: &mut Change,
        member: &Member,
        email: &EmailAddress,
        at: Timestamp,
    ) -> Result<()> {
        let query =
            Query::<Invite>::on(&INVITE_PENDING).eq(member.app_id().to_string()).eq(email.as_str()).limit(1);
        for waiting in
            self.store().find(query).await?.items.into_iter().filter(|invite| invite.expires_at <= at)
        {
            revoke(change, member, &waiting, at)?;
        }
        Ok(())
    }
}

fn revoke(change: &mut Change, member: &Member, invite: &Versioned<Invite>, at: Timestamp) -> Result<()> {
    let mut new = invite.doc.clone();
    new.status = new.status.next(InviteEvent::Revoke(member.actor.user_id, at))?;
    change.replace(&new, invite.version);
    change.audit("invite", invite.id, "invite.revoked", told(invite), Value::Null);
    Ok(())
}

fn told(invite: &Invite) -> Value {
    json!({"email": invite.email, "role": invite.role, "expires_at": invite.expires_at})
}

fn letter(member: &Member, invite: &Invite, secret: &str) -> Letter {
    Letter {
        event: "invite.created",
        subject: format!("You are invited to {}", member.app.name),
        text: format!(
            "{} invites you to the app {} as {}. The link works once, for 7 days, and for this address only.",
            member.actor.name,
            member.app.name,
            invite.role.name()
        ),
        link: Some(format!("/invite/{secret}")),
    }
}
