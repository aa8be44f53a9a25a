//! Accounts: who people are, how they prove it, and what they belong to.
//!
//! Secrets (passwords, tokens, links) are hashed before they are kept; a link's secret stands in its mail and nowhere
//! else. Nothing here tells whether an address has an account, and unknown addresses cost as much work as known ones.

mod accept_invite;
mod attempts;
mod authenticate;
mod change_password;
mod guard;
mod hashing;
mod invites;
mod list;
mod me;
mod members;
mod password;
mod personal_tokens;
mod reset_password;
mod service_tokens;
mod sessions;
mod setup;
mod sign_in;

pub use accept_invite::{InviteView, NewAccount};
pub use authenticate::Program;
pub(crate) use authenticate::{KnownTokens, SeenToken};
pub use change_password::ChangePassword;
pub use guard::Guard;
pub use invites::InviteAction;
pub use list::Listed;
pub use me::{Me, MyMembership, UpdateMe};
pub use members::{MemberAction, MemberView};
pub use password::Password;
pub use personal_tokens::{NewToken, NewTokenRequest};
pub use service_tokens::NewServiceToken;
pub use setup::FirstAccount;
