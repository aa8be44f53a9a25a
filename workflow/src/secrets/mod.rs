//! Secrets of runtime profiles: AES-256-GCM, with a data key per profile that the server's master key wraps.

mod key;
mod reveal;
mod sealing;

pub use key::MasterKey;
pub use reveal::Revealed;
pub use sealing::SecretEdits;
