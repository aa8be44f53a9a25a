//! Accounts, memberships, invites and tokens.

use crate::id::{AppId, EnvironmentId, InviteId, MembershipId, TokenId, UserId};
use crate::name::{EmailAddress, Handle, Title};
use crate::state::IllegalTransition;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What an account may do in one app; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Edits in workspaces, submits changesets, comments.
    User,
    /// Reviews changesets.
    Reviewer,
    /// Composes, publishes, deploys and promotes releases.
    ConfigManager,
    /// Sets up the app and its people.
    AppAdmin,
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Role; 4] = [Role::User, Role::Reviewer, Role::ConfigManager, Role::AppAdmin];

    /// The role's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Reviewer => "reviewer",
            Role::ConfigManager => "config_manager",
            Role::AppAdmin => "app_admin",
        }
    }
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its unique short name, used in branches.
    pub handle: Handle,
    /// How people call them.
    pub name: Title,
    /// Its unique address.
    pub email: EmailAddress,
    /// The password's argon2id hash in PHC form.
    pub password: PasswordHash,
    /// Whether the account creates apps and manages accounts.
    pub instance_admin: bool,
    /// Whether mails are wanted.
    pub mail_wanted: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the password was last set.
    pub password_set_at: Timestamp,
}

/// A password's hash in PHC form; never printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// The SHA-256 of a secret token, in hex: all that is kept of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(String);

impl TokenHash {
    /// Hashes a token. Tokens carry 256 random bits, so a plain fast hash is enough.
    pub fn of(token: &str) -> Self {
        use sha2::{Digest, Sha256};
        let mut text = vec![0; 64];
        hex::encode_to_slice(Sha256::digest(token.as_bytes()), &mut text).expect("it has room for 32 bytes");
        Self(String::from_utf8(text).expect("hex is text"))
    }

    /// The hash in hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// An account's role in an app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// The app.
    pub app_id: AppId,
    /// The account.
    pub user_id: UserId,
    /// The role.
    pub role: Role,
    /// Who added them; none for the app's creator.
    pub added_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

/// An invitation of an address into an app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// The app.
    pub app_id: AppId,
    /// The only address that may accept it.
    pub email: EmailAddress,
    /// The role that it grants.
    pub role: Role,
    /// Who invited.
    pub invited_by: UserId,
    /// The hash of the mailed token.
    pub token_hash: TokenHash,
    /// Where it stands.
    pub status: InviteStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// Where an invite stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum InviteStatus {
    /// Waits to be accepted.
    Pending,
    /// Was accepted.
    Accepted {
        /// By whom.
        user_id: UserId,
        /// When.
        accepted_at: Timestamp,
    },
    /// Was taken back.
    Revoked {
        /// By whom.
        user_id: UserId,
        /// When.
        revoked_at: Timestamp,
    },
}

/// What happens to an invite.
#[derive(Debug, Clone)]
pub enum InviteEvent {
    /// The invited person makes or uses an account.
    Accept(UserId, Timestamp),
    /// An app admin takes it back.
    Revoke(UserId, Timestamp),
}

impl InviteStatus {
    /// The status after an event.
    pub fn next(self, event: InviteEvent) -> Result<Self, IllegalTransition> {
        let refuse = |state, event| Err(IllegalTransition { machine: "invite", state, event });
        match (self, event) {
            (Self::Pending, InviteEvent::Accept(user_id, accepted_at)) => {
                Ok(Self::Accepted { user_id, accepted_at })
            }
            (Self::Pending, InviteEvent::Revoke(user_id, revoked_at)) => {
                Ok(Self::Revoked { user_id, revoked_at })
            }
            (Self::Accepted { .. }, InviteEvent::Accept(..)) => refuse("accepted", "accept"),
            (Self::Accepted { .. }, InviteEvent::Revoke(..)) => refuse("accepted", "revoke"),
            (Self::Revoked { .. }, InviteEvent::Accept(..)) => refuse("revoked", "accept"),
            (Self::Revoked { .. }, InviteEvent::Revoke(..)) => refuse("revoked", "revoke"),
        }
    }
}

/// A secret that stands for an account, a program or one permitted act; only its hash is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it stands for.
    pub purpose: TokenPurpose,
    /// The name that its owner gave it.
    pub name: Title,
    /// The hash of the secret.
    pub token_hash: TokenHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; never if none.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TokenPurpose {
    /// Acts as an account, for scripts and the command line.
    Personal {
        /// The account.
        user_id: UserId,
        /// What it may do.
        scope: TokenScope,
    },
    /// Reads one environment's configuration, for programs.
    Service {
        /// The app.
        app_id: AppId,
        /// The environment.
        environment_id: EnvironmentId,
        /// Who made it.
        created_by: UserId,
    },
    /// Sets a new password, once.
    PasswordReset {
        /// The account.
        user_id: UserId,
    },
    /// Makes the first account, once.
    FirstSetup,
}

/// What a personal access token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Read only.
    Read,
    /// Everything that the account may do.
    Write,
}

/// A browser that is signed in; only the hash of its cookie's secret is kept.
///
/// It ends with the password that opened it: where `password_set_at` is not the account's, the session is dead, whether
/// or not it was removed already.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// The hash of the cookie's secret.
    pub id: TokenHash,
    /// The account.
    pub user_id: UserId,
    /// When the password that opened it was set.
    pub password_set_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}
