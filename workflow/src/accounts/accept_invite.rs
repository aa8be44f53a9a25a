//! What the invited person does.

use super::guard::too_many;
use super::password::Password;
use super::sign_in::account_exists;
use crate::change::{Change, Letter};
use crate::error::{Error, Rejection, Result};
use crate::fresh::fresh_id;
use crate::{Actor, Workflow};
use conman_domain::Timestamp;
use conman_domain::access::{
    Invite, InviteEvent, InviteStatus, Membership, Role, TokenHash, TokenScope, User,
};
use conman_domain::app::App;
use conman_domain::audit::{AuditActor, RequestContext};
use conman_domain::name::{EmailAddress, Handle, Title};
use conman_store::collections::{INVITE_BY_HASH, MEMBERSHIP_BY_APP_AND_USER};
use conman_store::{CommitError, Query, Versioned};
use serde_json::{Value, json};

/// An invite as its link shows it, to whoever got the mail.
#[derive(Debug, Clone)]
pub struct InviteView {
    /// The app's name.
    pub app_name: Title,
    /// The role that it grants.
    pub role: Role,
    /// Who invited.
    pub inviter: Title,
    /// The only address that may accept it.
    pub email: EmailAddress,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether that is over; a new one can be asked for.
    pub expired: bool,
    /// Whether the address has an account: then one signs in to accept.
    pub has_account: bool,
}

/// What a new person says of themselves.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Their short name.
    pub handle: Handle,
    /// Their name.
    pub name: Title,
    /// Their password.
    pub password: Password,
}

fn no_such_invite() -> Error {
    Rejection::NotFound("invite; it may have been used, replaced or taken back").into()
}

impl Workflow {
    /// Shows the invite behind a link.
    pub async fn look_at_invite(&self, secret: &str) -> Result<InviteView> {
        let invite = self.pending_invite(secret).await?;
        let app = self.store().get::<App>(&invite.app_id.to_string()).await?.ok_or_else(no_such_invite)?;
        let inviter = self.user(invite.invited_by).await?.ok_or_else(no_such_invite)?;
        let has_account = self.user_by_email(&invite.email).await?.is_some();
        Ok(InviteView {
            app_name: app.name.clone(),
            role: invite.role,
            inviter: inviter.name.clone(),
            email: invite.email.clone(),
            expires_at: invite.expires_at,
            expired: invite.expires_at <= self.now().await?,
            has_account,
        })
    }

    /// Accepts an invite as a new person: makes the account and its membership; answers the account.
    pub async fn accept_invite_as_new(
        &self,
        secret: &str,
        account: NewAccount,
        context: RequestContext,
    ) -> Result<Versioned<User>> {
        let invite = self.open_invite(secret).await?;
        if self.user_by_email(&invite.email).await?.is_some() {
            return Err(account_exists());
        }
        account.password.check_new("/account/password", &invite.email, &account.handle, &account.name)?;
        if self.user_by_handle(&account.handle).await?.is_some() {
            return Err(Error::invalid("/account/handle", "this handle is taken; choose another"));
        }
        let password = self.guard().hashing.hash(account.password).await?;
        let at = self.now().await?;
        let user = User {
            id: fresh_id(),
            handle: account.handle,
            name: account.name,
            email: invite.email.clone(),
            password,
            instance_admin: false,
            mail_wanted: true,
            created_at: at,
            password_set_at: at,
        };
        let actor = Actor::new(&user, TokenScope::Write, context);
        let mut change = Change::by(&actor, Some(invite.app_id), at);
        change.insert(&user);
        let after = json!({"email": user.email, "handle": user.handle, "name": user.name});
        change.audit("user", user.id, "user.created", Value::Null, after);
        join(&mut change, &invite, &user, at)?;
        self.commit_new_account(change, "/account/handle").await.map_err(lost_race)?;
        Ok(Versioned { doc: user, version: conman_store::Version::FIRST })
    }

    /// Accepts an invite as a person who is signed in; the account must have the invited address.
    pub async fn accept_invite(&self, actor: &Actor, secret: &str) -> Result<()> {
        let invite = self.open_invite(secret).await?;
        if invite.email != actor.email {
            let message = "this invite is for another address; sign in with the account of that address";
            return Err(Rejection::Forbidden(message.to_owned()).into());
        }
        let user = self.user(actor.user_id).await?.ok_or_else(no_such_invite)?;
        let at = self.now().await?;
        let mut change = Change::by(actor, Some(invite.app_id), at);
        join(&mut change, &invite, &user, at)?;
        match self.store().commit(change.into_batch()).await {
            Err(CommitError::NotUnique { index, .. }) if index == MEMBERSHIP_BY_APP_AND_USER.name => {
                Err(Error::conflict("already_member", "you are a member of this app already"))
            }
            other => other.map_err(|error| lost_race(error.into())),
        }
    }

    /// Tells the inviter that an expired invite is still wanted; once an hour at most.
    pub async fn ask_for_new_invite(&self, secret: &str, context: RequestContext) -> Result<()> {
        let invite = self.pending_invite(secret).await?;
        let at = self.now().await?;
        if invite.expires_at > at {
            return Err(Error::conflict("wrong_state", "this invite still works"));
        }
        self.guard().attempts.invite_plea(&invite.id.to_string()).map_err(too_many)?;
        let inviter = self.user(invite.invited_by).await?.ok_or_else(no_such_invite)?;
        let mut change = Change::by_other(AuditActor::Anonymous, context, Some(invite.app_id), at);
        change.audit("invite", invite.id, "invite.asked_again", Value::Null, json!({"email": invite.email}));
        let letter = Letter {
            event: "invite.asked_again",
            subject: format!("{} asks for a new invite", invite.email),
            text: "The invite that you sent has expired. Resend it from the app's list of members, if it is still right."
                .to_owned(),
            link: Some(format!("/apps/{}/members", invite.app_id)),
        };
        change.mail_to(&inviter.email, Some(inviter.id), &letter);
        self.commit(change).await
    }

    async fn pending_invite(&self, secret: &str) -> Result<Versioned<Invite>> {
        let query = Query::<Invite>::on(&INVITE_BY_HASH).eq(TokenHash::of(secret).as_str()).limit(1);
        let found = self.store().find(query).await?.items.into_iter().next();
        found.filter(|invite| invite.status == InviteStatus::Pending).ok_or_else(no_such_invite)
    }

    async fn open_invite(&self, secret: &str) -> Result<Versioned<Invite>> {
        let invite = self.pending_invite(secret).await?;
        if invite.expires_at <= self.now().await? {
            return Err(Error::conflict("invite_expired", "this invite has expired; ask for a new one"));
        }
        Ok(invite)
    }
}

/// Adds the membership and uses up the invite.
fn join(change: &mut Change, invite: &Versioned<Invite>, user: &User, at: Timestamp) -> Result<()> {
    let mut used = invite.doc.clone();
    used.status = used.status.next(InviteEvent::Accept(user.id, at))?;
    let membership = Membership {
        id: fresh_id(),
        app_id: invite.app_id,
        user_id: user.id,
        role: invite.role,
        added_by: Some(invite.invited_by),
        created_at: at,
    };
    change.replace(&used, invite.version).insert(&membership);
    change.audit("invite", invite.id, "invite.accepted", Value::Null, json!({"user_id": user.id}));
    change.audit("member", user.id, "member.added", Value::Null, json!({"role": invite.role}));
    Ok(())
}

/// Of several who use one link at once, the others learn that it is used.
fn lost_race(error: Error) -> Error {
    match error.conflict_code() {
        Some(crate::error::CHANGED_MEANWHILE) => no_such_invite(),
        Some(_) | None => error,
    }
}
