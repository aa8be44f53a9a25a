//! Keys, and what they lock.

use crate::fresh::random_bytes;
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conman_domain::id::{AppId, ProfileId};
use conman_domain::name::ParameterName;
use conman_domain::secret::Sealed;
use std::fmt;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// The server's key, which wraps the data keys of profiles. It does not print, and is wiped when it is let go.
#[derive(Clone)]
pub struct MasterKey(Key);

/// The key of one profile's secrets.
#[derive(Clone)]
pub(super) struct DataKey(Key);

type Key = Zeroizing<[u8; KEY_BYTES]>;

/// A value that a key does not open: it was locked by another key, for something else, or is damaged.
#[derive(Debug, thiserror::Error)]
#[error("the key does not open it")]
pub(super) struct DoesNotOpen;

impl MasterKey {
    /// Takes 32 bytes, which must be random.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Makes a fresh data key, and wraps it for a profile.
    pub(super) fn wrap_fresh(&self, app: AppId, profile: ProfileId) -> (DataKey, Sealed) {
        let bytes = Zeroizing::new(random_bytes::<KEY_BYTES>());
        let wrapped = lock(&self.0, &bytes[..], &format!("data key of profile {profile} in app {app}"));
        (DataKey(bytes), wrapped)
    }

    /// Opens a wrapped data key.
    pub(super) fn unwrap(
        &self,
        wrapped: &Sealed,
        app: AppId,
        profile: ProfileId,
    ) -> Result<DataKey, DoesNotOpen> {
        let bytes = open(&self.0, wrapped, &format!("data key of profile {profile} in app {app}"))?;
        let bytes: [u8; KEY_BYTES] = bytes[..].try_into().map_err(|_| DoesNotOpen)?;
        Ok(DataKey(Zeroizing::new(bytes)))
    }
}

/// Where a secret belongs: a value that was sealed for one place does not open at another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belongs<'a> {
    pub(super) app: AppId,
    pub(super) profile: ProfileId,
    pub(super) name: &'a ParameterName,
    pub(super) version: u32,
}

impl Belongs<'_> {
    fn told(self) -> String {
        let Self { app, profile, name, version } = self;
        format!("secret {name} in version {version} of profile {profile} in app {app}")
    }
}

impl DataKey {
    /// Seals a value.
    pub(super) fn seal(&self, text: &str, belongs: Belongs<'_>) -> Sealed {
        lock(&self.0, text.as_bytes(), &belongs.told())
    }

    /// Opens a value.
    pub(super) fn open(&self, sealed: &Sealed, belongs: Belongs<'_>) -> Result<String, DoesNotOpen> {
        let bytes = open(&self.0, sealed, &belongs.told())?;
        std::str::from_utf8(&bytes).map(str::to_owned).map_err(|_| DoesNotOpen)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

fn lock(key: &Key, plain: &[u8], belongs: &str) -> Sealed {
    let nonce = random_bytes::<NONCE_BYTES>();
    let cipher = Aes256Gcm::new_from_slice(&key[..]).expect("the key has 32 bytes");
    let payload = Payload { msg: plain, aad: belongs.as_bytes() };
    let ciphertext =
        cipher.encrypt(&Nonce::from(nonce), payload).expect("what is sealed is far shorter than 64 GiB");
    Sealed { nonce: STANDARD.encode(nonce), ciphertext: STANDARD.encode(ciphertext) }
}

fn open(key: &Key, sealed: &Sealed, belongs: &str) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| DoesNotOpen);
    let nonce: [u8; NONCE_BYTES] = bytes(&sealed.nonce)?.try_into().map_err(|_| DoesNotOpen)?;
    let ciphertext = bytes(&sealed.ciphertext)?;
    let cipher = Aes256Gcm::new_from_slice(&key[..]).expect("the key has 32 bytes");
    let payload = Payload { msg: &ciphertext, aad: belongs.as_bytes() };
    cipher.decrypt(&Nonce::from(nonce), payload).map(Zeroizing::new).map_err(|_| DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn app(n: u128) -> AppId {
        AppId::new(Uuid::from_u128(n))
    }

    fn profile(n: u128) -> ProfileId {
        ProfileId::new(Uuid::from_u128(n))
    }

    #[test]
    fn what_is_sealed_opens_where_it_belongs_and_nowhere_else() {
        let master = MasterKey::new([7; 32]);
        let (key, wrapped) = master.wrap_fresh(app(1), profile(2));
        let (name, other) = ("API_KEY".parse().unwrap(), "API_KEZ".parse().unwrap());
        let belongs = Belongs { app: app(1), profile: profile(2), name: &name, version: 3 };
        let sealed = key.seal("hunter2, ä", belongs);

        let again = master.unwrap(&wrapped, app(1), profile(2)).unwrap();
        assert_eq!(again.open(&sealed, belongs).unwrap(), "hunter2, ä");
        assert_ne!(key.seal("hunter2, ä", belongs), sealed, "a nonce is used once");

        for elsewhere in [
            Belongs { app: app(9), ..belongs },
            Belongs { profile: profile(9), ..belongs },
            Belongs { name: &other, ..belongs },
            Belongs { version: 4, ..belongs },
        ] {
            assert!(key.open(&sealed, elsewhere).is_err(), "{elsewhere:?}");
        }
        assert!(master.unwrap(&wrapped, app(1), profile(9)).is_err());
        assert!(MasterKey::new([8; 32]).unwrap(&wrapped, app(1), profile(2)).is_err());
        let (stranger, _) = master.wrap_fresh(app(1), profile(2));
        assert!(stranger.open(&sealed, belongs).is_err());

        let mut bytes = STANDARD.decode(&sealed.ciphertext).unwrap();
        bytes[0] ^= 1;
        let damaged = Sealed { ciphertext: STANDARD.encode(bytes), ..sealed };
        assert!(key.open(&damaged, belongs).is_err());
    }
}
