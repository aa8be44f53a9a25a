//! Who asks: an account, and its membership of an app.

use conman_domain::access::{Membership, Role, User};
use conman_domain::app::App;
use conman_domain::audit::{AuditActor, RequestContext};
use conman_domain::git::Signature;
use conman_domain::id::{AppId, UserId};
use conman_domain::name::{EmailAddress, Handle, Title};
use conman_domain::policy::{self, AppAction, Viewer};
use conman_domain::{Timestamp, access::TokenScope};
use conman_store::Versioned;

/// An account that asks for something, and where its request came from.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The account.
    pub user_id: UserId,
    /// Its short name.
    pub handle: Handle,
    /// Its name.
    pub name: Title,
    /// Its address.
    pub email: EmailAddress,
    /// Whether it creates apps and manages accounts.
    pub instance_admin: bool,
    /// What the credentials allow: a session allows all.
    pub scope: TokenScope,
    /// Where the request came from.
    pub context: RequestContext,
}

impl Actor {
    /// The actor for an account.
    pub fn new(user: &User, scope: TokenScope, context: RequestContext) -> Self {
        Self {
            user_id: user.id,
            handle: user.handle.clone(),
            name: user.name.clone(),
            email: user.email.clone(),
            instance_admin: user.instance_admin,
            scope,
            context,
        }
    }

    /// How commits name the actor.
    pub fn signature(&self, at: Timestamp) -> Signature {
        Signature::new(self.name.as_str(), self.email.as_str(), at)
    }

    /// How the audit log names the actor.
    pub fn audited(&self) -> AuditActor {
        AuditActor::User { user_id: self.user_id, name: self.name.as_str().to_owned() }
    }
}

/// Proof that an account is a member of an app: everything within an app asks for one.
///
/// Only [`Workflow::member`](crate::Workflow::member) makes one; for everybody else the app does not exist.
#[derive(Debug, Clone)]
pub struct Member {
    /// The account.
    pub actor: Actor,
    /// The app, as it was when the membership was checked.
    pub app: Versioned<App>,
    /// The account's role in the app.
    pub role: Role,
    /// The membership that gives the role.
    pub(crate) membership: Versioned<Membership>,
}

impl Member {
    /// The app's id.
    pub fn app_id(&self) -> AppId {
        self.app.doc.id
    }

    /// The member as the policy sees them.
    pub fn viewer(&self) -> Viewer {
        Viewer { user_id: self.actor.user_id, role: self.role }
    }

    /// Asks the policy about the app itself.
    pub fn may(&self, action: AppAction) -> crate::Result<()> {
        policy::app(self.viewer(), action).map_err(Into::into)
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub page: u32,
    /// At most [`Page::MAX_LIMIT`].
    pub limit: u32,
}

impl Page {
    /// The most rows of one page.
    pub const MAX_LIMIT: u32 = 200;

    /// How many rows come before.
    pub fn skip(self) -> u64 {
        u64::from(self.page.saturating_sub(1)) * u64::from(self.limit)
    }
}
