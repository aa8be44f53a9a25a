//! New ids and secrets: the only place that draws random numbers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use uuid::Uuid;

/// Makes a new id (UUIDv7, so that ids of one process grow with time).
pub fn fresh_id<T: From<Uuid>>() -> T {
    T::from(Uuid::now_v7())
}

/// Makes a secret of 256 random bits behind a prefix that tells its kind, e.g. `cpat_…`.
pub fn random_token(prefix: &str) -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(bytes))
}
