//! Argon2id off the async threads, and only so many at once.

use super::password::Password;
use crate::error::{Error, Rejection, Result};
use argon2::Argon2;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier, phc};
use conman_domain::access::PasswordHash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// How many callers may wait for their turn; those beyond are sent away.
const LONGEST_QUEUE: usize = 32;

/// A hash of no known password, with the parameters of [`Argon2::default`]: to verify against it takes as long.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5c3NhbHQxMjM0NQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies passwords: one core stays free for everything else.
#[derive(Debug)]
pub(crate) struct Hashing {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Hashing {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(cores.saturating_sub(1).clamp(1, 4))),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Hashing {
    /// How many callers wait or have their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Hashes a password with a fresh salt.
    pub(crate) async fn hash(&self, password: Password) -> Result<PasswordHash> {
        let hashed = self
            .in_turn(move || {
                let hash: Result<phc::PasswordHash, HashError> =
                    Argon2::default().hash_password(password.as_bytes());
                hash.map(|hash| PasswordHash(hash.to_string()))
            })
            .await?;
        hashed.map_err(|error| Error::errored("a password could not be hashed", error))
    }

    /// Tells whether a password is the right one; where there is no hash, the work is the same and the answer no.
    pub(crate) async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool> {
        let verified = self
            .in_turn(move || {
                let known = hash.is_some();
                let text = hash.map_or_else(|| NOBODYS_HASH.to_owned(), |hash| hash.0);
                let parsed = phc::PasswordHash::new(&text).map_err(|_| HashError::PasswordInvalid)?;
                match Argon2::default().verify_password(password.as_bytes(), &parsed) {
                    Ok(()) => Ok(known),
                    Err(HashError::PasswordInvalid) => Ok(false),
                    Err(error) => Err(error),
                }
            })
            .await?;
        verified.map_err(|error| Error::errored("a password could not be verified", error))
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        if before >= LONGEST_QUEUE {
            return Err(Rejection::TooMany { retry_after_seconds: 1 }.into());
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| Error::errored("password hashing was closed", error))?;
        // The turn goes with the work, not with the caller: who stops waiting frees no core.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        let done = done.await.map_err(|error| Error::errored("password hashing stopped", error))?;
        drop(waiting);
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[test]
    fn nobodys_hash_costs_what_real_ones_cost() {
        let real: phc::PasswordHash = Argon2::default().hash_password(b"x").unwrap();
        let nobodys = phc::PasswordHash::new(NOBODYS_HASH).unwrap();
        assert_eq!(real.params, nobodys.params);
        assert_eq!(real.algorithm, nobodys.algorithm);
        assert_eq!(real.version, nobodys.version);
        assert_eq!(real.hash.map(|h| h.len()), nobodys.hash.map(|h| h.len()));
        assert_eq!(real.salt.map(|s| s.len()), nobodys.salt.map(|s| s.len()));
    }

    #[tokio::test]
    async fn right_wrong_and_unknown() {
        let hashing = Hashing::default();
        let hash = hashing.hash(password("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$"));
        assert!(hashing.verify(password("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!hashing.verify(password("correct house"), Some(hash)).await.unwrap());
        assert!(!hashing.verify(password("correct horse"), None).await.unwrap());
        assert_eq!(hashing.waiting(), 0);
    }

    #[tokio::test]
    async fn who_comes_to_a_full_queue_is_sent_away() {
        let hashing = Arc::new(Hashing::default());
        let callers = (0..LONGEST_QUEUE * 3).map(|_| {
            let hashing = Arc::clone(&hashing);
            async move { hashing.verify(password("x"), None).await }
        });
        let answers = futures::future::join_all(callers).await;
        let sent_away =
            answers.iter().filter(|a| matches!(a, Err(Error::Rejected(Rejection::TooMany { .. })))).count();
        assert_eq!(sent_away, LONGEST_QUEUE * 2);
        assert_eq!(hashing.waiting(), 0);
    }
}
