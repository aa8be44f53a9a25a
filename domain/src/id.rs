//! Identifiers: UUIDv7 newtypes, parsed once at the edge.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Says why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct InvalidId {
    /// What the id was to name, e.g. `app`.
    pub kind: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID; new ids are made by the callers of this crate, which own clock and randomness.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Takes the hyphenated form only, so that one id has one spelling.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    Ok(_) | Err(_) => Err(InvalidId { kind: $kind }),
                }
            }
        }
    )*};
}

ids! {
    /// Names an account.
    UserId = "user";
    /// Names an app.
    AppId = "app";
    /// Names a membership of one account in one app.
    MembershipId = "membership";
    /// Names an invite.
    InviteId = "invite";
    /// Names a personal access token, service token or one-time link.
    TokenId = "token";
    /// Names a workspace.
    WorkspaceId = "workspace";
    /// Names a changeset (people say `#12`, its number in the app).
    ChangesetId = "changeset";
    /// Names one review decision.
    ReviewId = "review";
    /// Names a comment.
    CommentId = "comment";
    /// Names a release.
    ReleaseId = "release";
    /// Names an environment.
    EnvironmentId = "environment";
    /// Names a runtime profile.
    ProfileId = "runtime profile";
    /// Names a deployment.
    DeploymentId = "deployment";
    /// Names a draft of parameters, which may be a save.
    DraftId = "draft";
    /// Names a freeze window.
    FreezeWindowId = "freeze window";
    /// Names a run of a program.
    RunId = "run";
    /// Names a job.
    JobId = "job";
    /// Names a mail in the outbox.
    MailId = "mail";
    /// Names an audit event.
    AuditEventId = "audit event";
    /// Names a request, echoed as `X-Request-Id`.
    RequestId = "request";
    /// Names a worker's session with an environment.
    WorkerId = "worker";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        let text = "0190f3a0-7c1e-7abc-8def-0123456789ab";
        assert_eq!(text.parse::<AppId>().unwrap().to_string(), text);
        for bad in ["", "0190f3a07c1e7abc8def0123456789ab", "{0190f3a0-7c1e-7abc-8def-0123456789ab}", "x"] {
            assert!(bad.parse::<AppId>().is_err(), "{bad}");
        }
    }
}
