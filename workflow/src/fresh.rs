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
    format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

/// Draws random bytes, for keys and what must not come twice.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}
