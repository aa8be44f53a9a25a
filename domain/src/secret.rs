//! Secrets of runtime profiles: what everybody may know of them. What they say is sealed elsewhere.

use crate::audit::AuditActor;
use crate::id::{AppId, ProfileId};
use crate::name::ParameterName;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// What a secret says. It does not print, is not written anywhere by itself, and is wiped when it is let go.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

/// Says why a text is no secret, without the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSecret(pub &'static str);

impl SecretText {
    /// The longest secret, in bytes: a certificate with its chain fits.
    pub const LONGEST: usize = 32 * 1024;

    /// Takes a secret.
    ///
    /// # Errors
    /// Refuses an empty one, one that is too long, and NUL, which no environment variable can hold.
    pub fn parse(text: String) -> Result<Self, InvalidSecret> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(InvalidSecret("it must not be empty; remove the secret instead"));
        }
        if text.len() > Self::LONGEST {
            return Err(InvalidSecret("at most 32 KiB"));
        }
        if text.contains('\0') {
            return Err(InvalidSecret("it holds NUL"));
        }
        Ok(Self(text))
    }

    /// What it says; for whoever seals it, and for the one who may see it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What everybody may see of it: nothing of 4 characters or fewer, the last 4 of up to 8, else the first and last 4.
    pub fn masked(&self) -> String {
        const DOTS: &str = "••••";
        let letters: Vec<char> = self.0.chars().collect();
        let last = || letters.iter().skip(letters.len() - 4).collect::<String>();
        match letters.len() {
            0..=4 => DOTS.to_owned(),
            5..=8 => format!("{DOTS}{}", last()),
            _ => format!("{}{DOTS}{}", letters.iter().take(4).collect::<String>(), last()),
        }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// The secrets of a profile, by name.
pub type Secrets = BTreeMap<ParameterName, SecretVersion>;

/// What everybody may know of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretVersion {
    /// The profile's revision in which it got this value.
    pub version: u32,
    /// What may be seen of the value.
    pub masked: String,
    /// Who set it.
    pub set_by: AuditActor,
    /// When.
    pub set_at: Timestamp,
}

/// A value that only the profile's data key opens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Used once, in base64.
    pub nonce: String,
    /// The encrypted value with its tag, in base64.
    pub ciphertext: String,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// One version of a secret as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SealedSecret {
    /// The profile.
    pub profile_id: ProfileId,
    /// The app.
    pub app_id: AppId,
    /// Its name.
    pub name: ParameterName,
    /// The profile's revision in which it got this value.
    pub version: u32,
    /// The value.
    pub sealed: Sealed,
}

/// A profile's data key as it is kept: wrapped by the server's master key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProfileKey {
    /// The profile.
    pub profile_id: ProfileId,
    /// The app.
    pub app_id: AppId,
    /// The data key.
    pub wrapped: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        SecretText::parse(text.to_owned()).unwrap().masked()
    }

    #[test]
    fn masks_show_what_they_may() {
        assert_eq!(masked("abcd"), "••••");
        assert_eq!(masked("abcde"), "••••bcde");
        assert_eq!(masked("abcdefgh"), "••••efgh");
        assert_eq!(masked("abcdefghi"), "abcd••••fghi");
        assert_eq!(masked("äöüßéèà"), "••••ßéèà");
    }

    #[test]
    fn what_is_no_secret_is_refused_and_never_told() {
        for bad in [String::new(), "a\0b".to_owned(), "x".repeat(SecretText::LONGEST + 1)] {
            assert!(SecretText::parse(bad).is_err());
        }
        assert_eq!(format!("{:?}", SecretText::parse("hunter2!".to_owned()).unwrap()), "SecretText(…)");
    }
}
